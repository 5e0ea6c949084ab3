"""Dark counts of one detector, as a counter shows them."""

from __future__ import annotations

import math

from hil.physics.dead_time import with_afterpulses

__all__ = ["counted_rate", "rate_at_temperature"]


def rate_at_temperature(rate_hz: float, temperature_c: float, reference_c: float, doubling_k: float) -> float:
    """Dark count rate at another temperature: doubles with every ``doubling_k`` kelvin of warming.

    Empirical for thermal generation in avalanche diodes within some tens of kelvin; tunnelling flattens it when cold.
    """
    return rate_hz * math.pow(2.0, (temperature_c - reference_c) / doubling_k)


def counted_rate(rate_hz: float, dead_time_s: float, afterpulse_probability: float) -> float:
    """Clicks per second in the dark, afterpulses included and what falls into the dead time excluded."""
    return with_afterpulses(rate_hz, dead_time_s, afterpulse_probability)
