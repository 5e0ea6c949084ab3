"""How events run through an ID900's blocks: inputs, delays, and combiners with their windows.

An event is an instant; widths of pulses are not simulated, so that every event counts as its rising edge. Blocks, what their
ports do and which may follow which: the maker's user manual, section 8.2. The configuration COUNT is that of the maker's own
examples (``coincidences.py``), whose windows say which block feeds which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["COMBINERS", "CONFIGURATIONS", "Combiner", "Routing", "Times"]

Times: TypeAlias = "npt.NDArray[np.int64]"
"""When events were, in ps, ascending; shape (n,)."""

CONFIGURATIONS = ("COUNT", "HISTO")
COMBINERS = 24
_DELAYS = 8
_COUNT = {
    # number: what passes, what opens and closes its window, and where that begins and ends, in coincidence windows
    6: ("DELA6", "DELA1", 0.5, 1.5),
    7: ("DELA7", "DELA1", 1.5, 2.5),
    8: ("DELA8", "DELA1", 2.5, 3.5),
    3: ("DELA7", "DELA2", 1.5, 2.5),
    4: ("DELA8", "DELA2", 2.5, 3.5),
    5: ("DELA8", "DELA3", 2.5, 3.5),
    13: ("TSCO7", "TSCO6", 0.0, 2.0),
    14: ("TSCO8", "TSCO6", 1.0, 3.0),
    15: ("TSCO8", "TSCO7", 0.0, 2.0),
    16: ("TSCO4", "TSCO3", 0.0, 2.0),
    24: ("TSCO15", "TSCO6", 1.0, 3.0),
}
"""Inputs 2, 3 and 4 have a second delay, of one, two and three windows, so that none comes before its window is open."""


def _none() -> Times:
    return np.empty(0, dtype=np.int64)


@dataclass
class Combiner:
    """What it is fed with, and what of it passes in its window and outside; without a window all is inside."""

    first: str = "NONE"
    second: str = "NONE"
    begin: str = "NONE"
    end: str = "NONE"
    begin_ps: int = 0
    end_ps: int = 0
    inside: str = "ONLYFIR"
    outside: str = "ONLYFIR"
    windowed: str = "OFF"

    def passes(self, first: Times, second: Times, begin: Times, end: Times) -> Times:
        """Its events, ascending, from those at its four ports."""
        if self.windowed == "OFF":
            return _operation(self.inside, first, second)
        opened, closed = begin + self.begin_ps, end + self.end_ps
        halves = [(_open(times, opened, closed), times) for times in (first, second)]
        inside = _operation(self.inside, *(times[within] for within, times in halves))
        outside = _operation(self.outside, *(times[~within] for within, times in halves))
        return np.sort(np.concatenate([inside, outside]))


class Routing:
    """Links and delays of one instrument, as one of the maker's configurations sets them and as they are changed then."""

    def __init__(self, window_ps: int) -> None:
        self._window_ps = window_ps
        self.load("COUNT")

    def load(self, configuration: str) -> None:
        """All as that configuration has it."""
        width = self._window_ps
        self.configuration = configuration
        self.delay_ps = dict.fromkeys(range(1, _DELAYS + 1), 0)
        self.delayed = {number: f"INPU{(number - 1) % 4 + 1}" for number in range(1, _DELAYS + 1)}
        self.combiners = {number: Combiner() for number in range(1, COMBINERS + 1)}
        if configuration == "HISTO":
            for number in range(1, 5):
                self.combiners[number + 4].first = f"DELA{number}"
            return
        self.delay_ps |= {number: width * (number - 5) for number in (6, 7, 8)}
        for number, (first, window, begin, end) in _COUNT.items():
            self.combiners[number] = Combiner(
                first=first,
                begin=window,
                end=window,
                begin_ps=round(width * begin),
                end_ps=round(width * end),
                outside="MUTE",
                windowed="ON",
            )

    def events(self, block: str, sources: Mapping[str, Times]) -> Times:
        """What comes out of a block, in ps, ascending; ``sources`` are the events of inputs and generators by their names."""
        return self._events(block, sources, frozenset(), {})

    def _events(self, block: str, sources: Mapping[str, Times], trail: frozenset[str], known: dict[str, Times]) -> Times:
        if block in sources:
            return sources[block]
        if block in known:
            return known[block]
        if block in trail or block[:4] not in {"DELA", "TSCO"}:  # what feeds itself has no events
            return _none()
        number, trail = int(block[4:]), trail | {block}
        if block.startswith("DELA"):
            found = self._events(self.delayed[number], sources, trail, known) + self.delay_ps[number]
        else:
            combiner = self.combiners[number]
            ports = (combiner.first, combiner.second, combiner.begin, combiner.end)
            found = combiner.passes(*(self._events(port, sources, trail, known) for port in ports))
        known[block] = found
        return found


def _operation(name: str, first: Times, second: Times) -> Times:
    """AND: events of both at the same tick."""
    if name == "ONLYFIR":
        return first
    if name == "ONLYSEC":
        return second
    if name == "OR":
        return np.sort(np.concatenate([first, second]))
    return np.intersect1d(first, second) if name == "AND" else _none()


def _open(times: Times, opened: Times, closed: Times) -> npt.NDArray[np.bool_]:
    """Whether a window is open then: the last that opened it came after, or with, the last that closed it."""
    last_opened = np.concatenate([[np.iinfo(np.int64).min], opened])[np.searchsorted(opened, times, side="right")]
    last_closed = np.concatenate([[np.iinfo(np.int64).min], closed])[np.searchsorted(closed, times, side="right")]
    found: npt.NDArray[np.bool_] = (last_opened >= last_closed) & (last_opened > np.iinfo(np.int64).min)
    return found
