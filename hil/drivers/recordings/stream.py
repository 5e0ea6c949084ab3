"""What every format of time tags is read into: chunks of events, checked as they pass, and their exact tick."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["CHUNK_EVENTS", "Chunk", "FormatSpec", "TagFile", "read_blocks", "unrolled"]

CHUNK_EVENTS = 1 << 18
"""Events read at a time: a few megabytes, whatever the file's size."""


@dataclass(frozen=True)
class Chunk:
    """Events in the order of the file, arrays of shape (n,): int64 ``ticks``, int64 ``channel`` as the file numbers them.

    ``first`` is the number of the first event among the file's events. ``passed_over`` counts records that are no single
    detection, by what they are (a marker, a dummy event).
    """

    ticks: npt.NDArray[np.int64]
    channel: npt.NDArray[np.int64]
    first: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class TagFile:
    """One opened file: its clock's tick in seconds, exact, and its events.

    ``read()`` starts over from the first event. ``locate(n)`` says in words where the n-th event stands in the file.
    """

    path: Path
    format: str
    tick: Fraction
    read: Callable[[], Iterator[Chunk]]
    locate: Callable[[int], str]

    def chunks(self) -> Iterator[Chunk]:
        """The events, each checked to be no earlier than the one before; UsageError names the first that is."""
        last = None
        for chunk in self.read():
            ticks = chunk.ticks
            if last is not None and ticks.size:
                ticks = np.concatenate([[last], ticks])
            back = np.flatnonzero(ticks[1:] < ticks[:-1])
            if back.size:
                at = int(back[0]) + 1
                number = chunk.first + at - (ticks.size - chunk.ticks.size)
                raise UsageError(
                    f"{self.path}, {self.locate(number)}: found time {ticks[at]} after {ticks[at - 1]}; expected ascending "
                    f"times. Check the format ({self.format}), or sort the events by time"
                )
            if ticks.size:
                last = ticks[-1]
            yield chunk


@dataclass(frozen=True)
class FormatSpec:
    """One format: ``recognises(head, size)`` looks at the first bytes of a file of that many bytes in all.

    ``open(path, tick)`` takes the tick that was declared, or None for the format's own; UsageError where neither is there.
    """

    name: str
    title: str
    recognises: Callable[[bytes, int], bool]
    open: Callable[[Path, Fraction | None], TagFile]


def read_blocks(path: Path, record: np.dtype[np.void], *, header: int = 0) -> Iterator[npt.NDArray[np.void]]:
    """Fixed-size records after a header, a chunk at a time; UsageError for a file that ends inside one."""
    size = path.stat().st_size
    left_over = (size - header) % record.itemsize
    if size < header or left_over:
        last_whole = max(0, size - header) // record.itemsize
        raise UsageError(
            f"{path}: truncated: {size} bytes are {f'a header of {header} and ' if header else ''}{last_whole} records of "
            f"{record.itemsize} bytes and {left_over if size >= header else size} bytes more; expected whole records. Copy the "
            f"file again, or cut it off at byte {header + last_whole * record.itemsize}"
        )
    with path.open("rb") as file:
        file.seek(header)
        while block := file.read(CHUNK_EVENTS * record.itemsize):
            yield np.frombuffer(block, record)


def unrolled(ticks: npt.NDArray[np.int64], last: int | None, turns: int, period: int) -> tuple[npt.NDArray[np.int64], int]:
    """Times of a counter that starts over after ``period`` ticks, made to go on; and how often it has started over by then.

    ``ticks`` as the counter showed them, ``last`` the one before them with ``turns`` taken off. A step back of more than
    half a period is a new turn; a smaller one is left for whoever checks the order.
    """
    before = np.concatenate([[ticks[0] if last is None else last], ticks[:-1]])
    new_turns = turns + np.cumsum(before - ticks > period // 2)
    result: npt.NDArray[np.int64] = ticks + new_turns * period
    return result, int(new_turns[-1])
