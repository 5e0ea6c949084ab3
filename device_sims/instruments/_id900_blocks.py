"""An ID900's histograms and raw time stamps: what they make of the events of one record.

Each stop is timed from the last event at the reference; before the first one, or without a reference, from the record's
beginning (user manual, sections 6.3.4, 8.2.1.7 and 9.2.9). The same source at both ports gives the time between neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from ._id900_routing import Routing, Times

__all__ = ["MOST_BINS", "Histogram", "Raw"]

MOST_BINS = 16_384


def _timed(routing: Routing, sources: Mapping[str, Times], reference: str, stop: str) -> tuple[Times, Times, Times]:
    """When each stop was, its time from its reference, and how many references there were until then."""
    stops = routing.events(stop, sources)
    if stop == reference:
        return stops[1:], np.diff(stops), np.arange(1, max(stops.size, 1))
    references = routing.events(reference, sources)
    number = np.searchsorted(references, stops, side="right")
    since = np.concatenate([np.zeros(1, dtype=np.int64), references])[number]
    return stops, stops - since, number


@dataclass
class Histogram:
    """One histogram block. ``flushed_ps``: events of the running record before then are no longer in it."""

    reference: str
    stop: str
    minimum_ps: int = 0
    width_ps: int = 100
    bins: int = 1000
    flushed_ps: int = 0
    finished: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(MOST_BINS, dtype=np.int64))
    """Of records that are over."""

    def flush(self, at_ps: int) -> None:
        """Empty it, at that time of the running record."""
        self.finished = np.zeros(MOST_BINS, dtype=np.int64)
        self.flushed_ps = at_ps

    def of(self, routing: Routing, sources: Mapping[str, Times]) -> npt.NDArray[np.int64]:
        """Stops of a record in every bin."""
        when, values, _ = _timed(routing, sources, self.reference, self.stop)
        bins = (values[when >= self.flushed_ps] - self.minimum_ps) // self.width_ps
        return np.bincount(bins[(bins >= 0) & (bins < self.bins)], minlength=MOST_BINS).astype(np.int64)

    def finish(self, routing: Routing, sources: Mapping[str, Times]) -> None:
        """A record is over."""
        self.finished += self.of(routing, sources)
        self.flushed_ps = 0


@dataclass
class Raw:
    """One raw block: whether it sends, and how many time stamps were lost since the errors were cleared."""

    reference: str
    stop: str
    sending: str = "OFF"
    errors: int = 0

    def stamps(self, routing: Routing, sources: Mapping[str, Times]) -> tuple[Times, Times]:
        """Time stamps of a record and the reference index of each."""
        _, values, number = _timed(routing, sources, self.reference, self.stop)
        return values, number
