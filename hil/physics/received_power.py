"""Light along a path: decibels, photons and watts.

Source: definitions; h and c are exact in the SI of 2019. Valid for linear loss at one wavelength.
"""

from __future__ import annotations

import math

__all__ = ["mean_photon_power_w", "photon_energy_j", "received_power_w", "transmittance"]

_PLANCK_J_S = 6.62607015e-34
_LIGHT_M_S = 299_792_458.0


def transmittance(loss_db: float) -> float:
    """Share of the light that passes a loss: 10^(-dB/10); an infinite loss passes none."""
    return math.pow(10.0, -loss_db / 10.0)


def received_power_w(launched_w: float, loss_db: float) -> float:
    """Power behind a loss."""
    return launched_w * transmittance(loss_db)


def photon_energy_j(wavelength_nm: float) -> float:
    """Energy of one photon, h c / lambda: 1.28e-19 J at 1550 nm."""
    return _PLANCK_J_S * _LIGHT_M_S / (wavelength_nm * 1e-9)


def mean_photon_power_w(mean_photons: float, pulse_rate_hz: float, wavelength_nm: float = 1550.0) -> float:
    """Average power of pulses with this mean photon number: 0.5 at 1 GHz is 64 pW at 1550 nm."""
    if not math.isfinite(mean_photons * pulse_rate_hz):
        raise ValueError("mean photon number and pulse rate are finite")
    return mean_photons * pulse_rate_hz * photon_energy_j(wavelength_nm)
