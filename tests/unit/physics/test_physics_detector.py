"""Dead time, afterpulses, dark counts, power and temperature against published values and simple simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hil.physics.afterpulse import (
    mandel_q,
    probability_from_mandel_q,
    qber_cost,
    rate_with_afterpulses,
    surviving_probability,
)
from hil.physics.dark_counts import counted_rate, rate_at_temperature
from hil.physics.dead_time import (
    all_alive,
    fano_factor,
    first_gap_excess,
    measured_rate,
    paralyzable_rate,
    slotted_probability,
    true_rate,
    with_afterpulses,
)
from hil.physics.received_power import mean_photon_power_w, photon_energy_j, received_power_w, transmittance
from hil.physics.thermal import fibre_delay_shift_s, relaxed_temperature_c, settling_time_s
from hil.seeds import stream


def test_dead_time_against_a_renewal_simulation() -> None:
    """A million clicks of a detector that is half dead: rate n / (1 + n tau) to 0.3 %, Fano factor to 5 %."""
    gaps = 1e-6 + stream(1, "renewal").exponential(1e-6, size=1_000_000)
    times = np.cumsum(gaps)
    assert times.size / times[-1] == pytest.approx(measured_rate(1e6, 1e-6), rel=3e-3)
    gates = np.bincount((times / 1e-4).astype(np.int64))[:-1]
    assert gates.var(ddof=1) / gates.mean() == pytest.approx(fano_factor(1e6, 1e-6), rel=0.06)


def test_dead_time_inverts() -> None:
    """What was measured gives back what was offered, and nothing gives more than saturation."""
    assert true_rate(measured_rate(3e6, 50e-9), 50e-9) == pytest.approx(3e6)
    with pytest.raises(ValueError, match="cannot come from"):
        true_rate(2.1e7, 50e-9)


def test_paralyzable_detector_peaks_at_one_dead_time() -> None:
    """The most a paralyzable detector counts is 1 / (e tau), at n = 1 / tau (Knoll)."""
    assert paralyzable_rate(1e7, 1e-7) == pytest.approx(1e7 / math.e)
    assert paralyzable_rate(2e7, 1e-7) < paralyzable_rate(1e7, 1e-7) > paralyzable_rate(5e6, 1e-7)


def test_slots_against_a_loop() -> None:
    """Pulses of 10 % with 7 blind slots after each click: p / (1 + k p) to 2 %."""
    random = stream(2, "slots").random(200_000)
    clicks, blind = 0, 0
    for number in random:
        if blind:
            blind -= 1
        elif number < 0.1:
            clicks, blind = clicks + 1, 7
    assert clicks / 200_000 == pytest.approx(slotted_probability(0.1, 7), rel=0.02)


@pytest.mark.parametrize(("rate_hz", "dead_s", "chain"), [(60.0, 50e-9, 0.01), (1e6, 50e-9, 0.01), (5e6, 50e-9, 0.2)])
def test_afterpulses_and_dead_time_balance(rate_hz: float, dead_s: float, chain: float) -> None:
    """The rate solves its own balance, and reduces to either closed form when the other effect is off."""
    clicks = with_afterpulses(rate_hz, dead_s, chain)
    assert clicks == pytest.approx((1 - clicks * dead_s) * (rate_hz + chain * clicks))
    assert with_afterpulses(rate_hz, 0.0, chain) == pytest.approx(rate_with_afterpulses(rate_hz, chain))
    assert with_afterpulses(rate_hz, dead_s, 0.0) == pytest.approx(measured_rate(rate_hz, dead_s))


def test_afterpulse_cascades_against_a_simulation() -> None:
    """Cascades of P = 20 % multiply the rate by 1.25 and give an excess Fano factor of 0.5."""
    random = stream(3, "cascades")
    primaries = random.poisson(50.0, size=100_000)
    counts = primaries + random.negative_binomial(primaries, 0.8)
    assert counts.mean() == pytest.approx(rate_with_afterpulses(50.0, 0.2), rel=2e-3)
    assert counts.var() / counts.mean() - 1 == pytest.approx(mandel_q(0.2), abs=0.03)
    assert probability_from_mandel_q(mandel_q(0.2)) == pytest.approx(0.2)


def test_small_afterpulse_laws() -> None:
    """They cost half their probability in QBER; what empties during the dead time is not seen; a chain of 1 never ends."""
    assert qber_cost(0.01) == 0.005
    assert surviving_probability(0.01, 1e-6, 1e-6) == pytest.approx(0.01 / math.e)
    with pytest.raises(ValueError, match="between 0 and 1"):
        rate_with_afterpulses(1.0, 1.0)


def test_dark_counts_of_the_default_detector() -> None:
    """60 cps with 1 % of afterpulses count 60.61 cps, and double with 10 K of warming."""
    assert counted_rate(60.0, 50e-9, 0.01) == pytest.approx(60 / 0.99, rel=1e-5)
    assert rate_at_temperature(60.0, -30.0, -40.0, 10.0) == pytest.approx(120.0)


def test_all_detectors_alive() -> None:
    """Two detectors, each dead a tenth of the time, are both ready 81 % of it; a saturated one never."""
    assert all_alive([2e6, 2e6], 50e-9) == pytest.approx(0.81)
    assert all_alive([3e7], 50e-9) == 0.0


def test_first_gap_excess() -> None:
    """Of 1,000 gaps with one click in 1,000 ticks, the smallest lies ln 2 = 0.69 ticks beyond the edge in half the cases."""
    assert first_gap_excess(1000, 1e-3) == pytest.approx(math.log(2))


def test_light_of_a_quantum_signal() -> None:
    """Half a photon a pulse at 1 GHz is 64 pW; 3 dB halves; 0.128 aJ is a photon at 1550 nm."""
    assert mean_photon_power_w(0.5, 1e9) == pytest.approx(64e-12, rel=2e-3)
    assert photon_energy_j(1550.0) == pytest.approx(1.2816e-19, rel=1e-4)
    assert received_power_w(1e-5, 3.0103) == pytest.approx(5e-6, rel=1e-5)
    assert transmittance(math.inf) == 0.0
    with pytest.raises(ValueError, match="finite"):
        mean_photon_power_w(math.inf, 1e9)


def test_thermal_laws() -> None:
    """One time constant leaves 37 % of a step; 25 km move 0.95 ns with a kelvin; a small step has settled."""
    assert relaxed_temperature_c(20.0, 30.0, 20.0, 20.0) == pytest.approx(30 - 10 / math.e)
    assert settling_time_s(10.0, 0.1, 20.0) == pytest.approx(20 * math.log(100))
    assert settling_time_s(0.05, 0.1, 20.0) == 0.0
    assert fibre_delay_shift_s(25.0, 1.0) == pytest.approx(0.95e-9)
