"""Clicks and errors per pulse with background and afterpulses, as simulations of decoy-state key lengths assume them.

Source: C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014), section on simulation. Valid for
phase-randomised coherent pulses on a receiver with two threshold detectors, no dead time, and afterpulses that are rare, wrong
half the time, and in proportion to the clicks of the same intensity. ``background`` is Y0, of both detectors together.
"""

from __future__ import annotations

import math

__all__ = ["click_probability", "error_probability"]


def click_probability(intensity: float, transmittance: float, background: float, afterpulse_probability: float = 0.0) -> float:
    """Clicks per pulse of this mean photon number, afterpulses counted: (1 - (1 - Y0) exp(-eta mu)) (1 + p_ap)."""
    return _first_clicks(intensity, transmittance, background) * (1.0 + afterpulse_probability)


def error_probability(
    intensity: float, transmittance: float, background: float, misalignment: float, afterpulse_probability: float = 0.0
) -> float:
    """Wrong clicks per pulse: half of the background, what is misaligned, half of the afterpulses."""
    misaligned = -misalignment * math.expm1(-transmittance * intensity)
    afterpulses = afterpulse_probability * _first_clicks(intensity, transmittance, background)
    return 0.5 * background + misaligned + 0.5 * afterpulses


def _first_clicks(intensity: float, transmittance: float, background: float) -> float:
    return background - (1.0 - background) * math.expm1(-transmittance * intensity)
