"""Temperatures of stages and fibres, and what they move."""

from __future__ import annotations

import math

__all__ = ["fibre_delay_shift_s", "relaxed_temperature_c", "settling_time_s"]

_DELAY_S_PER_KM_K = 38e-12


def relaxed_temperature_c(start_c: float, target_c: float, elapsed_s: float, time_constant_s: float) -> float:
    """First-order relaxation of a stage: T(t) = target + (start - target) exp(-t / tau).

    Newton's law of cooling; valid for one thermal mass and a controller far from its power limit.
    """
    return target_c + (start_c - target_c) * math.exp(-elapsed_s / time_constant_s)


def settling_time_s(step_k: float, tolerance_k: float, time_constant_s: float) -> float:
    """How long such a stage takes to come within a tolerance of its target after a step: tau ln(step / tolerance)."""
    if abs(step_k) <= tolerance_k:
        return 0.0
    return time_constant_s * math.log(abs(step_k) / tolerance_k)


def fibre_delay_shift_s(length_km: float, change_k: float) -> float:
    """Change of a fibre's delay with its temperature: about 38 ps per km and K for standard single-mode fibre.

    Source: index and length change of silica at 1550 nm, L. G. Cohen, J. W. Fleming, Bell Syst. Tech. J. 58, 945 (1979).
    """
    return _DELAY_S_PER_KM_K * length_km * change_k
