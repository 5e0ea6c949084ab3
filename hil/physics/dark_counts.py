"""Dark counts of one detector, as a counter shows them."""

from __future__ import annotations

import math

from hil.physics.dead_time import with_afterpulses

__all__ = ["BOLTZMANN_EV_PER_K", "activated_rate", "counted_rate", "rate_at_temperature"]

BOLTZMANN_EV_PER_K = 8.617333262e-5
"""CODATA 2018 (exact since then)."""


def rate_at_temperature(rate_hz: float, temperature_c: float, reference_c: float, doubling_k: float) -> float:
    """Dark count rate at another temperature: doubles with every ``doubling_k`` kelvin of warming.

    Empirical for thermal generation in avalanche diodes within some tens of kelvin; tunnelling flattens it when cold.
    """
    return rate_hz * math.pow(2.0, (temperature_c - reference_c) / doubling_k)


def activated_rate(rate_hz: float, temperature_c: float, reference_c: float, activation_ev: float) -> float:
    """Dark count rate at another temperature by an Arrhenius law: D exp(E / k (1 / T0 - 1 / T)).

    0.1 eV (tunnelling through traps) to 0.5 eV (generation in the gap) in cooled avalanche diodes: between 1.2 and 3.1 times as
    many for 10 K of warming near 223 K. Valid within some tens of kelvin.
    """
    inverse_k = 1.0 / (reference_c + 273.15) - 1.0 / (temperature_c + 273.15)
    return rate_hz * math.exp(activation_ev / BOLTZMANN_EV_PER_K * inverse_k)


def counted_rate(rate_hz: float, dead_time_s: float, afterpulse_probability: float) -> float:
    """Clicks per second in the dark, afterpulses included and what falls into the dead time excluded."""
    return with_afterpulses(rate_hz, dead_time_s, afterpulse_probability)
