"""The period of a pulsed source, out of nothing but when a receiver clicked.

Times are counted in nominal pulse periods. Pulses that come at ``1 + offset`` times the nominal rate leave a line at that
frequency in the spectrum of the clicks. A few hundred clicks show it: their phases are summed in bins too short for the search
range to turn them, and one FFT over the bins tries all frequencies of the range at once.

Of n independent clicks without any period the power ``|sum exp|^2 / n`` of one frequency exceeds x with probability
``exp(-x)`` (Rayleigh's test: K. V. Mardia, P. E. Jupp, "Directional Statistics", Wiley 2000, section 6.3.1), so the
highest of F frequencies has ``chance = F exp(-x)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Line", "find_lines"]

_TURN_IN_BIN = 1.0 / 8.0
_CLICKS = 256
_GROWTH = 4
_PLACES = 5
_LONGEST = 1 << 22
"""Bins of one FFT; clicks that are sparser than it can span are taken fewer at a time."""


@dataclass(frozen=True)
class Line:
    """The strongest line among some clicks around ``centre``: what share of the nominal rate is to be added to it.

    ``coherence``: mean resultant length of the clicks' phases, 1 for clicks that are all exactly in step; ``chance`` is that of
    such a line among clicks without any period.
    """

    centre: float
    offset: float
    coherence: float
    chance: float


def find_lines(cycles: npt.NDArray[np.float64], max_offset: float, false_alarm: float) -> list[Line]:
    """Lines at a few places of a block, in order; empty where there is none beyond chance anywhere.

    ``cycles``, shape (n,), ascending: times of clicks in nominal pulse periods. Each place starts with a few hundred clicks,
    over which hardly any clock drifts, and takes more where those show nothing.
    """
    clicks = _CLICKS
    while True:
        count = min(clicks, cycles.size)
        places = max(min(_PLACES, cycles.size // max(count, 1)), 1)
        starts = np.linspace(0, cycles.size - count, places).astype(int) if places > 1 else [(cycles.size - count) // 2]
        lines = [_line(cycles[start : start + count], max_offset) for start in starts]
        found = [line for line in lines if line.chance < false_alarm]
        if found or count == cycles.size:
            return found
        clicks *= _GROWTH


def _line(cycles: npt.NDArray[np.float64], max_offset: float) -> Line:
    width = _TURN_IN_BIN / max_offset
    cycles = cycles[cycles < cycles[0] + width * _LONGEST] if cycles.size else cycles
    if cycles.size < 2:
        return Line(0.0, 0.0, 0.0, 1.0)
    since = cycles - cycles[0]
    place = (since / width).astype(np.int64)
    size = 1 << (2 * int(place[-1]) + 1).bit_length()
    turns = 2.0 * np.pi * (cycles - np.floor(cycles))
    bins = np.bincount(place, np.cos(turns), size) + 1j * np.bincount(place, np.sin(turns), size)
    reach = math.ceil(max_offset * width * size)
    spectrum = np.fft.fft(bins)
    # clicks at whole numbers of cycles * (1 + offset) turn backwards as cycles go on
    power = np.abs(np.concatenate([spectrum[:1], spectrum[: -reach - 1 : -1], spectrum[reach:0:-1]])) ** 2 / cycles.size
    steps = np.concatenate([[0], np.arange(1, reach + 1), np.arange(-reach, 0)])
    best = int(np.argmax(power))
    offset = (steps[best] + _vertex(power, best)) / (width * size)
    middle = float(cycles[0] + cycles[-1]) / 2.0
    strongest = float(power[best])
    chance = min(1.0, power.size * math.exp(-strongest))
    return Line(middle, float(offset), math.sqrt(min(strongest / cycles.size, 1.0)), chance)


def _vertex(power: npt.NDArray[np.float64], best: int) -> float:
    """Where between its neighbours a peak really is, by a parabola."""
    below, at, above = (float(power[(best + step) % power.size]) for step in (-1, 0, 1))
    bend = below - 2.0 * at + above
    return 0.5 * (below - above) / bend if bend < 0.0 else 0.0
