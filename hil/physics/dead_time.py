"""What dead time does to count rates, gate statistics and sifting.

Step model: after a click a detector sees nothing for the dead time and everything afterwards. Real avalanche diodes and
nanowires recover gradually; the model overestimates efficiency once a good part of the clicks fall into the recovery.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "all_alive",
    "fano_factor",
    "first_gap_excess",
    "measured_rate",
    "paralyzable_rate",
    "slotted_probability",
    "true_rate",
    "with_afterpulses",
]


def measured_rate(rate_hz: float, dead_time_s: float) -> float:
    """Clicks per second of a detector offered ``rate_hz``, non-paralyzable: n / (1 + n tau).

    Source: G. F. Knoll, Radiation Detection and Measurement, chapter 4.
    """
    return rate_hz / (1.0 + rate_hz * dead_time_s)


def true_rate(measured_hz: float, dead_time_s: float) -> float:
    """Inverse of :func:`measured_rate`; ValueError at and beyond saturation (1 / tau)."""
    if measured_hz * dead_time_s >= 1.0:
        raise ValueError(f"{measured_hz} clicks a second cannot come from a detector with {dead_time_s} s dead time")
    return measured_hz / (1.0 - measured_hz * dead_time_s)


def paralyzable_rate(rate_hz: float, dead_time_s: float) -> float:
    """Clicks per second where what arrives during the dead time prolongs it: n exp(-n tau). Same source."""
    return rate_hz * math.exp(-rate_hz * dead_time_s)


def slotted_probability(probability: float, blind_slots: float) -> float:
    """Click probability per pulse slot when a click blinds the next ``blind_slots``: p / (1 + k p), a geometric renewal."""
    return probability / (1.0 + blind_slots * probability)


def fano_factor(rate_hz: float, dead_time_s: float) -> float:
    """Variance over mean of gate counts of a non-paralyzable detector: 1 / (1 + n tau)^2, for gates of many dead times.

    Source: renewal theory, J. W. Müller, Nucl. Instrum. Methods 112, 47 (1973).
    """
    return 1.0 / (1.0 + rate_hz * dead_time_s) ** 2


def with_afterpulses(rate_hz: float, dead_time_s: float, afterpulse_probability: float) -> float:
    """Clicks per second of a non-paralyzable detector whose every click is followed by an afterpulse with a probability.

    Steady state of m = (1 - m tau)(n + P m), where the afterpulse comes after the dead time and is lost only when another click
    was there first; its smaller root. Valid for P below 1 and an afterpulse decay longer than the dead time.
    """
    tau, chain = dead_time_s, afterpulse_probability
    linear = 1.0 - chain + rate_hz * tau
    if chain * tau == 0.0:
        return rate_hz / linear
    # the smaller root of P tau m^2 + linear m - n = 0, without cancellation
    return 2.0 * rate_hz / (linear + math.sqrt(linear**2 + 4.0 * chain * tau * rate_hz))


def all_alive(click_rates_hz: Iterable[float], dead_time_s: float) -> float:
    """Share of time in which every detector of a receiver is ready, given what each one clicks per second.

    Each is ready for 1 - m tau of the time, independently for weak coherent light. This is the share of events that survive
    the rule "drop what comes within the dead time after any click".
    """
    return math.prod(max(0.0, 1.0 - rate * dead_time_s) for rate in click_rates_hz)


def first_gap_excess(gaps: int, hazard_per_tick: float, probability: float = 0.5) -> float:
    """Ticks by which the smallest of n inter-click gaps exceeds the dead time with this probability: -ln(p) / (n lambda).

    ``hazard_per_tick`` is the click probability per tick right after the dead time (exponential gaps).
    """
    return -math.log(probability) / (gaps * hazard_per_tick)
