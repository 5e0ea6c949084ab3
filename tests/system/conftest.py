"""Runs suites as a user does: a pytest process of its own, and the record it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hil.bench import shipped
from hil.record.reader import read_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.record.model import Record, VerdictEntry


_SUITES = ("conformance",)


@dataclass(frozen=True)
class Finished:
    """A run that is over: exit code, what it printed on both streams, the folder of its record."""

    code: int
    output: str
    folder: Path

    @property
    def record(self) -> Record:
        """Its record; fails with the output where there is none."""
        assert (self.folder / "record.json").is_file(), self.output
        return read_record(self.folder)

    def verdicts(self, indicator: str) -> list[VerdictEntry]:
        """The verdicts of one indicator, at least one."""
        found = [verdict for verdict in self.record.verdicts if verdict.indicator == indicator]
        assert found, f"no verdict of {indicator}:\n{self.output}"
        return found


@pytest.fixture
def hil_run(tmp_path: Path) -> Callable[..., Finished]:
    """``hil_run("conformance", "-k", "qber", bench="metro-25km", seed=7)`` in an empty folder."""
    counter = iter(range(1000))

    def run(
        *arguments: str,
        bench: str | Path = "metro-25km",
        seed: int = 7,
        suites: tuple[str, ...] = _SUITES,
        paths: tuple[Path, ...] = (),
        cwd: Path | None = None,
    ) -> Finished:
        number = next(counter)
        folder, working = tmp_path / f"record-{number}", cwd or tmp_path / f"cwd-{number}"
        working.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--hil-bench", str(bench), "--hil-seed", str(seed)]
        command += ["--hil-record", str(folder), *arguments]
        command += [str(path) for path in paths] or ["--pyargs", *(f"hil.suites.{suite}" for suite in suites)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}
        done = subprocess.run(command, cwd=working, env=environment, capture_output=True, text=True, timeout=110, check=False)
        return Finished(done.returncode, done.stdout + done.stderr, folder)

    return run


@pytest.fixture
def changed_bench(tmp_path: Path) -> Callable[..., Path]:
    """``changed_bench("[device.bob]", "misalignment = 0.06")``: metro-25km with lines added below a table's head."""

    def change(table: str, lines: str, *, replace: tuple[str, str] | None = None) -> Path:
        text = shipped()["metro-25km"].read_text(encoding="utf-8")
        assert f"\n{table}\n" in text
        text = text.replace(f"\n{table}\n", f"\n{table}\n{lines}\n")
        if replace is not None:
            assert replace[0] in text
            text = text.replace(*replace)
        path = tmp_path / "changed.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return change
