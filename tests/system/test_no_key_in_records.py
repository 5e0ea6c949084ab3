"""No key is in anything a run leaves or prints, in whatever spelling, also when a test fails with keys in its hands."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)  # whole runs of suites, on a machine that may be busy

_TESTS = """
import json
import logging
import pathlib


def test_keys_are_delivered(link, key_store, telemetry):
    logging.getLogger("hil").setLevel("DEBUG")
    link.run({duration!r})
    released = link.released()
    told = [of_a.reveal().hex() for _, of_a, _ in released]
    pathlib.Path({told!r}).write_text(json.dumps(told))
    key_store.deliver()
    key_store.a.get_keys(key_store.sae_b)


def test_a_failure_shows_its_locals(link, key_store):
    link.run({duration!r})
    keys = link.released()
    (_, of_a, of_b), *others = keys
    pathlib.Path({failed!r}).write_text(json.dumps([key.reveal().hex() for _, key, _ in keys]))
    key_store.deliver()
    (fetched,) = key_store.a.get_keys(key_store.sae_b)
    assert of_a != of_b, "made to fail"
"""


def _spellings(key: bytes) -> list[bytes]:
    """A key as bytes, hexadecimal, base64 in all three alignments, decimal bytes, and as text of bits."""
    spelled = [key, key.hex().encode(), key.hex().upper().encode(), ", ".join(str(byte) for byte in key).encode()]
    spelled += [base64.b64encode(b"\0" * shift + key)[4:-4] for shift in range(3)]
    spelled += ["".join(f"{byte:08b}" for byte in key).encode(), repr(key)[2:-1].encode()]
    return spelled


def _left(run: Any) -> Iterator[tuple[str, bytes]]:
    """Everything the run left: what it printed, each file, and what is inside archives."""
    yield "its output", run.output.encode()
    for path in sorted(run.folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        yield path.name, content
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    yield f"{path.name}/{name}", archive.read(name)


def _found(run: Any, keys: list[str]) -> list[str]:
    left = [(name, content, content.replace(b" ", b"").replace(b"\n", b"")) for name, content in _left(run)]
    wanted = [spelling for key in keys for spelling in _spellings(bytes.fromhex(key))]
    return [name for name, content, packed in left if any(one in content or one in packed for one in wanted)]


@pytest.mark.parametrize(("bench", "duration", "least"), [("metro-25km", "1 s", 1000), ("entangled-metro", "4 s", 100)])
def test_no_key_is_left_behind(hil_run: Callable[..., Any], tmp_path: Path, bench: str, duration: str, least: int) -> None:
    """Everything a run leaves is searched for one key in 25 of those it made; planted ones are found in every spelling."""
    told, failed = tmp_path / "told.json", tmp_path / "failed.json"
    suite = tmp_path / "test_with_keys.py"
    suite.write_text(_TESTS.format(told=str(told), failed=str(failed), duration=duration), encoding="utf-8")
    allure = tmp_path / "allure"
    run = hil_run("--showlocals", "--log-level=DEBUG", "-rA", f"--alluredir={allure}", bench=bench, paths=(suite,))
    assert run.code == 1, run.output
    assert "made to fail" in run.output
    # a first test that failed would show its own locals, spelled keys among them
    assert "1 failed, 1 passed" in run.output, run.output
    keys = json.loads(told.read_text()) + json.loads(failed.read_text())
    assert len(keys) > least
    sample = keys[::25]
    assert _found(run, sample) == []
    for number, spelling in enumerate(_spellings(bytes.fromhex(sample[0]))):
        planted = run.folder / f"planted-{number}.bin"
        planted.write_bytes(b"before " + spelling + b" after")
        assert _found(run, sample) == [planted.name], f"spelling {number} goes unnoticed"
        planted.unlink()
    assert len(list(allure.iterdir())) > 0
    for path in allure.iterdir():
        (run.folder / f"allure-{path.name}").write_bytes(path.read_bytes())
    assert _found(run, sample) == []
