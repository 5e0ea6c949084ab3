"""Where timing jitter puts clicks: outside of their pulse's slot, where they are noise, or outside of the gate.

Jitter is normal, and a share of the clicks is late by an exponential time besides: an exponentially modified Gaussian, the
usual fit to avalanche diodes (S. Cova et al., Appl. Opt. 35, 1956 (1996)). Valid where jitter reaches the neighbouring slots,
not farther ones.
"""

from __future__ import annotations

import math

__all__ = ["crossing_error", "crossing_probability", "seen_in_gate", "slot_spread", "within"]

_FARTHEST = 3


def within(half_width_s: float, sigma_s: float, tail_s: float = 0.0, tail_share: float = 0.0, centre_s: float = 0.0) -> float:
    """Share of the clicks whose time differs from ``centre_s`` by less than half a width."""
    low, high = centre_s - half_width_s, centre_s + half_width_s
    prompt = _normal(high, sigma_s) - _normal(low, sigma_s)
    if tail_share == 0.0:
        return prompt
    late = _modified(high, sigma_s, tail_s) - _modified(low, sigma_s, tail_s)
    return (1.0 - tail_share) * prompt + tail_share * late


def crossing_probability(period_s: float, sigma_s: float, tail_s: float = 0.0, tail_share: float = 0.0) -> float:
    """Chance that a click falls outside the slot of a pulse in its middle; erfc(T / (2 sqrt(2) sigma)) without tail."""
    if tail_share == 0.0:
        return math.erfc(period_s / (2.0 * math.sqrt(2.0) * sigma_s)) if sigma_s else 0.0
    return 1.0 - within(period_s / 2.0, sigma_s, tail_s, tail_share)


def crossing_error(crossing: float, misalignment: float) -> float:
    """Error ratio of the light's clicks when those that crossed are compared with another pulse's bit: (1 - c) e + c / 2."""
    return (1.0 - crossing) * misalignment + crossing / 2.0


def seen_in_gate(
    gate_s: float, period_s: float, sigma_s: float, tail_s: float = 0.0, tail_share: float = 0.0
) -> tuple[float, float]:
    """Share of a pulse's clicks seen in its own gate and in the two beside it, for a gate about every pulse."""
    half = min(gate_s, period_s) / 2.0
    beside = sum(within(half, sigma_s, tail_s, tail_share, centre_s=side * period_s) for side in (-1.0, 1.0))
    return within(half, sigma_s, tail_s, tail_share), beside


def slot_spread(
    width_s: float, period_s: float, sigma_s: float, tail_s: float = 0.0, tail_share: float = 0.0
) -> tuple[float, ...]:
    """Share of a pulse's clicks that fall within this width about the middle of each of seven slots, its own the fourth."""
    half = min(width_s, period_s) / 2.0
    slots = range(-_FARTHEST, _FARTHEST + 1)
    return tuple(within(half, sigma_s, tail_s, tail_share, centre_s=number * period_s) for number in slots)


def _normal(time_s: float, sigma_s: float) -> float:
    if sigma_s == 0.0:
        return float(time_s >= 0.0)
    return math.erfc(-time_s / (math.sqrt(2.0) * sigma_s)) / 2.0


def _modified(time_s: float, sigma_s: float, tail_s: float) -> float:
    """Distribution function of a normal plus an exponential time: Phi(t / s) - exp(s^2 / 2 T^2 - t / T) Phi(t / s - s / T)."""
    if sigma_s == 0.0:
        return -math.expm1(-max(time_s, 0.0) / tail_s)
    ratio = sigma_s / tail_s
    return _normal(time_s, sigma_s) - math.exp(ratio**2 / 2.0 - time_s / tail_s) * _normal(time_s - ratio * sigma_s, sigma_s)
