"""How many photons a pulse holds: coherent light is Poisson distributed, one mode of thermal light geometrically.

Source: R. Loudon, The Quantum Theory of Light. Valid for phase-randomised pulses of one mean photon number; down-conversion
into many modes tends from thermal to Poisson.
"""

from __future__ import annotations

import math

__all__ = ["multi_photon_probability", "negative_binomial_probability", "poisson_probability", "thermal_probability"]


def poisson_probability(photons: int, mean: float) -> float:
    """Probability of exactly this many photons in a coherent pulse: exp(-mu) mu^n / n!."""
    return math.exp(-mean) * mean**photons / math.factorial(photons)


def multi_photon_probability(mean: float) -> float:
    """Probability of two or more photons in a coherent pulse, 1 - (1 + mu) exp(-mu): what photon-number splitting lives on."""
    return -math.expm1(-mean) - mean * math.exp(-mean)


def thermal_probability(photons: int, mean: float) -> float:
    """Probability of exactly this many photons in one thermal mode: mu^n / (1 + mu)^(n + 1)."""
    return (mean / (1.0 + mean)) ** photons / (1.0 + mean)


def negative_binomial_probability(photons: int, mean: float, modes: int) -> float:
    """Probability of exactly this many photons in several thermal modes of equal brightness, mu / M each."""
    share = mean / (mean + modes)
    return math.comb(photons + modes - 1, photons) * share**photons * (1.0 - share) ** modes
