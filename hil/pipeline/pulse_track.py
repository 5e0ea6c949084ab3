"""Which pulse each click of a block belongs to, counted from any one of them: period and phase, tracked through the block.

From the lines of :mod:`hil.pipeline.pulse_period` on: the block is cut into windows, short enough for the clocks to be straight
in them and long enough for a clear mean phase in each; the phases are followed from window to window by a second-order loop,
and between the windows' centres the correction is a straight line. What is left of a click's phase says how far it lies
from the centre of its pulse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import SynchronisationError
from hil.pipeline.pulse_period import find_lines

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy.typing as npt

    from hil.pipeline.pulse_period import Line

__all__ = ["MAX_OFFSET", "PulseTrack", "track_pulses"]

MAX_OFFSET = 1e-4
"""Largest relative difference of rates that is looked for: twice that of a free-running quartz."""

_FALSE_ALARM = 1e-9
_MOST_WINDOWS = 4096
_USED_CLICKS = 128
_CLEAR = 24.0
"""Clicks in step that make a window's phase clear: its standard error is 0.03 of a period."""
_SEEN = 8.0
_PHASE_GAIN, _RATE_GAIN = 0.5, 0.1


@dataclass(frozen=True)
class PulseTrack:
    """Clicks of a block by pulse.

    ``pulse``: int64 (n,), pulses since the block's first tick, up to one number that is the same for all.
    ``off_centre``: float64
    (n,), distance from the pulse's centre in periods, at most one half. ``rate_offset``: by how much of the nominal rate pulses
    come faster as this clock counts, at the middle of the block; ``end_offset`` at its end. ``start_phase``: the count at the
    first tick, fraction included.
    """

    pulse: npt.NDArray[np.int64]
    off_centre: npt.NDArray[np.float64]
    rate_offset: float
    end_offset: float
    start_phase: float
    coherence: float


def track_pulses(ticks: npt.NDArray[np.int64], first: int, periods_per_tick: Fraction) -> PulseTrack:
    """Follow the pulses through one block; ``ticks`` ascending, from ``first`` on.

    SynchronisationError when the clicks show no period near the nominal one.
    """
    cycles: npt.NDArray[np.float64] = (ticks - first) * np.float64(periods_per_tick)
    lines = find_lines(cycles, MAX_OFFSET, _FALSE_ALARM)
    coherence = max((line.coherence for line in lines), default=0.0)
    windows = min(_MOST_WINDOWS, int(ticks.size * coherence**2 / _CLEAR))
    if windows < 1:
        raise SynchronisationError(
            f"{ticks.size:,} clicks show no period within {MAX_OFFSET * 1e6:g} ppm of the pulses' nominal one; expected clicks "
            "that cluster in the pulses. Check that light comes in, and pulse rate and tick"
        )
    knots, correction = _followed(cycles, lines, windows)
    exact = cycles + np.interp(cycles, knots, correction)
    # np.interp holds its ends; beyond the outermost centres the line goes on
    slopes = np.diff(correction) / np.diff(knots) if knots.size > 1 else np.array([lines[0].offset])
    early, late = int(np.searchsorted(cycles, knots[0])), int(np.searchsorted(cycles, knots[-1]))
    exact[:early] += slopes[0] * (cycles[:early] - knots[0])
    exact[late:] += slopes[-1] * (cycles[late:] - knots[-1])
    pulse = np.rint(exact)
    exact -= pulse
    end_slope = float(correction[-1] - correction[knots.size // 2]) / max(float(knots[-1] - knots[knots.size // 2]), 1.0)
    mean_slope = float(correction[-1] - correction[0]) / max(float(knots[-1] - knots[0]), 1.0)
    few = knots.size < 3
    return PulseTrack(
        pulse=pulse.astype(np.int64),
        off_centre=exact,
        rate_offset=lines[0].offset if few else mean_slope,
        end_offset=lines[0].offset if few else end_slope,
        start_phase=float(correction[0] - slopes[0] * knots[0]),
        coherence=coherence,
    )


def _followed(
    cycles: npt.NDArray[np.float64], lines: list[Line], windows: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Centres of the windows that have a clear phase, and what is to be added to a time there to make pulses whole numbers."""
    used = cycles[:: max(cycles.size // (windows * _USED_CLICKS), 1)]
    width = (float(used[-1] - used[0]) + 1.0) / windows
    starts = float(used[0]) + width * np.arange(windows + 1)
    # base: the lines' frequencies, straight between their places, summed up over the windows
    slope = np.interp(starts[:-1] + width / 2.0, [line.centre for line in lines], [line.offset for line in lines])
    base = np.concatenate([[0.0], np.cumsum(slope * width)])
    window = np.minimum(((used - used[0]) / width).astype(np.int64), windows - 1)
    moved = used + base[window] + slope[window] * (used - starts[window])
    turns = 2.0 * np.pi * (moved - np.floor(moved))
    count = np.bincount(window, minlength=windows)
    phasor = np.bincount(window, np.cos(turns), windows) + 1j * np.bincount(window, np.sin(turns), windows)
    clear = np.flatnonzero(np.abs(phasor) ** 2 >= _SEEN * np.maximum(count, 1))
    if clear.size == 0:
        clear = np.array([int(np.argmax(np.abs(phasor)))])
    centre = np.bincount(window, used, windows)[clear] / count[clear]
    phase = _unwrapped(np.angle(phasor[clear]) / (2.0 * np.pi), clear)
    return centre, base[clear] + slope[clear] * (centre - starts[clear]) - phase


def _unwrapped(phase: npt.NDArray[np.float64], window: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Phases in periods followed over the windows, so that none is lost or won where the rate changes slowly."""
    followed = [float(phase[0])]
    state, rate = followed[0], 0.0
    measured = phase.tolist()
    for number, (before, now) in enumerate(pairwise(window.tolist()), start=1):
        ahead = state + rate * (now - before)
        miss = measured[number] - ahead
        miss -= math.floor(miss + 0.5)
        followed.append(ahead + miss)
        state = ahead + _PHASE_GAIN * miss
        rate += _RATE_GAIN * miss / (now - before)
    return np.array(followed)
