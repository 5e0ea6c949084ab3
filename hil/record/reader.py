"""Finding and reading a finished run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hil.errors import UsageError
from hil.record.model import SCHEMA_VERSION, Record

__all__ = ["find_run", "read_record"]


class _Version(msgspec.Struct):
    schema_version: int


def find_run(run: Path | str = "latest", root: Path = Path(".hil")) -> Path:
    """The folder of a run given as a folder, a ``record.json``, a run id, or ``latest``; UsageError when there is none."""
    given = Path(run)
    if given.name == "record.json" and given.is_file():
        return given.parent
    if given.is_dir():
        return given
    if str(run) == "latest":
        return _latest(Path(root))
    by_id = Path(root) / "runs" / given.name
    if given.name == str(run) and by_id.is_dir():
        return by_id
    raise UsageError(f"no run at {given}; expected a run's folder, its record.json, a run id under {root}/runs, or 'latest'")


def read_record(run: Path | str = "latest", root: Path = Path(".hil")) -> Record:
    """The record of a run, given as in :func:`find_run`.

    UsageError, saying what is wrong, for a run that was never finished, a file that is no record, and one written by a newer
    version.
    """
    folder = find_run(run, root)
    path = folder / "record.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{folder}: no record.json in it; {_unfinished(folder)}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        version = msgspec.json.decode(content, type=_Version).schema_version
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: is no run record ({error}); expected JSON with a schema_version") from None
    if version > SCHEMA_VERSION:
        raise UsageError(f"{path}: has schema version {version}, this hil reads up to {SCHEMA_VERSION}; use a newer one")
    try:
        return msgspec.json.decode(content, type=Record)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: does not fit schema version {version} ({error})") from None


def _unfinished(folder: Path) -> str:
    files = len(list(folder.glob("events-*.jsonl")))
    if files:
        plural = "file" if files == 1 else "files"
        return f"the run ended before it was finished ({files} events {plural} left)"
    return "expected the folder of a run, such as one under .hil/runs"


def _latest(root: Path) -> Path:
    latest = root / "latest"
    if latest.is_dir():
        return latest.resolve()
    if latest.is_file():  # where there are no symbolic links
        pointed = root / latest.read_text(encoding="utf-8").strip()
        if pointed.is_dir():
            return pointed
    raise UsageError(f"no last run under {root.absolute()}; run a suite here first, or name a run's folder")
