"""Photon numbers of a single-photon source, from its brightness and g2(0).

Source: R. Loudon, The Quantum Theory of Light: g2(0) = <n (n - 1)> / <n>². Valid for pulses of at most two photons, as quantum
dots and heralded sources give them to good approximation; then g2 = 2 p2 / mu², and loss leaves g2 as it is.
"""

from __future__ import annotations

__all__ = ["click_probability", "photon_probabilities"]


def photon_probabilities(mean: float, g2: float) -> tuple[float, float, float]:
    """Probabilities of no, one and two photons; ValueError for a mean and g2 that at most two photons cannot have."""
    two = 0.5 * g2 * mean**2
    one = mean - 2.0 * two
    none = 1.0 - one - two
    if min(none, one, two) < 0.0:
        raise ValueError(f"pulses of at most two photons cannot have a mean of {mean} with g2 = {g2}")
    return none, one, two


def click_probability(mean: float, g2: float, transmittance: float, background: float = 0.0) -> float:
    """Clicks per pulse of a threshold detector that sees each photon with ``transmittance``."""
    none, one, two = photon_probabilities(mean, g2)
    missed = 1.0 - transmittance
    return 1.0 - (1.0 - background) * (none + one * missed + two * missed**2)
