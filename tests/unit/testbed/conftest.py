"""A twin of the shipped link with short blocks, opened once; each test is a case of its own on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.bench import shipped
from hil.record.events import checked
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.testbed.link import Link


class Notebook:
    """Keeps events in place of a run's record, which would refuse what this refuses: (kind, case, fields)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def append(self, kind: str, case: str = "", **data: Any) -> None:
        checked(kind, data)
        self.events.append((kind, case, data))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for name, _, data in self.events if name == kind]


def _write_bench(path: Path, *changes: tuple[str, str], name: str = "metro-25km") -> Path:
    """A bench file: a shipped one with each text replaced by another; a text that does not stand in it is a mistake."""
    text = shipped()[name].read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def write_bench() -> Callable[..., Path]:
    """Writes a bench file: path, then any number of (old text, new text) against a shipped bench."""
    return _write_bench


@pytest.fixture(scope="session")
def notebook() -> Notebook:
    """The events of the shared testbed's present test."""
    return Notebook()


@pytest.fixture
def fresh_notebook() -> Notebook:
    """Events of a testbed that a test opens itself."""
    return Notebook()


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory, notebook: Notebook) -> Iterator[Testbed]:
    """Blocks of 200 ms; with the looser epsilon the closed forms want 93 ms for key, and expect 64.6 kbit of such a block."""
    file = _write_bench(
        tmp_path_factory.mktemp("bench") / "short.toml",
        ('block = "1 s"', 'block = "200 ms"'),
        ("epsilon_secrecy = 1e-9", "epsilon_secrecy = 1e-4"),
    )
    with Testbed.open(file, seed=7, log=cast("Any", notebook)) as testbed:
        yield testbed


@pytest.fixture
def testbed(opened: Testbed, notebook: Notebook, request: pytest.FixtureRequest) -> Iterator[Testbed]:
    notebook.events.clear()
    opened.begin(request.node.name)
    yield opened
    opened.end()


@pytest.fixture
def link(testbed: Testbed) -> Link:
    return cast("Link", testbed.link("metro"))
