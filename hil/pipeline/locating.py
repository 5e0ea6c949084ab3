"""Where in a long recording to begin: a piece so short that the clocks hardly wander, and the coarse peak in it.

The search begins with the middle piece and longer ones around it, at delays that a piece can tell. Only when none shows a peak
is the whole recording searched at all delays, and the peak followed back into ever shorter pieces. So the cost does not grow
with the square of the length, and a clock that is no straight line over an hour is still one where the search begins.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hil.pipeline.correlation import find_peak, find_peak_near

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.correlation import CoarsePeak, SearchLimits

__all__ = ["locate"]

_LONGER = 4
_SHORTER = 8
_MOST_NEIGHBOURS = 4e6
"""Differences of events that the refinement of a piece's peak should have to look at."""


def locate(alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], limits: SearchLimits) -> tuple[slice, CoarsePeak]:
    """The piece of Alice's events to begin with, and the best peak in it; the caller looks at the peak's chance."""
    total = int(alice[-1] - alice[0]) + 1
    steady = _steady(alice.size, bob.size, total, limits)
    span = steady
    while span < total:
        piece = _around(alice, int(alice[0]) + total // 2, span)
        if piece.stop - piece.start >= 2:
            peak = find_peak(alice[piece], bob, limits, whole=False)
            if peak.chance < limits.false_alarm:
                return _followed_back(alice, bob, (piece, peak), steady, limits)
        span *= _LONGER
    return _followed_back(alice, bob, (slice(0, alice.size), find_peak(alice, bob, limits)), steady, limits)


def _followed_back(
    alice: npt.NDArray[np.int64],
    bob: npt.NDArray[np.int64],
    found_in: tuple[slice, CoarsePeak],
    steady: int,
    limits: SearchLimits,
) -> tuple[slice, CoarsePeak]:
    """The peak in the shortest piece of that one, no shorter than steady, that still shows it."""
    piece, peak = found_in
    span = int(alice[piece][-1] - alice[piece][0]) + 1
    while span > steady and peak.chance < limits.false_alarm:
        span = max(span // _SHORTER, steady)
        first = max(alice[piece][0], bob[0] - peak.delay_ticks)
        last = min(alice[piece][-1], bob[-1] - peak.delay_ticks)
        centre = int(first + (last - first) / 2)  # of the time in which both recorded
        shorter = _around(alice, centre, span)
        if shorter.stop - shorter.start < 2:
            break
        delay = round(peak.delay_ticks + peak.rate * (centre - peak.centre_ticks))
        found = find_peak_near(alice[shorter], bob, (delay - 4 * peak.bin_ticks, delay + 4 * peak.bin_ticks), limits)
        if not found.chance < limits.false_alarm:
            break
        piece, peak = shorter, found
    return piece, peak


def _steady(hers: int, his: int, total: int, limits: SearchLimits) -> int:
    """How long the first piece is: as declared, and no longer than its number of events allows."""
    affordable = math.sqrt(_MOST_NEIGHBOURS / (limits.max_rate * hers * his)) * total if limits.max_rate > 0 else total
    return max(1, int(min(limits.steady_ticks or total, affordable)))


def _around(alice: npt.NDArray[np.int64], centre: int, span: int) -> slice:
    return slice(*np.searchsorted(alice, [centre - span // 2, centre - span // 2 + span]).tolist())
