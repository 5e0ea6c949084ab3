"""Moments of the intensity behind turbulent air, over its mean.

Source: L. C. Andrews, R. L. Phillips, "Laser Beam Propagation through Random Media", 2nd ed. (SPIE, 2005), chapter 9.
Log-normal is valid for weak turbulence (index below about 0.3); gamma-gamma for a plane wave in any, at a point receiver.
"""

from __future__ import annotations

import math

__all__ = ["gamma_gamma_index", "gamma_gamma_moment", "log_normal_moment", "plane_wave_shapes"]


def log_normal_moment(order: float, scintillation_index: float) -> float:
    """Mean of I^n: (1 + index)^(n (n - 1) / 2)."""
    return math.pow(1.0 + scintillation_index, order * (order - 1.0) / 2.0)


def plane_wave_shapes(rytov_variance: float) -> tuple[float, float]:
    """Shapes of the large and small eddies' factors for a plane wave, without inner scale."""
    fifth = rytov_variance ** (6.0 / 5.0)
    large = 0.49 * rytov_variance / math.pow(1.0 + 1.11 * fifth, 7.0 / 6.0)
    small = 0.51 * rytov_variance / math.pow(1.0 + 0.69 * fifth, 5.0 / 6.0)
    return 1.0 / (math.exp(large) - 1.0), 1.0 / (math.exp(small) - 1.0)


def gamma_gamma_moment(order: float, alpha: float, beta: float) -> float:
    """Mean of I^n: the product of G(a + n) / (G(a) a^n) for both shapes."""
    logs = [math.lgamma(shape + order) - math.lgamma(shape) - order * math.log(shape) for shape in (alpha, beta)]
    return math.exp(math.fsum(logs))


def gamma_gamma_index(alpha: float, beta: float) -> float:
    """Scintillation index: 1/a + 1/b + 1/(a b)."""
    return gamma_gamma_moment(2.0, alpha, beta) - 1.0
