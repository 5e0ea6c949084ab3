"""What lies along a time axis beside the curves: fault windows, moments, blocks; positions in per cent from the left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._numbers import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.record.model import BlockEntry, FaultEntry, TimelineEntry

    from ._svg import Axis

__all__ = ["Band", "Brick", "Mark", "bands", "bricks", "marks", "moment"]

_MOST_BRICKS = 400
_LETTER = 0.9
"""Roughly how many per cent of the axis a letter of a label takes on a screen of ordinary width."""


@dataclass(frozen=True)
class Band:
    """A fault window and the lane its label stands in, anchored at its right end when it would run out of the picture."""

    number: int
    left: float
    width: float
    lane: int
    fault: str
    words: str
    healed: bool
    flipped: bool


@dataclass(frozen=True)
class Mark:
    """A moment."""

    at: float
    kind: str
    words: str


@dataclass(frozen=True)
class Brick:
    """A block: key or none."""

    left: float
    width: float
    released: bool
    words: str


def moment(time_s: float) -> str:
    """A bench time as charts and lists write it: 12.5 s, 3,600 s is 60 min."""
    return quantity(time_s, "s", digits=4)


def bands(faults: Sequence[FaultEntry], across: Axis) -> tuple[tuple[Band, ...], int]:
    """Fault windows in order of time, their labels in as many lanes as they need to stay apart."""
    free: list[float] = []
    placed = []
    for number, fault in enumerate(faults, start=1):
        left, right = 100 * across.at(fault.start_s), 100 * across.at(fault.end_s)
        reach = _LETTER * (len(fault.fault) + 6)
        flipped = left + reach > 100
        begins, ends = (min(left, right - reach), right) if flipped else (left, max(right, left + reach))
        lane = next((lane for lane, until in enumerate(free) if until <= begins + 1e-6), len(free))
        free[lane : lane + 1] = [ends]
        words = f"{fault.fault} on {fault.target}, {moment(fault.start_s)} to {moment(fault.end_s)}"
        width = round(right - left, 3)
        placed.append(Band(number, round(left, 3), width, lane, fault.fault, words, fault.healed, flipped))
    return tuple(placed), len(free)


def marks(moments: Sequence[TimelineEntry], across: Axis) -> tuple[Mark, ...]:
    """First keys and notes; the edges of a fault window say themselves when it began and ended."""
    return tuple(
        Mark(round(100 * across.at(entry.time_s), 3), entry.kind, f"{moment(entry.time_s)}: {entry.text}")
        for entry in moments
        if entry.kind in {"key", "note"} and across.holds(entry.time_s)
    )


def bricks(blocks: Sequence[BlockEntry], across: Axis) -> tuple[Brick, ...]:
    """One brick for each block; none where there are more blocks than could be told apart."""
    if len(blocks) > _MOST_BRICKS:
        return ()
    placed = []
    for block in blocks:
        left, right = 100 * across.at(block.start_s), 100 * across.at(block.end_s)
        words = f"block {block.sequence}, {moment(block.start_s)} to {moment(block.end_s)}: {block.sentence or 'no word of it'}"
        placed.append(Brick(round(left, 3), round(right - left, 3), block.released, words))
    return tuple(placed)
