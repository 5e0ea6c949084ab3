"""Finds a game day by name or path and turns it into an object, or into one error that lists all its mistakes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from hil.bench.toml_file import locate, read_toml
from hil.bench.walk import build, readable, walk
from hil.errors import GamedayFileError
from hil.gamedays.model import Gameday
from hil.testbed.gamedays.gameday_checks import check, replayed_from

if TYPE_CHECKING:
    from hil.errors import Mistake
    from hil.gamedays.model import PlannedFault

__all__ = ["load_gameday", "shipped_gamedays"]


def shipped_gamedays() -> dict[str, Path]:
    """The game days that come with the package, by name."""
    folder = Path(str(files("hil.gamedays"))) / "shipped"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def load_gameday(name_or_path: str | Path) -> Gameday:
    """The game day of that name (a shipped one) or file; nothing is touched.

    Raises UnknownNameError, GamedayFileError with every mistake of the file at once, and UsageError for a file that cannot be
    read.
    A recording that a waveform replays, and a bench that is a file, are looked for beside the game day's own file.
    """
    path = locate(name_or_path, shipped_gamedays(), "game day")
    raw = read_toml(path, "game day", GamedayFileError)
    mistakes: list[Mistake] = []
    walked = walk(raw, Gameday, "", mistakes)
    mistakes += [found for found in check(readable(walked), path.parent) if not _told(found, mistakes)]
    if mistakes:
        raise GamedayFileError(str(path), tuple(mistakes))
    return _beside(cast("Gameday", build(walked)), path.parent)


def _told(found: Mistake, mistakes: list[Mistake]) -> bool:
    """Whether it only follows from a key of the same place that could not be read."""
    return any(f"{mistake.where}.".startswith(f"{found.where}.") for mistake in mistakes)


def _beside(gameday: Gameday, folder: Path) -> Gameday:
    """The same, with its own files found from anywhere."""
    info = gameday.gameday
    if info.bench.endswith(".toml"):
        info = msgspec.structs.replace(info, bench=str(folder / info.bench))
    return msgspec.structs.replace(gameday, gameday=info, fault=tuple(_found(fault, folder) for fault in gameday.fault))


def _found(fault: PlannedFault, folder: Path) -> PlannedFault:
    return msgspec.structs.replace(fault, waveform=replayed_from(fault.waveform, folder))
