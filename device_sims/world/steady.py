"""Closed forms of what detectors make of a steady offer: clicks per pulse, their spread, and where jitter puts them.

Everything follows from the mean and the variance of the gap between clicks (renewal theory; for example J. W. Müller,
"Dead-time problems", Nucl. Instrum. Methods 112, 47 (1973)): with k blind pulses and an offer of n a pulse the gap is k + 1/n
for a non-paralysable detector, the rate n exp(-k n) for a paralysable one. Gaps of recovering detectors are integrated
numerically.
"""

from __future__ import annotations

from math import erf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from .dynamics import MIDDLE, TICKS

if TYPE_CHECKING:
    import numpy.typing as npt

    from .dynamics import Dynamics

    Reals = npt.NDArray[np.float64]

__all__ = ["clicks_and_fano", "slot_probabilities", "slot_shares"]

_ROUNDS = 60
_STEPS = 4000
_FARTHEST = 3


def clicks_and_fano(primary: Reals, dynamics: Dynamics) -> tuple[Reals, Reals]:
    """Clicks per pulse of each detector offered ``primary`` photons and dark counts a pulse, and their Fano factor; shape (D,).

    Afterpulses belong to the offer: n = s + p m; a geometric cascade widens the spread by (1 + p) / (1 - p).
    """
    again = dynamics.afterpulse_probability * dynamics.open_share
    clicks = primary / (1.0 - again) if dynamics.plain else primary
    if dynamics.plain:
        blind = dynamics.blind_pulses
        square, linear = blind * again, 1.0 + blind * primary - again
        clicks = 2.0 * primary / (linear + np.sqrt(linear**2 + 4.0 * square * primary))
        narrowing = 1.0 / (1.0 + blind * (primary + again * clicks)) ** 2
    else:
        for _ in range(_ROUNDS):
            clicks, narrowing = _renewal(primary + again * clicks, dynamics)
    return clicks, (1.0 + again) / (1.0 - again) * narrowing


def _renewal(offered: Reals, dynamics: Dynamics) -> tuple[Reals, Reals]:
    """Rate and Fano factor of a detector with this offer and no afterpulses."""
    blind = dynamics.blind_pulses
    if dynamics.paralysable:
        rate = offered * np.exp(-blind * offered)
        return rate, np.maximum(1.0 - 2.0 * blind * rate, 0.0)
    some = np.maximum(offered, 1e-300)
    mean, square = 1.0 / some, 2.0 / some**2
    if dynamics.recovery_ticks is not None:
        recovery = np.maximum(dynamics.recovery_ticks / TICKS, 1e-9)
        # survival exp(-n (t - tau (1 - e^(-t / tau)))) of the wait behind the dead time
        scale = np.minimum(mean, np.sqrt(mean * recovery)) / 40.0
        reach = 45.0 * mean + 10.0 * recovery + 45.0 * np.sqrt(mean * recovery)
        grid = np.linspace(0.0, 1.0, _STEPS) ** 3
        times = grid[:, None] * np.maximum(reach, scale)
        alive = np.exp(-some * (times + recovery * np.expm1(-times / recovery)))
        mean, square = np.trapezoid(alive, times, axis=0), np.trapezoid(2.0 * times * alive, times, axis=0)
    mean, variance = mean + blind, square - mean**2
    if dynamics.latch_gap_ticks is not None:
        gap, reset = (ticks / TICKS for ticks in dynamics.latching)
        hasty = -np.expm1(-some * np.maximum(gap - blind, 0.0))
        share, longer = hasty / (1.0 + hasty), np.where(gap > blind, reset - blind, 0.0)
        mean, variance = mean + share * longer, variance + share * (1.0 - share) * longer**2
    return np.where(offered > 0.0, 1.0 / mean, 0.0), variance / mean**2


def slot_shares(dynamics: Dynamics) -> tuple[Reals, Reals]:
    """Share of each detector's photo-detections seen in their own pulse's slot, and in others'; shape (D,) each."""
    shares = slot_probabilities(dynamics) / dynamics.gate_every
    own = shares[:, _FARTHEST]
    return own, shares.sum(axis=1) - own


def slot_probabilities(dynamics: Dynamics) -> Reals:
    """Chance that a photo-detection falls -3 to 3 slots from its pulse's, in the part a gate opens there; shape (D, 7).

    The time of a click is normal, and for a share of them later by an exponential time, of which the mean is taken over its
    quantiles. All slots count as gated.
    """
    if not dynamics.fine:
        its_own: Reals = np.tile(np.eye(2 * _FARTHEST + 1)[_FARTHEST], (dynamics.blind_ticks.size, 1))
        return its_own
    jitters = dynamics.jitters_ticks
    by_jitter = {float(jitter): _spread(dynamics, float(jitter)) for jitter in jitters}
    found: Reals = np.array([by_jitter[float(jitter)] for jitter in jitters])
    return found


def _spread(dynamics: Dynamics, jitter_ticks: float) -> Reals:
    """The same of one detector, shape (7,)."""
    half = dynamics.gate_ticks / 2.0 if 0 < dynamics.gate_ticks < TICKS else float(MIDDLE)
    numbers, shift = range(-_FARTHEST, _FARTHEST + 1), dynamics.early_ticks
    found = [
        [_between(dynamics, jitter_ticks, number * TICKS - half - at, number * TICKS + half - at) for number in numbers]
        for at in {-shift, shift}
    ]
    mean: Reals = np.mean(found, axis=0)
    return mean


def _between(dynamics: Dynamics, jitter_ticks: float, low: float, high: float) -> float:
    """How much of the jitter lies between two times."""
    late = -dynamics.tail_ticks * np.log1p(-(np.arange(_STEPS) + 0.5) / _STEPS) if dynamics.tail_share else np.zeros(1)
    width = max(jitter_ticks, 1e-9) * sqrt(2.0)
    prompt = erf(high / width) - erf(low / width)
    tail = float(np.mean([erf((high - each) / width) - erf((low - each) / width) for each in late]))
    return ((1.0 - dynamics.tail_share) * prompt + dynamics.tail_share * tail) / 2.0
