"""Error ratio of a polarisation state that wanders on the Poincaré sphere, and is brought back.

A rotation by a normal angle of variance v sends the share (1 - exp(-v / 2)) / 2 to the wrong detector, as the mean of
sin²(angle / 2) (for example C. Z. Peng et al., PRL 98, 010505 (2007), on why fibres need control). One rotation for each basis.
"""

from __future__ import annotations

import math

__all__ = ["error_at_bandwidth", "error_between_realignments", "error_of_variance"]


def error_of_variance(variance_rad2: float) -> float:
    """Mean error ratio for a normal angle of this variance."""
    return -math.expm1(-variance_rad2 / 2.0) / 2.0


def error_between_realignments(rate_rad_per_s: float, every_s: float) -> float:
    """Mean over the time between two realignments of an angle whose variance grows as rate² t: 1/2 - (1 - exp(-x)) / (2 x)."""
    exponent = rate_rad_per_s**2 * every_s / 2.0
    if exponent < 1e-6:
        return exponent / 4.0
    return 0.5 + math.expm1(-exponent) / (2.0 * exponent)


def error_at_bandwidth(rate_rad_per_s: float, bandwidth_hz: float) -> float:
    """Mean error ratio under a controller of first order: an angle of variance rate² / (4 pi bandwidth)."""
    return error_of_variance(rate_rad_per_s**2 / (4.0 * math.pi * bandwidth_hz))
