"""The folder of one run, and the pointer to the last one."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from pathlib import Path

from hil.errors import UsageError

__all__ = ["RunFolder", "new_run_id"]

_ATTEMPTS = 100


def new_run_id() -> str:
    """A name that sorts by time: ``20260723T081530Z-3fa2c1`` (UTC, then six random digits)."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"


class RunFolder:
    """Where one run keeps its record; workers open the folder the controller made."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(cls, root: Path, *, run_id: str | None = None, exact: Path | None = None) -> RunFolder:
        """Make ``root/runs/<run id>`` and point ``root/latest`` at it, or make ``exact`` and leave ``root`` alone.

        An earlier run's own files in ``exact`` are replaced, anything else in it stays. UsageError when ``exact`` is a file or
        ``run_id`` is taken; OSError when the folder cannot be written.
        """
        if exact is not None:
            return cls(_make_exact(Path(exact).absolute()))
        root = Path(root).absolute()
        runs = root / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        ignore = root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        path = _make_new(runs, run_id)
        _point(root / "latest", path)
        return cls(path)

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def telemetry(self) -> Path:
        """Where series go."""
        return self.path / "telemetry"

    def events_files(self) -> list[Path]:
        """Every worker's events file, by name."""
        return sorted(self.path.glob("events-*.jsonl"))


def _make_new(runs: Path, run_id: str | None) -> Path:
    for _ in range(_ATTEMPTS):
        path = runs / (run_id or new_run_id())
        try:
            path.mkdir()
        except FileExistsError:
            if run_id is not None:
                raise UsageError(f"{path}: a run of that name is recorded already; choose another run id") from None
        else:
            return path
    raise UsageError(f"{runs}: no free run id in {_ATTEMPTS} attempts; expected a folder that can hold new runs")


def _make_exact(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise UsageError(f"--hil-record {path}: found a file; expected a folder, existing or not")
    path.mkdir(parents=True, exist_ok=True)
    for old in [*path.glob("events-*.jsonl"), path / "record.json"]:
        old.unlink(missing_ok=True)
    shutil.rmtree(path / "telemetry", ignore_errors=True)
    return path


def _point(latest: Path, run: Path) -> None:
    """A symbolic link, or where there can be none a text file with the relative path; a real folder there is left alone."""
    target = Path("runs") / run.name
    fresh = latest.with_name(f".latest-{run.name}")
    try:
        fresh.symlink_to(target, target_is_directory=True)
    except (OSError, NotImplementedError):
        fresh.write_text(f"{target.as_posix()}\n", encoding="utf-8")
    try:
        fresh.replace(latest)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
