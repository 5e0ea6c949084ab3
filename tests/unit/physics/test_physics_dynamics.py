"""Closed forms of detector dynamics against numerical integration, scipy's distributions, and event-by-event counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from hil.physics.counting import Counting, counted
from hil.physics.dark_counts import activated_rate
from hil.physics.jitter import crossing_error, crossing_probability, seen_in_gate, within
from hil.physics.latching import latched_share, latching_rate
from hil.physics.recovery import recovering_rate


@pytest.mark.parametrize("rate_hz", [1e3, 1e6, 3e7])
def test_recovery_is_the_integral_of_its_wait(rate_hz: float) -> None:
    """Mean gap: dead time and the integral of exp(-n (t - tau (1 - exp(-t / tau)))), by scipy's quadrature."""
    dead_s, tau_s = 2e-8, 5e-8
    wait_s, _ = integrate.quad(
        lambda t: math.exp(-rate_hz * (t - tau_s * -math.expm1(-t / tau_s))), 0.0, 60.0 * (tau_s + 1.0 / rate_hz), limit=500
    )
    assert recovering_rate(rate_hz, dead_s, tau_s) == pytest.approx(1.0 / (dead_s + wait_s), rel=1e-6)
    assert recovering_rate(rate_hz, dead_s, 0.0) == pytest.approx(rate_hz / (1 + rate_hz * dead_s))


def test_latching_equals_a_count_event_by_event() -> None:
    """A million gaps drawn from the rule itself: rate and latched share within half a per cent."""
    rate_hz, dead_s, latch_hz, reset_s = 2e6, 3e-8, 2e7, 3e-6
    waits = np.random.default_rng(4).exponential(1.0 / rate_hz, 1_000_000)
    time_s, latches, blind_s = 0.0, 0, dead_s
    for wait in waits.tolist():
        gap = blind_s + wait
        time_s += gap
        latched = gap < 1.0 / latch_hz
        latches += latched
        blind_s = reset_s if latched else dead_s
    assert latched_share(rate_hz, dead_s, latch_hz) == pytest.approx(latches / waits.size, rel=0.02)
    assert latching_rate(rate_hz, dead_s, latch_hz, reset_s) == pytest.approx(waits.size / time_s, rel=0.005)


def test_jitter_is_scipys_modified_gaussian() -> None:
    """Distribution function of exponnorm, and the error function without a tail."""
    sigma_s, tail_s = 5e-11, 2e-10
    modified = stats.exponnorm(tail_s / sigma_s, scale=sigma_s)
    low, high = (float(modified.cdf(edge)) for edge in (-4e-10, 6e-10))
    assert within(5e-10, sigma_s, tail_s, 1.0, centre_s=1e-10) == pytest.approx(high - low, rel=1e-9)
    assert crossing_probability(1e-9, 2e-10) == pytest.approx(2 * stats.norm.sf(2.5), rel=1e-9)
    assert crossing_probability(1e-9, 0.0) == 0.0
    own, beside = seen_in_gate(1e-9, 1e-9, 2e-10)
    assert own + beside == pytest.approx(1.0, abs=1e-9)
    assert crossing_error(0.1, 0.02) == pytest.approx(0.9 * 0.02 + 0.05)


@pytest.mark.parametrize(("energy_ev", "low", "high"), [(0.1, 1.2, 1.3), (0.3, 1.8, 2.1), (0.4, 2.2, 2.5), (0.5, 2.8, 3.2)])
def test_activation_energies_give_the_tabulated_factors(energy_ev: float, low: float, high: float) -> None:
    """Factor of 10 K of warming from 223 to 233 K, as the reference profiles have it: 1.2 (0.1 eV) to 3.1 (0.5 eV)."""
    assert low < activated_rate(1.0, 233.0 - 273.15, 223.0 - 273.15, energy_ev) < high


def test_afterpulses_join_the_offer() -> None:
    """The rate solves m = f(n + P m), checked by putting the answer in."""
    counting = Counting(5e-8, 0.1, paralyzable=True)
    clicks_hz = counted(2e6, counting)
    offered_hz = 2e6 + 0.1 * clicks_hz
    assert clicks_hz == pytest.approx(offered_hz * math.exp(-offered_hz * 5e-8), rel=1e-9)
    assert counted(0.0, Counting(5e-8, 0.1, recovery_time_s=1e-8)) == 0.0
