"""Closed forms of channels against integrals, published figures and each other's limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from hil.physics import dispersion, free_space, polarisation_drift, raman, satellite_pass, scintillation


@pytest.mark.parametrize("along", [True, False])
def test_raman_is_the_integral_over_the_fibre(*, along: bool) -> None:
    """Scattered where the traffic is, absorbed on the way out: 0.2 dB/km over 50 km, integrated."""
    alpha = 0.2 * math.log(10.0) / 10.0

    def share(z: float) -> float:
        return math.exp(-alpha * z) * math.exp(-alpha * (50.0 - z if along else z))

    expected = 1e-3 * 2e-9 * 0.8 * integrate.quad(share, 0.0, 50.0)[0]
    assert raman.scattered_w(1e-3, 50.0, 10.0, 2e-9, 0.8, along=along) == pytest.approx(expected, rel=1e-9)


def test_photon_rate_of_a_picowatt() -> None:
    """1 pW at 1550 nm is 7.80 million photons a second (photon energy 1.2816e-19 J)."""
    assert raman.photon_rate_hz(1e-12, 1550.0) == pytest.approx(7.803e6, rel=1e-3)


def test_dispersion_broadens_and_spills() -> None:
    """17 ps/(nm km), 0.1 nm and 100 km spread a pulse by 170 ps; shares are integrals of the Gaussian."""
    assert dispersion.broadened_s(0.0, 17.0, 0.1, 100.0) == pytest.approx(170e-12)
    sigma = 170e-12 / 2.354820045
    own, beside = dispersion.window_shares(170e-12, 200e-12, 250e-12)
    law = stats.norm(0.0, sigma)
    assert own == pytest.approx(law.cdf(1e-10) - law.cdf(-1e-10))
    assert beside == pytest.approx(law.cdf(3.5e-10) - law.cdf(1.5e-10), rel=1e-6)


def test_beam_and_pointing_are_integrals() -> None:
    """Power through an aperture, and the mean over a normal pointing error, integrated."""
    expected = integrate.quad(lambda r: 4.0 * r / 9.0 * math.exp(-2.0 * r * r / 9.0), 0.0, 0.5)[0]
    assert free_space.captured(3.0, 1.0) == pytest.approx(expected)
    sigma = 2e-6 * 1e6
    mean = integrate.quad(lambda r: math.exp(-2.0 * r * r / 9.0) * r / sigma**2 * math.exp(-r * r / 2.0 / sigma**2), 0.0, 60.0)[
        0
    ]
    assert free_space.pointing_efficiency(3.0, 2e-6, 1e6) == pytest.approx(mean)


def test_satellite_at_500_km() -> None:
    """Micius' orbit: 500 km in the zenith; about 1,200 km at 20 degrees (Liao et al., Nature 549, 43, 2017: 1,200 km at 22)."""
    assert satellite_pass.slant_range_km(500.0, 90.0) == pytest.approx(500.0)
    assert satellite_pass.slant_range_km(500.0, 20.0) == pytest.approx(1193.0, rel=0.02)
    assert satellite_pass.elevation_deg(500.0, 63.0, 0.0) == pytest.approx(63.0)
    # a pass above 10 degrees lasts some 7.5 minutes where the satellite culminates near the zenith
    up = [time for time in range(-600, 600) if satellite_pass.elevation_deg(500.0, 89.0, time) > 10.0]
    assert len(up) == pytest.approx(447, abs=15)


@pytest.mark.parametrize("rytov", [0.05, 0.5, 3.0])
def test_gamma_gamma_is_a_product_of_gammas(rytov: float) -> None:
    """Moments from scipy's gamma law; for weak turbulence the index is the Rytov variance itself."""
    alpha, beta = scintillation.plane_wave_shapes(rytov)
    for order in (1, 2, 3):
        expected = stats.gamma(alpha, scale=1 / alpha).moment(order) * stats.gamma(beta, scale=1 / beta).moment(order)
        assert scintillation.gamma_gamma_moment(order, alpha, beta) == pytest.approx(expected)
    if rytov < 0.1:
        assert scintillation.gamma_gamma_index(alpha, beta) == pytest.approx(rytov, rel=0.1)
    assert scintillation.log_normal_moment(2.0, 0.3) == pytest.approx(stats.lognorm(math.log(1.3) ** 0.5).var() / 1.3 + 1.0)


def test_polarisation_errors_are_means_of_the_squared_sine() -> None:
    """Mean over normal angles and over time, integrated numerically."""

    def mean(variance: float) -> float:
        angle = np.linspace(-8.0, 8.0, 20_001) * math.sqrt(variance)
        weight = np.exp(-(angle**2) / 2.0 / variance)
        return float((np.sin(angle / 2.0) ** 2 * weight).sum() / weight.sum())

    assert polarisation_drift.error_of_variance(0.7) == pytest.approx(mean(0.7), rel=1e-6)
    expected = integrate.quad(lambda t: mean(0.09 * t), 1e-9, 5.0)[0] / 5.0
    assert polarisation_drift.error_between_realignments(0.3, 5.0) == pytest.approx(expected, rel=1e-5)
    assert polarisation_drift.error_at_bandwidth(0.3, 0.1) == pytest.approx(mean(0.09 / (0.4 * math.pi)), rel=1e-6)
