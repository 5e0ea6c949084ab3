"""One time axis for a whole run, whose tests each begin at bench time zero: they are laid end to end."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.record.model import Record

__all__ = ["begun_s", "offsets_s"]


def offsets_s(record: Record) -> dict[str, float]:
    """When each case begins on the run's axis, in seconds: after all that the cases before it saw. In the record's order."""
    lengths: dict[str, float] = {test.case: 0.0 for test in record.tests}
    for case, time_s in _moments(record):
        lengths[case] = max(lengths.get(case, 0.0), time_s)
    offsets, at_s = {}, 0.0
    for case, length_s in lengths.items():
        offsets[case] = at_s
        at_s += length_s
    return offsets


def begun_s(record: Record) -> float:
    """Unix time at which a run began."""
    return datetime.fromisoformat(record.started).timestamp()


def _moments(record: Record) -> Iterator[tuple[str, float]]:
    """The ends of everything that has a bench time."""
    for block in record.blocks:
        yield block.case, block.end_s
    for fault in record.faults:
        yield fault.case, fault.end_s
    for entry in record.timeline:
        yield entry.case, entry.time_s
    for series in record.series:
        for column in series.columns:
            yield series.case, column.end_s or 0.0
