"""Axes, ticks and paths of charts that are stretched to their place; text stands beside them as HTML and stays readable.

Every plot lives in a view box of ``WIDTH`` by ``HEIGHT`` with its strokes kept from scaling, so that one drawing serves a wide
screen, a phone and paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["HEIGHT", "WIDTH", "Axis", "dots", "line", "linear_axis", "log_axis", "pieces", "thin"]

WIDTH, HEIGHT = 1000, 100
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_GAP = 3.0
"""So many times the usual distance between points is a gap: nothing was measured there, so no line crosses it."""


@dataclass(frozen=True)
class Axis:
    """From the lowest value to the highest, evenly or by decades; values beyond are drawn at the edge."""

    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        if self.log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def holds(self, value: float) -> bool:
        """Whether the value lies between the ends."""
        slack = 1e-9 * (self.high - self.low)
        return self.low - slack <= value <= self.high + slack

    def ticks(self, number: int = 4) -> list[float]:
        """Round values inside the axis, about so many."""
        if self.log:
            return self._decades(number)
        step = _round_step((self.high - self.low) / max(1, number))
        first = math.ceil(self.low / step - 1e-9)
        return [count * step for count in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _decades(self, number: int) -> list[float]:
        """Powers of ten, every so many; or of few decades their halves and fifths too."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for mantissas in ((1, 2, 5), (1, 3), (1,)):
            values = [mantissa * 10.0**power for power in range(first, last + 1) for mantissa in mantissas]
            inside = [value for value in values if self.holds(value)]
            if len(inside) <= number + 1:
                return inside
        return inside[:: -(-len(inside) // (number + 1))]


def linear_axis(lowest: float, highest: float, *, from_zero: bool = True, least: float = 0.0) -> Axis:
    """An even axis with air above, and below where it does not begin at zero; never of no extent."""
    low, high = (min(lowest, 0.0), max(highest, 0.0)) if from_zero else (lowest, highest)
    extent = max(high - low, least, 1e-9 * max(abs(low), abs(high)))
    if extent == 0:
        extent = 1.0
    air = 0.1 * extent
    missing = max(0.0, extent - (high - low)) / 2
    if from_zero:
        return Axis(low - (air if low < 0 else 0.0), low + extent + air)
    return Axis(low - missing - air, high + missing + air)


def log_axis(lowest: float, highest: float) -> Axis:
    """Decades around two positive values."""
    margin = (highest / lowest) ** 0.06 if highest > lowest else 2.0
    return Axis(lowest / margin, highest * margin, log=True)


def thin(times: Floats, values: Floats, columns: int) -> tuple[Floats, Floats]:
    """The same curve with no more points than can be seen.

    Of each column of the drawing the first, lowest, highest and last point stay, so that no excursion is lost however short.
    """
    import numpy as np

    if len(times) <= 4 * columns:
        return times, values
    start, end = float(times[0]), float(times[-1])
    column = np.minimum(((times - start) / (end - start or 1.0) * columns).astype(np.int64), columns - 1)
    edges = np.flatnonzero(np.diff(column)) + 1
    kept: list[int] = []
    for low, high in pairwise([0, *edges.tolist(), len(times)]):
        part = values[low:high]
        kept += sorted({low, low + int(np.argmin(part)), low + int(np.argmax(part)), high - 1})
    return times[kept], values[kept]


def pieces(times: Floats, values: Floats, *, gap: float = _GAP) -> list[tuple[Floats, Floats]]:
    """The series in time order, cut where values are missing and where nothing was measured for a while."""
    import numpy as np

    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    finite = np.isfinite(times) & np.isfinite(values)
    steps = np.diff(times)
    usual = float(np.median(steps[steps > 0])) if np.any(steps > 0) else math.inf
    cuts = np.flatnonzero((steps > gap * usual) | (finite[1:] != finite[:-1])) + 1
    edges = [0, *cuts.tolist(), len(times)]
    return [(times[low:high], values[low:high]) for low, high in pairwise(edges) if high > low and finite[low]]


def line(times: Floats, values: Floats, across: Axis, up: Axis) -> str:
    """An SVG path through the points."""
    points = [f"{_x(across, moment)} {_y(up, value)}" for moment, value in zip(times.tolist(), values.tolist(), strict=True)]
    return f"M{'L'.join(points)}" if points else ""


def dots(times: Floats, values: Floats, across: Axis, up: Axis) -> str:
    """An SVG path of one round dot for each point (strokes of no length with round ends)."""
    pairs = zip(times.tolist(), values.tolist(), strict=True)
    return "".join(f"M{_x(across, moment)} {_y(up, value)}h0" for moment, value in pairs)


def _x(across: Axis, value: float) -> str:
    return f"{WIDTH * across.at(value):.1f}".removesuffix(".0")


def _y(up: Axis, value: float) -> str:
    return f"{HEIGHT * (1.0 - up.at(value)):.2f}".rstrip("0").removesuffix(".")


def _round_step(rough: float) -> float:
    decade = 10.0 ** math.floor(math.log10(rough))
    return next(step * decade for step in _STEPS if step * decade >= rough * (1 - 1e-9))
