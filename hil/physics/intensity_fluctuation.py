"""Gain and QBER of coherent pulses whose intensity fluctuates from pulse to pulse.

Source: the Poisson mixture of L. Mandel, Proc. Phys. Soc. 74, 233 (1959): a detector misses all of a pulse of intensity I with
probability exp(-eta I), averaged over I. For normally distributed I of relative standard deviation sigma the average is
exp(-eta mu + (eta mu sigma)² / 2). Valid for eta mu sigma well below 1; any symmetric law gives the same up to
(eta mu sigma)^4. See X.-B. Wang et al., arXiv:0902.4660, for what it does to decoy bounds.
"""

from __future__ import annotations

import math

__all__ = ["fluctuating_gain", "fluctuating_qber"]


def fluctuating_gain(intensity: float, transmittance: float, background: float, fluctuation: float) -> float:
    """Clicks per pulse of mean photon number ``intensity``; ``background`` is Y0 per pulse."""
    photons = transmittance * intensity
    return background - (1.0 - background) * math.expm1(-photons + 0.5 * (photons * fluctuation) ** 2)


def fluctuating_qber(
    intensity: float, transmittance: float, background: float, misalignment: float, fluctuation: float
) -> float:
    """Share of these clicks that are errors; background clicks are wrong half the time. nan where nothing clicks."""
    clicks = fluctuating_gain(intensity, transmittance, background, fluctuation)
    light = fluctuating_gain(intensity, transmittance, 0.0, fluctuation)
    return (0.5 * background + misalignment * light) / clicks if clicks else math.nan
