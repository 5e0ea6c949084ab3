"""A clock followed piece by piece through a long recording, because over minutes no clock is a straight line.

From the piece where the peak was found the walk goes both ways. In each piece the coincidences' mean difference is found near
where the pieces before it point to; a piece with too few of them keeps to the prediction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.pipeline.coincidences import neighbours

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.refinement import Line

__all__ = ["Knot", "Walk", "follow"]

_ENOUGH = 200.0
_LEAST = 10.0
_MOST_PIECES = 4000
_LEAST_PIECES = 4
_REACH_JITTERS = 8.0
_GAIN = 0.5
_ROUNDS = 12
_FALSE_ALARM = 1e-6
_VISIBLE_JITTERS = 0.25


@dataclass(frozen=True)
class Knot:
    """At Alice's ``at_ticks`` Bob's time minus hers is ``delay_ticks``, with this standard error."""

    at_ticks: float
    delay_ticks: float
    error_ticks: float


@dataclass(frozen=True)
class Walk:
    """Knots in order of time, and the straight line through them: ``delay_ticks`` at ``centre_ticks``.

    ``wanders``: no straight line explains them, by more than chance and by more than a quarter of the jitter.
    """

    knots: tuple[Knot, ...]
    delay_ticks: float
    rate: float
    rate_error: float
    centre_ticks: float
    wanders: bool


def follow(alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], line: Line, span_ticks: float) -> Walk | None:
    """The walk over all of Alice's events from the line that was found in ``span_ticks`` of them.

    None where there are too few coincidences for a handful of pieces: then the line is all that can be known.
    """
    first, last = int(alice[0]), int(alice[-1])
    length = max(span_ticks * _ENOUGH / line.coincidences, (last - first + 1) / _MOST_PIECES)
    middle = min(max(line.centre_ticks, first), last)
    ahead = _walk(alice, bob, line, np.arange(middle, last + length, length))
    back = _walk(alice, bob, line, np.arange(middle, first - length, -length))
    knots = (*reversed(back), *ahead)
    return _straightened(knots, line) if len(knots) >= _LEAST_PIECES else None


def _walk(alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], line: Line, edges: npt.NDArray[np.float64]) -> list[Knot]:
    """Knots from piece to piece, in the direction of the edges."""
    at, delay, rate = line.centre_ticks, line.delay_ticks, line.rate
    knots: list[Knot] = []
    for one, other in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = slice(*np.searchsorted(alice, sorted((one, other))).tolist())
        centre = (one + other) / 2.0
        predicted = delay + rate * (centre - at)
        away, weight = _centre(alice[inside], bob, (predicted, rate, centre), line)
        if weight >= _LEAST:
            rate += _GAIN * away / (centre - at)
            at, delay = centre, predicted + away
            knots.append(Knot(at, delay, line.jitter_ticks / math.sqrt(weight)))
    return knots


def _centre(
    hers: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], prediction: tuple[float, float, float], line: Line
) -> tuple[float, float]:
    """How far the mean difference is from the prediction, and the number of coincidences it rests on."""
    delay, rate, centre = prediction
    reach = _REACH_JITTERS * line.jitter_ticks + 2.0
    expected = delay + rate * (hers - centre)
    whole = np.rint(expected)
    i, j = neighbours(hers + whole.astype(np.int64), bob, math.ceil(reach))
    away = (bob[j] - hers[i] - whole[i].astype(np.int64)).astype(np.float64) + (whole - expected)[i]
    if away.size < _LEAST:
        return 0.0, 0.0
    width = 2.0 * line.jitter_ticks
    starts = np.arange(-reach, reach - width / 2.0, width / 4.0)
    ordered = np.sort(away)
    mean = float(starts[np.argmax(np.searchsorted(ordered, starts + width) - np.searchsorted(ordered, starts))]) + width / 2.0
    share, weight = 0.5, 0.0
    for _ in range(_ROUNDS):
        normal = np.exp(-((away - mean) ** 2) / (2.0 * line.jitter_ticks**2)) / (line.jitter_ticks * math.sqrt(2.0 * math.pi))
        belongs = share * normal / (share * normal + (1.0 - share) / (2.0 * reach))
        weight = float(belongs.sum())
        if weight < 1.0:
            return 0.0, 0.0
        mean, share = float(belongs @ away) / weight, min(weight / away.size, 1.0 - 1e-9)
    return mean, weight


def _straightened(knots: tuple[Knot, ...], line: Line) -> Walk:
    from scipy.special import chdtrc

    at = np.array([knot.at_ticks for knot in knots])
    error = np.array([knot.error_ticks for knot in knots])
    centre = line.centre_ticks
    away = np.array([knot.delay_ticks for knot in knots]) - line.delay_ticks - line.rate * (at - centre)
    scale = float(np.ptp(at))
    design = np.stack([np.ones_like(at), (at - centre) / scale], axis=1) / error[:, None]
    found = np.linalg.lstsq(design, away / error, rcond=None)[0]
    residual = away / error - design @ found
    freedom = at.size - 2
    squares = float(residual @ residual)
    visible = float(np.abs(residual * error).max()) > _VISIBLE_JITTERS * line.jitter_ticks
    variance = np.linalg.inv(design.T @ design)[1, 1] * max(1.0, squares / freedom)
    return Walk(
        knots=knots,
        delay_ticks=line.delay_ticks + float(found[0]),
        rate=line.rate + float(found[1]) / scale,
        rate_error=math.sqrt(float(variance)) / scale,
        centre_ticks=centre,
        wanders=visible and float(chdtrc(freedom, squares)) < _FALSE_ALARM,
    )
