"""Two columns of text: channel and time, whole numbers, separated by blanks, a comma or a semicolon.

Blank lines and what follows a ``#`` are passed over. Such a file does not say how long its tick is, so that has to be declared.
"""

from __future__ import annotations

import warnings
from collections import Counter
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from hil.drivers.recordings.stream import CHUNK_EVENTS, Chunk, FormatSpec, TagFile
from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["FORMATS", "looks_like_columns", "open_columns"]

_MOST_CHANNELS = 1000


def open_columns(
    name: str, path: Path, tick: Fraction | None, *, time_first: bool, first_channel: int = 0, markers: int | None = None
) -> TagFile:
    """The file under a format's name; its channels are counted from ``first_channel``, and from ``markers`` on are markers."""
    if tick is None:
        raise UsageError(
            f"{path}: a {name} file does not say how long a tick is; declare it with --tick, or `tick` in the bench file, "
            f"such as '156.25 ps'"
        )

    def read() -> Iterator[Chunk]:
        first = 0
        for rows in _rows(path):
            channel, ticks = (rows[:, 1], rows[:, 0]) if time_first else (rows[:, 0], rows[:, 1])
            event = np.ones(channel.size, np.bool_) if markers is None else channel < markers
            over = Counter({"markers": int(np.count_nonzero(~event))})
            yield Chunk(ticks[event], channel[event] - first_channel, first, +over)
            first += int(np.count_nonzero(event))

    return TagFile(path, name, tick, read, partial(_locate, path, time_first=time_first, markers=markers))


def _words(line: str) -> list[str]:
    return line.partition("#")[0].replace(",", " ").replace(";", " ").split()


def _rows(path: Path) -> Iterator[npt.NDArray[np.int64]]:
    """Events, shape (n, 2), a chunk at a time; UsageError names the first line that is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # a time that is not an integer
            while lines := list(islice(file, CHUNK_EVENTS)):
                events = [" ".join(words) for words in map(_words, lines) if words]
                if events:
                    rows = np.loadtxt(events, dtype=np.int64, ndmin=2)
                    if rows.shape[1] != 2:
                        raise UsageError(_first_mistake(path) or f"{path}: not two columns")
                    yield rows
    except (ValueError, Warning) as error:
        raise UsageError(_first_mistake(path) or f"{path}: {error}") from error


def _first_mistake(path: Path) -> str:
    for number, words in _events(path):
        if len(words) != 2 or not all(_is_integer(word) for word in words):
            return (
                f"{path}, line {number}: found {' '.join(words)[:40]!r}; expected two integers, a channel and a time in ticks"
            )
    return ""


def _locate(path: Path, event: int, *, time_first: bool, markers: int | None) -> str:
    wanted = (number for number, words in _events(path) if markers is None or int(words[1 if time_first else 0]) < markers)
    return f"line {next(islice(wanted, event, None))}"


def _events(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield from _numbered(lines)


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        if words := _words(line):
            yield number, words


def _is_integer(word: str) -> bool:
    return word.removeprefix("-").removeprefix("+").isdecimal()


def looks_like_columns(head: bytes, size: int, *, time_first: bool) -> bool:
    """Whether most of the first lines are two whole numbers each, and the channels stand where they should: the small ones.

    Where both columns could be channels, channel and time are taken to stand in this order.
    """
    try:
        lines = head.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return False
    whole = lines if len(head) == size else lines[:-1]
    rows = [words for _, words in _numbered(whole)]
    good = [words for words in rows if len(words) == 2 and all(map(_is_integer, words))]
    if b"\0" in head:
        return False
    if not rows:  # nothing but comments: text without an event
        return not time_first
    if not good or 2 * len(good) < len(rows):
        return False
    first, second = (max(int(words[column]) for words in good) for column in (0, 1))
    return time_first == (second < _MOST_CHANNELS <= first)


FORMATS = (
    FormatSpec(
        "text",
        "two columns of text: channel and time",
        partial(looks_like_columns, time_first=False),
        partial(open_columns, "text", time_first=False),
    ),
    FormatSpec(
        "text-time-first",
        "two columns of text: time and channel",
        lambda head, size: b"," not in head and looks_like_columns(head, size, time_first=True),
        partial(open_columns, "text-time-first", time_first=True),
    ),
)
