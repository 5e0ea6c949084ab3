"""What the published values leave open of the closed forms: limits, inverses, simulations, refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hil.errors import UsageError
from hil.physics.chsh import (
    QUANTUM_BOUND,
    fidelity_from_visibility,
    qber_from_visibility,
    s_from_correlations,
    s_from_visibility,
    s_standard_error,
    visibility_from_s,
)
from hil.physics.click_model import click_probability, error_probability
from hil.physics.correction_limits import one_way_efficiency_limit
from hil.physics.decoy_asymptotic import gllp_rate
from hil.physics.decoy_gain import gain, qber, single_photon_error, single_photon_yield
from hil.physics.intercept_resend import qber_with_intercept_resend
from hil.physics.one_decoy import OneDecoyCounts, OneDecoyProof, one_decoy_bound
from hil.physics.optimal_intensity import optimal_signal_intensity
from hil.physics.pair_source import PairArm, coincidence_gain, coincidence_qber, optimal_brightness, pair_key_rate
from hil.physics.photon_number import multi_photon_probability, poisson_probability, thermal_probability
from hil.physics.qber_threshold import bb84_rate, six_state_rate
from hil.physics.reach import longest_reach
from hil.seeds import stream


@pytest.mark.parametrize(("visibility", "qber_ratio", "s"), [(0.9, 0.05, 2.55), (0.95, 0.025, 2.69), (0.98, 0.01, 2.77)])
def test_visibility_errors_and_s_belong_together(visibility: float, qber_ratio: float, s: float) -> None:
    """Pairs of numbers as experiments quote them, S with two decimals."""
    assert qber_from_visibility(visibility) == pytest.approx(qber_ratio)
    assert s_from_visibility(visibility) == pytest.approx(s, abs=0.005)
    assert visibility_from_s(s_from_visibility(visibility)) == pytest.approx(visibility)


def test_a_singlet_reaches_the_quantum_bound() -> None:
    """The cosine of 45 degrees at every setting, with the sign of the second turned; fidelity 1, and 1/4 of noise."""
    ideal = math.cos(math.pi / 4)
    assert s_from_correlations((ideal, -ideal, ideal, ideal)) == pytest.approx(QUANTUM_BOUND)
    assert fidelity_from_visibility(1.0) == 1.0
    assert fidelity_from_visibility(0.0) == 0.25


def test_error_of_s_against_a_simulation() -> None:
    """Four correlations of 0.6 from 100 coincidences each: 0.16.

    4,000 experiments of 200 coincidences a setting scatter as predicted, to 3.5 % (three standard deviations).
    """
    assert s_standard_error((0.6, -0.6, 0.6, 0.6), [100] * 4) == pytest.approx(0.16)
    correlations = (0.65, -0.6, 0.7, 0.62)
    alike = [stream(4, "chsh", n).binomial(200, (1 + e) / 2, size=4000) for n, e in enumerate(correlations)]
    measured = [2 * counts / 200 - 1 for counts in alike]
    assert np.std(measured[0] - measured[1] + measured[2] + measured[3]) == pytest.approx(
        s_standard_error(correlations, [200] * 4), rel=0.035
    )


def test_photon_numbers_add_up() -> None:
    """To one, to the mean, and more than one photon is what neither none nor one is."""
    for distribution in (poisson_probability, thermal_probability):
        assert sum(distribution(n, 0.5) for n in range(60)) == pytest.approx(1.0)
        assert sum(n * distribution(n, 0.5) for n in range(60)) == pytest.approx(0.5)
    assert multi_photon_probability(0.5) == pytest.approx(sum(poisson_probability(n, 0.5) for n in range(2, 30)))


def test_thermal_light_bunches() -> None:
    """Its factorial moment <n(n-1)> is twice the square of the mean, that of coherent light is the square: g2 = 2 and 1."""
    moments = [
        sum(n * (n - 1) * distribution(n, 0.1) for n in range(80)) / 0.01
        for distribution in (thermal_probability, poisson_probability)
    ]
    assert moments == pytest.approx([2.0, 1.0])


def test_intercepting_a_noisy_link() -> None:
    """Half of the bits wrong stay half wrong; 10 % of errors become 30 % when everything is intercepted."""
    assert qber_with_intercept_resend(1.0, 0.5) == pytest.approx(0.5)
    assert qber_with_intercept_resend(1.0, 0.1) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        qber_with_intercept_resend(1.1)


def test_intercept_resend_against_a_simulation() -> None:
    """Half a million sifted bits, 40 % of them intercepted, 5 % of misalignment: within five standard deviations."""
    rng = stream(5, "intercept")
    alice, eve = rng.integers(0, 2, (2, 500_000))
    wrong_basis = rng.random(500_000) < 0.5
    intercepted = rng.random(500_000) < 0.4
    received = np.where(intercepted & wrong_basis, eve, alice) ^ (rng.random(500_000) < 0.05)
    predicted = qber_with_intercept_resend(0.4, 0.05)
    assert (received != alice).mean() == pytest.approx(predicted, abs=5 * math.sqrt(predicted / 500_000))


def test_rates_without_errors() -> None:
    """Every sifted bit is secret."""
    assert bb84_rate(0.0) == six_state_rate(0.0) == 1.0


def test_optimal_intensity_is_where_the_rate_is_highest() -> None:
    """Of an endless run at 30 dB without background; there is none at 12 % of misalignment, and 1 without any."""

    def rate(mu: float) -> float:
        eta = 0.001
        single = single_photon_yield(eta, 0.0), single_photon_error(eta, 0.0, 0.033)
        return gllp_rate(mu, gain(mu, eta, 0.0), qber(mu, eta, 0.0, 0.033), *single)

    best = optimal_signal_intensity(0.033)
    assert max((0.4 + 0.001 * n for n in range(200)), key=rate) == pytest.approx(best, abs=0.002)
    assert optimal_signal_intensity(0.12) == 0.0
    assert optimal_signal_intensity(0.0) == pytest.approx(1.0)


def test_reach_at_its_ends() -> None:
    """No key at all is no distance; more key than was asked for is no number either."""
    assert longest_reach(lambda km: 3.0 - km, 10.0) == pytest.approx(3.0)
    assert math.isnan(longest_reach(lambda km: -1.0 - km, 10.0))
    assert math.isinf(longest_reach(lambda km: 30.0 - km, 10.0))


def test_clicks_of_a_dark_and_of_a_blinding_pulse() -> None:
    """Background alone is wrong half the time; a pulse that always clicks does so once, background or not."""
    assert click_probability(0.0, 0.1, 1e-5) == pytest.approx(1e-5)
    assert error_probability(0.0, 0.1, 1e-5, 0.01) == pytest.approx(0.5e-5)
    assert click_probability(1e6, 0.1, 0.01) == 1.0
    assert click_probability(0.5, 0.1, 1e-5, 0.04) == pytest.approx(1.04 * click_probability(0.5, 0.1, 1e-5))


def test_pairs_against_a_simulation() -> None:
    """Pairs of two modes as down-conversion makes them, sent through loss to threshold detectors: gain to 1 %, errors to 2 %.

    n pairs in a pulse have the probability (n + 1) lambda^n / (1 + lambda)^(n + 2); the n + 1 ways of sharing them between the
    modes are equally likely, and both sides see the same share in every basis. Two clicks of one side count as a random bit.
    """
    rng, pulses, brightness, eta = stream(6, "pairs"), 4_000_000, 0.1, 0.3
    first, second = (rng.geometric(1 / (1 + brightness), pulses) - 1 for _ in range(2))
    clicks = [[rng.binomial(mode, eta) > 0 for mode in (first, second)] for _ in range(2)]
    bits = [np.where(one & two, rng.integers(0, 2, pulses), two) for one, two in clicks]
    both = (clicks[0][0] | clicks[0][1]) & (clicks[1][0] | clicks[1][1])
    arm = PairArm(eta, 0.0)
    assert both.mean() == pytest.approx(coincidence_gain(brightness, arm, arm), rel=0.01)
    assert (bits[0] != bits[1])[both].mean() == pytest.approx(coincidence_qber(brightness, arm, arm, 0.0), rel=0.02)


def test_background_alone_makes_random_pairs() -> None:
    """In the dark a coincidence is two dark counts, wrong half the time, and never a key."""
    arm = PairArm(0.1, 1e-3)
    assert coincidence_gain(0.0, arm, arm) == pytest.approx(1e-6)
    assert coincidence_qber(0.0, arm, arm, 0.01) == pytest.approx(0.5)
    assert pair_key_rate(1e-9, arm, arm, 0.01) < 0


def test_best_brightness_beats_its_neighbours() -> None:
    """With arms of unequal loss, and less light where both lose little."""
    arms = PairArm(0.1, 1e-6), PairArm(0.01, 1e-6)
    best = optimal_brightness(*arms, 0.01)
    rates = [pair_key_rate(best * factor, *arms, 0.01) for factor in (0.98, 1.0, 1.02)]
    assert rates[1] == max(rates)


COUNTS = OneDecoyCounts((3.4e9, 1.2e8), (6.8e7, 2.4e6), (4.2e7, 1.5e6), (8.4e5, 3.0e4))
PROOF = OneDecoyProof((0.5, 0.15), (0.9, 0.1), 1e-12, 1e-12)


def test_one_decoy_gives_whole_bits_and_fewer_for_stricter_promises() -> None:
    """What may be released is a whole number below the bound, and shrinks with either epsilon, with errors, with the leak."""
    bound = one_decoy_bound(COUNTS, PROOF, 6e8)
    assert 0 <= bound.unrounded_bits - bound.length_bits < 1
    stricter = [replace(PROOF, epsilon_secrecy=1e-15), replace(PROOF, epsilon_correctness=1e-15)]
    assert all(one_decoy_bound(COUNTS, proof, 6e8).length_bits < bound.length_bits for proof in stricter)
    more_errors = replace(COUNTS, test_errors=(9.0e5, 3.2e4))
    assert one_decoy_bound(more_errors, PROOF, 6e8).length_bits < bound.length_bits
    assert bound.length_bits - one_decoy_bound(COUNTS, PROOF, 6e8 + 1000).length_bits == 1000


@pytest.mark.parametrize(
    "counts",
    [
        OneDecoyCounts((0, 0), (0, 0), (0, 0), (0, 0)),
        replace(COUNTS, test=(0, 0), test_errors=(0, 0)),
        replace(COUNTS, test_errors=(2.1e7, 7.5e5)),
        OneDecoyCounts((900, 30), (18, 1), (10, 1), (1, 0)),
    ],
    ids=["empty", "untested", "noise", "short"],
)
def test_one_decoy_gives_no_key_from_nothing(counts: OneDecoyCounts) -> None:
    """Nothing counted, nothing tested, half of it wrong, too little of it: no key and no error."""
    assert one_decoy_bound(counts, PROOF, 0.0).length_bits == 0


@pytest.mark.parametrize("intensities", [(0.15, 0.5), (0.5, 0.5), (0.5, 0.0)])
def test_one_decoy_refuses_intensities_it_does_not_cover(intensities: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="mu1 > mu2 > 0"):
        OneDecoyProof(intensities, (0.9, 0.1))


def test_the_page_names_every_form() -> None:
    """One that is not in the table is not found."""
    checkout = Path(__file__).parents[3]
    page = (checkout / "docs" / "reference" / "closed-forms.md").read_text("utf-8")
    forms = [path.name for path in (checkout / "hil" / "physics").glob("*.py") if not path.name.startswith("_")]
    assert len(forms) > 20
    assert [name for name in forms if f"`{name}`" not in page] == []


def test_one_way_codes_reach_the_shannon_limit_when_endless() -> None:
    """From above, and with fewer failures for a higher price."""
    assert one_way_efficiency_limit(10**12, 0.02, 0.01) == pytest.approx(1.0, abs=1e-4)
    assert one_way_efficiency_limit(16384, 0.02, 1e-3) > one_way_efficiency_limit(16384, 0.02, 1e-2) > 1.0
