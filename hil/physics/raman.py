"""Spontaneous Raman scattering of classical traffic into the quantum channel of the same fibre.

Source: P. Eraerds, N. Walenta, M. Legré, N. Gisin, H. Zbinden, "Quantum key distribution and 1 Gbps data encryption over a
single fibre", New J. Phys. 12, 063027 (2010): the scattered power over the output power of the traffic is L rho dlambda for
light that travels along, and sinh(alpha L) / alpha rho dlambda for light that travels against the signal. Valid for equal
attenuation of both wavelengths and traffic far below stimulated scattering.
"""

from __future__ import annotations

import math

__all__ = ["photon_rate_hz", "scattered_w"]

_PLANCK_JS = 6.62607015e-34
_LIGHT_M_PER_S = 299_792_458.0


def scattered_w(
    launch_w: float, length_km: float, loss_db: float, coefficient_per_km_nm: float, filter_nm: float, *, along: bool
) -> float:
    """Raman light in the filter's width at the fibre's end, from the traffic's launched power and the fibre's loss."""
    output_w = launch_w * math.pow(10.0, -loss_db / 10.0)
    if along or length_km == 0.0 or loss_db == 0.0:
        return output_w * length_km * coefficient_per_km_nm * filter_nm
    alpha = loss_db / (10.0 * math.log10(math.e)) / length_km
    return output_w * math.sinh(alpha * length_km) / alpha * coefficient_per_km_nm * filter_nm


def photon_rate_hz(power_w: float, wavelength_nm: float) -> float:
    """Photons per second of a power."""
    return power_w * wavelength_nm * 1e-9 / (_PLANCK_JS * _LIGHT_M_PER_S)
