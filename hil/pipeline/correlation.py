"""The coarse half of synchronisation: find delay and rate of two clocks, from nothing but when their events happened.

Alice's recording is cut into segments so short that the clocks hardly drift within one. Each is correlated with Bob's events
by FFT over binned times, and the segments' correlations are added up along every straight drift that the clocks may have.
The cost depends on how far delay and rate are searched, hardly on the number of events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CoarsePeak", "SearchLimits", "find_peak", "find_peak_near"]

_SEGMENTS = 8
_NARROWEST_BIN_TICKS = 16
_MOST_BINS = 1 << 20
"""Delays that a piece of a recording is searched for."""
_NEARBY_BINS = 32
"""Bins to either side of a lag whose mean is its background: slow changes of the rates raise both alike."""


@dataclass(frozen=True)
class SearchLimits:
    """How far to look: rates up to ``max_rate`` of either sign; delays up to ``near_ticks`` first, then all that overlap.

    ``false_alarm``: probability that events without any relation give a peak somewhere. ``steady_ticks``: how long both clocks
    are taken to run evenly, None for any length; a longer recording is searched and followed in pieces.
    """

    max_rate: float = 25e-6
    near_ticks: int = 10_000_000
    false_alarm: float = 1e-6
    steady_ticks: int | None = None

    @classmethod
    def for_tick(cls, tick_s: float) -> SearchLimits:
        """Delays up to 2 ms first; clocks that run evenly for a second, as quartz does to about a nanosecond."""
        return cls(near_ticks=math.ceil(2e-3 / tick_s), steady_ticks=math.ceil(1.0 / tick_s))


@dataclass(frozen=True)
class CoarsePeak:
    """The most significant bin: Bob's time is ``delay_ticks + rate * (t - centre_ticks)`` after Alice's ``t``.

    Good to about two of its bins of ``bin_ticks``. ``counts`` were found where ``expected`` would be there by chance, which has
    ``chance`` to happen anywhere in the search.
    """

    delay_ticks: float
    rate: float
    centre_ticks: float
    bin_ticks: int
    counts: float
    expected: float
    chance: float


def find_peak(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], limits: SearchLimits, *, whole: bool = True
) -> CoarsePeak:
    """The best peak near zero delay if it is beyond chance, else the best of all delays; the caller looks at its chance.

    Without ``whole``, Alice's events are a piece of her recording, and all delays are the 2^20 nearest bins.
    """
    low, high = int(bob[0] - alice[-1]), int(bob[-1] - alice[0])
    if not whole:
        reach = _MOST_BINS // 2 * _bin_ticks(alice, limits.max_rate)
        low, high = max(low, -reach), min(high, reach)
    near = max(low, -limits.near_ticks), min(high, limits.near_ticks)
    if near[0] < near[1]:
        peak = _search(alice, bob, near, limits.max_rate)
        if peak.chance < limits.false_alarm or near == (low, high):
            return peak
    return _search(alice, bob, (low, max(low, high)), limits.max_rate)


def find_peak_near(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], lags_ticks: tuple[int, int], limits: SearchLimits
) -> CoarsePeak:
    """The best peak among delays from the first to the last of ``lags_ticks``."""
    return _search(alice, bob, lags_ticks, limits.max_rate)


def _bin_ticks(alice: npt.NDArray[np.int64], max_rate: float) -> int:
    drift = math.ceil(max_rate * (int(alice[-1] - alice[0]) + 1))
    return max(_NARROWEST_BIN_TICKS, math.ceil(drift / _SEGMENTS))


def _search(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], lags_ticks: tuple[int, int], max_rate: float
) -> CoarsePeak:
    span = int(alice[-1] - alice[0]) + 1
    drift = math.ceil(max_rate * span)
    width = _bin_ticks(alice, max_rate)
    first = (lags_ticks[0] - drift) // width - _NEARBY_BINS
    lags = (lags_ticks[1] + drift) // width + _NEARBY_BINS - first + 1
    there = slice(*np.searchsorted(bob - alice[0], [first * width, span + (first + lags + 1) * width]).tolist())
    counts = _by_segment(alice - alice[0], bob[there] - alice[0], width, first, lags)
    background = _nearby_mean(counts)
    excess = counts - background
    most = math.ceil(drift / width)
    steps = range(-most, most + 1)
    heights = np.stack([_along(excess, step) for step in steps])
    best, at = divmod(int(np.argmax(heights)), heights.shape[1])
    step = steps[best]
    height, expected = float(_along(counts, step)[at]), float(_along(background, step)[at])
    return CoarsePeak(
        delay_ticks=float((first + _NEARBY_BINS + at) * width),
        rate=step * width / span,
        centre_ticks=float(alice[0]) + span / 2.0,
        bin_ticks=width,
        counts=height,
        expected=expected,
        chance=min(1.0, _at_least(height, expected) * lags * len(steps)),
    )


def _by_segment(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], width: int, first: int, lags: int
) -> npt.NDArray[np.float64]:
    """Pairs of events by segment of Alice's recording and by lag in bins, from ``first`` on: shape (segments, lags)."""
    alice_bin, bob_bin = alice // width, bob // width
    bins = int(alice_bin[-1]) // _SEGMENTS + 1
    size = 1 << (bins + lags - 1).bit_length()
    counts = np.empty((_SEGMENTS, lags))
    for segment in range(_SEGMENTS):
        start = segment * bins
        hers = _histogram(alice_bin, start, bins)
        his = _histogram(bob_bin, start + first, bins + lags)
        product = np.conj(np.fft.rfft(hers, size)) * np.fft.rfft(his, size)
        counts[segment] = np.rint(np.fft.irfft(product, size)[:lags])
    return counts


def _histogram(event_bins: npt.NDArray[np.int64], start: int, bins: int) -> npt.NDArray[np.int64]:
    inside = event_bins[slice(*np.searchsorted(event_bins, [start, start + bins]))]
    return np.bincount(inside - start, minlength=bins)


def _nearby_mean(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    padded = np.pad(counts, ((0, 0), (_NEARBY_BINS + 1, _NEARBY_BINS)), mode="edge")
    padded[:, 0] = 0.0
    sums = np.cumsum(padded, axis=1)
    window = 2 * _NEARBY_BINS + 1
    mean: npt.NDArray[np.float64] = (sums[:, window:] - sums[:, :-window]) / window
    return mean


def _along(values: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.float64]:
    """The segments' values added up as if the clocks drifted ``step`` bins from one end of the recording to the other."""
    inner = values.shape[1] - 2 * _NEARBY_BINS
    middle = (_SEGMENTS - 1) / 2.0
    total = np.zeros(inner)
    for segment in range(_SEGMENTS):
        begin = _NEARBY_BINS + round(step * (segment - middle) / _SEGMENTS)
        total += values[segment, begin : begin + inner]
    return total


def _at_least(counts: float, expected: float) -> float:
    """Probability of so many events or more in a Poisson process."""
    from scipy.special import pdtrc

    return float(pdtrc(counts - 1.0, expected))
