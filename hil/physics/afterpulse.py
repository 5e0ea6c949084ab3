"""Afterpulses: how much of a rate they are, and what they cost in errors.

``probability`` is the chance that a click is followed by one afterpulse, which may be followed by another one. Valid for
afterpulses that come after the dead time and rarely meet another click (rate times decay time below about one).
"""

from __future__ import annotations

import math

__all__ = ["mandel_q", "probability_from_mandel_q", "qber_cost", "rate_with_afterpulses", "surviving_probability"]


def rate_with_afterpulses(rate_hz: float, probability: float) -> float:
    """Clicks per second including afterpulses of afterpulses: n / (1 - P), a geometric series."""
    if not 0.0 <= probability < 1.0:
        raise ValueError(f"an afterpulse probability lies between 0 and 1; got {probability}")
    return rate_hz / (1.0 - probability)


def mandel_q(probability: float) -> float:
    """Excess of the Fano factor over 1 for geometric cascades without dead time: 2P / (1 - P).

    Compound Poisson statistics: the mean square of a cascade's size over its mean is (1 + P) / (1 - P).
    """
    return 2.0 * probability / (1.0 - probability)


def probability_from_mandel_q(excess: float) -> float:
    """Inverse of :func:`mandel_q`: Q / (2 + Q)."""
    return excess / (2.0 + excess)


def qber_cost(probability: float) -> float:
    """Errors that afterpulses add to the QBER: half of them are wrong, P / 2 to first order."""
    return probability / 2.0


def surviving_probability(probability: float, dead_time_s: float, decay_s: float) -> float:
    """Afterpulse probability that remains when emptying traps are not seen during the dead time: P exp(-tau / decay)."""
    return probability * math.exp(-dead_time_s / decay_s)
