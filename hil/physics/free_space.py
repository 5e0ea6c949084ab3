"""Link budget of a Gaussian beam through the air.

Sources: J.-P. Bourgoin et al., New J. Phys. 15, 023006 (2013), for the budget; B. E. A. Saleh, M. C. Teich, "Fundamentals of
Photonics" (Wiley, 2007), section 3.1, for the beam. Valid in the far field of the transmitter, for centred circular apertures
without obstruction, and for a pointing error whose spread is wide beside the receiving aperture or small beside the beam.
"""

from __future__ import annotations

import math

__all__ = ["beam_radius_m", "captured", "pointing_efficiency", "sky_power_w"]


def beam_radius_m(transmit_aperture_m: float, divergence_rad: float, range_m: float) -> float:
    """Radius at 1/e² of the intensity: that of the transmitter and what diverges on the way, added in squares."""
    return math.hypot(transmit_aperture_m / 2.0, divergence_rad * range_m)


def captured(beam_radius_m: float, receive_aperture_m: float) -> float:
    """Share of the beam on an aperture of this diameter: 1 - exp(-2 a² / w²)."""
    return 1.0 - math.exp(-2.0 * (receive_aperture_m / 2.0 / beam_radius_m) ** 2)


def pointing_efficiency(beam_radius_m: float, jitter_rad: float, range_m: float) -> float:
    """Mean of exp(-2 r² / w²) over a normal pointing error of each axis: 1 / (1 + 4 sigma² / w²)."""
    return 1.0 / (1.0 + (2.0 * jitter_rad * range_m / beam_radius_m) ** 2)


def sky_power_w(radiance_w_per_m2_sr_nm: float, field_of_view_rad: float, aperture_m: float, filter_nm: float) -> float:
    """Light of the sky in a telescope: radiance, solid angle, aperture, filter (Er-long M. et al., NJP 7, 215, 2005)."""
    solid_angle_sr = math.pi * (field_of_view_rad / 2.0) ** 2
    return radiance_w_per_m2_sr_nm * solid_angle_sr * math.pi * (aperture_m / 2.0) ** 2 * filter_nm
