"""Bring two parties' event times onto one clock, from the events alone.

Delay and rate of Bob's clock against Alice's are found by cross-correlation and a straight-line fit. How far that goes:
n coincidences with jitter s fix the delay to s / sqrt(n) and the drift over the recording to 3.5 s / sqrt(n) ticks, about a
tenth and a third of a tick for 800 coincidences of 3 ticks. Whole ticks were lost when Bob's clock rounded, so which events sit
right at the edge of a coincidence window would follow from noise in the digits beyond. The result is therefore stated with no
more digits than the data support: the rate with the fewest decimals of a ppm within two standard errors, the delay in half
ticks (a clock rounds, or it cuts off) with the half under which the correlation is sharper. Times that were whole ticks of
Alice's clock before such a clock told them come back exactly.

A recording longer than the clocks run evenly is searched in a piece of it, and followed from there; a clock that wanders about
its straight line keeps the knots of that walk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import SynchronisationError
from hil.pipeline.coincidences import neighbours
from hil.pipeline.correlation import SearchLimits
from hil.pipeline.following import follow
from hil.pipeline.locating import locate
from hil.pipeline.refinement import fit_line, refine

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.correlation import CoarsePeak
    from hil.pipeline.following import Knot
    from hil.pipeline.refinement import Line

__all__ = ["ClockMap", "SearchLimits", "Synchronisation", "synchronise"]

_LEAST_COINCIDENCES = 10.0
_SHOWN_JITTERS = 20
_CHUNK = 1 << 18


@dataclass(frozen=True)
class ClockMap:
    """Bob's clock reads ``delay_ticks + (1 + rate) * t`` when Alice's reads ``t``, light's way between them included.

    ``delay_ticks`` is a multiple of one half. ``wander``: (Alice's tick, ticks that his clock is ahead of that line there), in
    order of time, straight in between; empty for a clock that runs evenly.
    """

    delay_ticks: float
    rate: float
    wander: tuple[tuple[float, float], ...] = field(default=(), repr=False)

    @property
    def rate_ppm(self) -> float:
        """How much faster Bob's clock runs, in millionths."""
        return self.rate * 1e6

    @property
    def wander_ticks(self) -> float:
        """From the furthest behind the straight line to the furthest ahead."""
        ahead = [ticks for _, ticks in self.wander]
        return max(ahead) - min(ahead) if ahead else 0.0

    def to_alice(self, bob: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Bob's times in whole ticks of Alice's clock, ascending as they came."""
        moved = self._straight(bob)
        if not self.wander:
            return moved
        at, ahead = np.array(self.wander).T
        for _ in range(2):  # the wander is so slow that its own effect on where it is read is below a tick
            moved = self._straight(bob - np.rint(np.interp(moved, at, ahead)).astype(np.int64))
        return np.maximum.accumulate(moved)

    def _straight(self, bob: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        whole = math.floor(self.delay_ticks)
        since = bob - whole
        drift = since * (self.rate / (1.0 + self.rate))  # small, so that it stays exact where the times are large
        rest = (self.delay_ticks - whole) / (1.0 + self.rate)
        moved: npt.NDArray[np.int64] = since - np.rint(drift + rest).astype(np.int64)
        return moved


@dataclass(frozen=True)
class Synchronisation:
    """What was found, and how well.

    ``lags_ticks`` and ``counts``, int64 (n,): correlation histogram of Bob's time on Alice's clock minus hers, in bins of one
    tick, the peak at zero. ``measured_rate`` is the fitted rate before it was stated in ``clock``. ``significance`` is how many
    standard deviations of the background the coincidences within two jitters of the line stand above it.
    """

    clock: ClockMap
    lags_ticks: npt.NDArray[np.int64] = field(repr=False)
    counts: npt.NDArray[np.int64] = field(repr=False)
    jitter_ticks: float
    coincidences: float
    background_per_tick: float
    significance: float
    measured_rate: float
    rate_error: float


def synchronise(
    alice: npt.NDArray[np.int64],
    bob: npt.NDArray[np.int64],
    *,
    alice_channel: npt.NDArray[np.uint8] | None = None,
    limits: SearchLimits | None = None,
) -> Synchronisation:
    """Find Bob's clock from both parties' event times, int64 ticks, ascending.

    ``alice_channel`` lets detectors with different delays sharpen what their sum blurs. SynchronisationError when the events
    show no common peak.
    """
    limits = limits or SearchLimits()
    if min(alice.size, bob.size) < 2:
        raise SynchronisationError(f"Alice has {alice.size} events and Bob {bob.size}: nothing to correlate")
    piece, peak = locate(alice, bob, limits)
    if not peak.chance < limits.false_alarm:
        raise SynchronisationError(_no_peak(alice, bob, peak, limits))
    line = refine(alice[piece], bob, peak)
    if not line.coincidences >= _LEAST_COINCIDENCES:
        raise SynchronisationError(_no_peak(alice, bob, peak, limits))
    line, knots = _over_all(alice, bob, piece, line)
    channel = np.zeros(alice.size, np.uint8) if alice_channel is None else alice_channel
    clock = _stated(alice, bob, channel, line, knots)
    reach = max(64, _SHOWN_JITTERS * math.ceil(line.jitter_ticks))
    counts = _histogram(alice, clock.to_alice(bob), reach)
    background = line.background_per_tick * 4.0 * line.jitter_ticks
    return Synchronisation(
        clock=clock,
        lags_ticks=np.arange(-reach, reach + 1),
        counts=counts,
        jitter_ticks=line.jitter_ticks,
        coincidences=line.coincidences,
        background_per_tick=line.background_per_tick,
        significance=0.954 * line.coincidences / math.sqrt(max(background, 1.0)),
        measured_rate=line.rate,
        rate_error=line.rate_error,
    )


def _over_all(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], piece: slice, line: Line
) -> tuple[Line, tuple[Knot, ...]]:
    """The line of a piece over the whole recording; knots only where the clock does not keep to any straight line."""
    if piece == slice(0, alice.size):
        return line, ()
    span = float(alice[piece][-1] - alice[piece][0]) + 1.0
    walk = follow(alice, bob, line, span)
    if walk is None:
        return line, ()
    if walk.wanders:
        longer = (float(alice[-1] - alice[0]) + 1.0) / span
        return replace(
            line,
            delay_ticks=walk.delay_ticks,
            rate=walk.rate,
            rate_error=walk.rate_error,
            coincidences=line.coincidences * longer,
            background_per_tick=line.background_per_tick * longer,
        ), walk.knots
    middle = (float(alice[0]) + float(alice[-1])) / 2.0
    delay = walk.delay_ticks + walk.rate * (middle - walk.centre_ticks)
    return fit_line(alice, bob, delay, walk.rate, line.jitter_ticks), ()


def _stated(
    alice: npt.NDArray[np.int64],
    bob: npt.NDArray[np.int64],
    channel: npt.NDArray[np.uint8],
    line: Line,
    knots: tuple[Knot, ...],
) -> ClockMap:
    """The line as a clock: rate and delay with the digits that the data support, the delay at the highest bin."""
    rate = _fewest_decimals(line.rate * 1e6, 2e6 * line.rate_error) / 1e6
    delay = math.floor(line.delay_ticks - rate * line.centre_ticks)
    wander = tuple((knot.at_ticks, knot.delay_ticks - delay - rate * knot.at_ticks) for knot in knots)
    reach = 4 * math.ceil(line.jitter_ticks) + 2
    candidates = [ClockMap(delay + half, rate, wander) for half in (0.0, 0.5)]
    clock = max(candidates, key=lambda one: _sharpness(alice, one.to_alice(bob), channel, reach))
    smooth = np.ones(2 * int(line.jitter_ticks / 4.0) + 1)  # with a jitter of many ticks a single bin's height is noise
    counts = np.convolve(_histogram(alice, clock.to_alice(bob), reach), smooth, mode="same")
    return replace(clock, delay_ticks=clock.delay_ticks + int(np.argmax(counts)) - reach)


def _fewest_decimals(value: float, tolerance: float) -> float:
    """The number with the fewest decimals that is no further than ``tolerance`` from the value; 0.0 rather than -0.0."""
    rounded = (round(value, decimals) for decimals in range(15))
    return next((one for one in rounded if abs(one - value) <= tolerance), value) + 0.0


def _sharpness(alice: npt.NDArray[np.int64], aligned: npt.NDArray[np.int64], channel: npt.NDArray[np.uint8], reach: int) -> int:
    """Sum of the squared correlation histograms of Alice's channels: events smeared into a neighbouring bin lower it."""
    histograms = (_histogram(alice[channel == one], aligned, reach) for one in np.unique(channel))
    return sum(int(counts @ counts) for counts in histograms)


def _histogram(alice: npt.NDArray[np.int64], aligned: npt.NDArray[np.int64], reach: int) -> npt.NDArray[np.int64]:
    counts = np.zeros(2 * reach + 1, np.int64)
    for first in range(0, alice.size, _CHUNK):  # so that memory does not grow with the recording
        hers, his = neighbours(chunk := alice[first : first + _CHUNK], aligned, reach)
        counts += np.bincount(aligned[his] - chunk[hers] + reach, minlength=2 * reach + 1)
    return counts


def _no_peak(alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], peak: CoarsePeak, limits: SearchLimits) -> str:
    return (
        f"no coincidence peak between {alice.size:,} events of Alice and {bob.size:,} of Bob, at any delay and up to "
        f"{limits.max_rate * 1e6:g} ppm: the highest bin of {peak.bin_ticks:,} ticks holds {peak.counts:.0f} pairs where "
        f"chance gives {peak.expected:.0f}; expected events of one source, recorded together. Check that the channels of "
        f"both parties are what the bench file says, that the tick is right, or record longer"
    )
