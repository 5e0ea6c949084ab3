"""Gain and QBER of weak coherent pulses, per intensity.

Source: X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005), equations 8 to 11. Valid for phase-randomised pulses, a
threshold detector that sees the same efficiency for every photon, and a background that is independent of the signal and
small (its coincidence with a photon is left out, an error of the order of the background itself).
"""

from __future__ import annotations

import math

__all__ = ["gain", "qber", "single_photon_error", "single_photon_yield"]


def gain(intensity: float, transmittance: float, background: float) -> float:
    """Q: probability that a pulse of mean photon number ``intensity`` gives a click. ``background`` is Y0 per pulse."""
    return background - math.expm1(-transmittance * intensity)


def qber(intensity: float, transmittance: float, background: float, misalignment: float) -> float:
    """E: share of these clicks that are errors; background clicks are wrong half the time. nan where nothing clicks."""
    clicks = gain(intensity, transmittance, background)
    if clicks == 0.0:
        return math.nan
    return (0.5 * background - misalignment * math.expm1(-transmittance * intensity)) / clicks


def single_photon_yield(transmittance: float, background: float) -> float:
    """Y1: probability that a pulse of exactly one photon gives a click."""
    return background + transmittance


def single_photon_error(transmittance: float, background: float, misalignment: float) -> float:
    """e1: share of the single-photon clicks that are errors."""
    return (0.5 * background + misalignment * transmittance) / single_photon_yield(transmittance, background)
