"""The fine half of synchronisation: from a coarse peak to a straight line through the coincidences.

First ever narrower bins, halved as long as the peak stands out more clearly; then a straight line with normal jitter on a
flat background, fitted to all differences near it by expectation maximisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hil.pipeline.coincidences import neighbours

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.correlation import CoarsePeak

__all__ = ["Line", "fit_line", "refine"]

_NARROWEST_TICKS = 2.0
_ROUNDS = 200
_SETTLED = 1e-6
_LEAST_VARIANCE = 1.0 / 12.0
"""Of whole ticks: no jitter looks smaller."""
_LARGEST_SHARE = 1.0 - 1e-9
"""There is always some background: far from the peak an event belongs to something."""
_CHUNK = 1 << 16
_MOST_DIFFERENCES = 1 << 21
"""What a fit looks at; of more, every second or third event of Alice is enough."""


@dataclass(frozen=True)
class Line:
    """Bob's time minus Alice's is ``delay_ticks + rate * (t - centre_ticks)`` at her ``t``, with this standard jitter.

    ``coincidences`` lie on it, above ``background_per_tick``; ``rate_error`` is the rate's standard error. Fewer than two
    moments with coincidences make no line: then there are none.
    """

    delay_ticks: float
    rate: float
    centre_ticks: float
    jitter_ticks: float
    coincidences: float
    background_per_tick: float
    rate_error: float


@dataclass(frozen=True)
class _Drift:
    """``across`` is how far the clocks drift apart over the whole recording; all in ticks."""

    delay: float
    across: float
    width: float


def refine(alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], peak: CoarsePeak) -> Line:
    """The straight line through the coincidences of a coarse peak."""
    span = float(alice[-1] - alice[0]) + 1.0
    place = ((alice - peak.centre_ticks) / span).astype(np.float64)
    drift = _Drift(peak.delay_ticks, peak.rate * span, float(peak.bin_ticks))
    best, best_score = drift, 0.0
    while drift.width >= 2.0 * _NARROWEST_TICKS:
        drift, score = _narrower(alice, bob, place, drift)
        if score > best_score:
            best, best_score = drift, score
        elif score < 0.5 * best_score:
            break
    return _fitted(alice, bob, best, span, peak.centre_ticks)


def fit_line(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], delay_ticks: float, rate: float, jitter_ticks: float
) -> Line:
    """The straight line over all events from one that is good to a jitter: ``delay_ticks`` in the middle of Alice's events."""
    span = float(alice[-1] - alice[0]) + 1.0
    start = _Drift(delay_ticks, rate * span, 4.0 * jitter_ticks)
    return _fitted(alice, bob, start, span, float(alice[0]) + span / 2.0)


def _fitted(alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], start: _Drift, span: float, centre: float) -> Line:
    reach = 3.0 * start.width
    by_chance = 2.0 * reach * alice.size * bob.size / span
    every = 1 + int((by_chance + alice.size) // _MOST_DIFFERENCES)
    hers = alice[::every]
    difference, where = _differences(hers, bob, ((hers - centre) / span).astype(np.float64), start, reach)
    line = _fit(difference, where, start, span, centre)
    if every == 1:
        return line
    return replace(line, coincidences=every * line.coincidences, background_per_tick=every * line.background_per_tick)


def _differences(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], place: npt.NDArray[np.float64], drift: _Drift, reach: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Bob's time minus Alice's of all events within ``reach`` of the drift, and the place (-1/2 to 1/2) of each."""
    moved = alice + np.rint(drift.delay + drift.across * place).astype(np.int64)
    hers, his = neighbours(moved, bob, math.ceil(reach))
    return (bob[his] - alice[hers]).astype(np.float64), place[hers]


def _narrower(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], place: npt.NDArray[np.float64], drift: _Drift
) -> tuple[_Drift, float]:
    """The drift whose bin of half the width holds most events, and how clearly it stands out."""
    width = drift.width / 2.0
    reach = 2.5 * drift.width
    edges = np.arange(-reach, reach + width / 4.0, width / 2.0)
    steps = range(-6, 7)
    halves = np.zeros((len(steps), edges.size - 1), np.int64)
    for first in range(0, alice.size, _CHUNK):  # so that memory does not grow with the recording
        chunk = slice(first, first + _CHUNK)
        difference, where = _differences(alice[chunk], bob, place[chunk], drift, reach=4.0 * drift.width)
        for row, step in enumerate(steps):
            halves[row] += np.histogram(difference - (drift.across + step * width) * where - drift.delay, edges)[0]
    counts = halves[:, 1:] + halves[:, :-1]
    row, at = divmod(int(np.argmax(counts)), counts.shape[1])
    most = float(counts[row, at])
    mean = (float(halves[row].sum()) - most) * width / (2.0 * reach - width)
    best = _Drift(drift.delay + float(edges[at + 1]), drift.across + steps[row] * width, width)
    return best, (most - mean) / math.sqrt(max(mean, 1.0))


def _fit(
    difference: npt.NDArray[np.float64], where: npt.NDArray[np.float64], start: _Drift, span: float, centre: float
) -> Line:
    reach = 2.0 * start.width
    design = np.stack([np.ones_like(where), where], axis=1)
    line, variance, share = np.array([start.delay, start.across]), (start.width / 2.0) ** 2, 0.5
    for _ in range(_ROUNDS):
        before = line
        residual = difference - design @ line
        near = np.abs(residual) <= reach
        normal = share * np.exp(-(residual**2) / (2.0 * variance)) / math.sqrt(2.0 * math.pi * variance)
        belongs = np.where(near, normal / (normal + (1.0 - share) / (2.0 * reach)), 0.0)
        if np.unique(where[belongs > 0.5]).size < 2:
            return Line(start.delay, start.across / span, centre, math.sqrt(variance), 0.0, 0.0, math.inf)
        information = design.T @ (design * belongs[:, None])
        line = np.linalg.solve(information, design.T @ (belongs * difference))
        variance = max(_LEAST_VARIANCE, float(belongs @ (difference - design @ line) ** 2 / belongs.sum()))
        share = min(float(belongs.sum() / near.sum()), _LARGEST_SHARE)
        if np.abs(line - before).max() < _SETTLED:
            break
    errors = np.sqrt(variance * np.diag(np.linalg.inv(information)))
    return Line(
        delay_ticks=float(line[0]),
        rate=float(line[1] / span),
        centre_ticks=centre,
        jitter_ticks=math.sqrt(variance),
        coincidences=float(belongs.sum()),
        background_per_tick=float((near.sum() - belongs.sum()) / (2.0 * reach)),
        rate_error=float(errors[1] / span),
    )
