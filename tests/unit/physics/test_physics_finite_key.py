"""Key lengths against vectors that two other implementations agree on, and asymptotic rates against the published ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hil.errors import UsageError
from hil.physics.decoy_asymptotic import gllp_rate, single_photon_error_upper, single_photon_yield_lower
from hil.physics.decoy_gain import gain, qber, single_photon_error, single_photon_yield
from hil.physics.decoy_key import IntensityCounts, decoy_key_bits, first_decoy_key_factor
from hil.physics.entropy import binary_entropy, correction_leak_bits
from hil.physics.finite_key import DecoyCounts, DecoyProof, key_bound, key_length_bits

if TYPE_CHECKING:
    from collections.abc import Iterable

Triple = tuple[float, float, float]

PROOF = DecoyProof((0.5, 0.1, 2e-4), (0.6, 0.3, 0.1))

# Catalogue lim2014-25km-1e+10 and lim2014-50km-1e+12: PyPI qkd 0.2.0 and a second implementation agree to the bit.
VECTORS = [
    (
        (79294567.91884798, 7982108.476865188, 6338.662160506381),
        (978945.2829487401, 98544.54909710103, 78.2550884013133),
        (23567.98417975766, 2386.6799216066247, 7.8211323121963785),
        0.024093591433950942,
        {"l": 17645404, "s1": 52888982.8379603, "sZ1": 537950.3960116801, "vZ1": 34189.1804129644, "phi": 0.06649502509855619},
    ),
    (
        (2521496019.7796707, 252896642.99704313, 269567.62934872817),
        (31129580.491107024, 3122180.7777412715, 3327.9954240583706),
        (751871.4028946655, 76834.44053286065, 673.999902001076),
        0.02421187219601148,
        {
            "l": 814528602,
            "s1": 1701549203.8078923,
            "sZ1": 20358387.667872954,
            "vZ1": 669021.2622617607,
            "phi": 0.033197376956598065,
        },
    ),
]


@pytest.mark.parametrize(("key", "test", "errors", "observed", "expected"), VECTORS)
def test_reproduces_the_lim_vectors(
    key: Triple, test: Triple, errors: Triple, observed: float, expected: dict[str, float]
) -> None:
    """Every bound to nine digits and the length to the bit."""
    bound = key_bound(DecoyCounts(key, test, errors), PROOF, correction_leak_bits(sum(key), observed, 1.16))
    assert bound.length_bits == expected["l"]
    assert bound.vacuum_events == 0.0
    assert bound.single_photon_events == pytest.approx(expected["s1"], rel=1e-9)
    assert bound.single_photon_test_events == pytest.approx(expected["sZ1"], rel=1e-9)
    assert bound.single_photon_test_errors == pytest.approx(expected["vZ1"], rel=1e-9)
    assert bound.phase_error_ratio == pytest.approx(expected["phi"], rel=1e-9)


def _triple(values: Iterable[float]) -> Triple:
    first, second, third = values
    return (first, second, third)


def _lim_channel(km: float, key_basis: float, key_bits: float) -> tuple[DecoyCounts, float]:
    """The channel of the reference table: 0.2 dB/km, 10 % at Bob, p_d 1e-6, misalignment 0.5 %, afterpulses 4 %."""
    eta = 0.1 * 10 ** (-0.2 * km / 10)
    mus, ps = (0.5, 0.1, 2e-4), (0.7, 0.2, 0.1)
    clicks = [1 - (1 - 2e-6) * math.exp(-eta * mu) for mu in mus]
    rates = [p * d * 1.04 for p, d in zip(ps, clicks, strict=True)]
    wrong = [p * (1e-6 + 0.005 * (1 - math.exp(-eta * mu)) + 0.02 * d) for p, mu, d in zip(ps, mus, clicks, strict=True)]
    pulses = key_bits / (key_basis**2 * sum(rates))
    other = pulses * (1 - key_basis) ** 2
    counts = DecoyCounts(
        _triple(pulses * key_basis**2 * r for r in rates), _triple(other * r for r in rates), _triple(other * w for w in wrong)
    )
    return counts, sum(wrong) / sum(rates)


LONG_PROOF = DecoyProof((0.5, 0.1, 2e-4), (0.7, 0.2, 0.1), 1e-10, 1e-15)


def test_reproduces_the_known_answer_table() -> None:
    """100 km, 1e8 bits: QBER 2.6598 %, 58,493,807 single photons, phase error 3.32 %, 25,794,949 bits of key."""
    counts, error_rate = _lim_channel(100, 0.5, 1e8)
    bound = key_bound(counts, LONG_PROOF, correction_leak_bits(1e8, error_rate, 1.16))
    assert error_rate == pytest.approx(0.026598, abs=5e-7)
    assert bound.single_photon_events == pytest.approx(58_493_807, abs=1)
    assert bound.phase_error_ratio == pytest.approx(0.0332, abs=5e-5)
    assert bound.length_bits == 25_794_949


@pytest.mark.parametrize(("key_basis", "most"), [(0.5, 2_373_325), (0.9, 0)])
def test_stays_below_the_table_for_few_counts(key_basis: float, most: int) -> None:
    """50 km, 1e7 bits: the table raises a negative lower bound on the vacuum errors to zero, the paper's formula does not.

    Nothing may exceed the table, least of all its last row: a device that reports key there claims too much.
    """
    counts, error_rate = _lim_channel(50, key_basis, 1e7)
    bound = key_bound(counts, LONG_PROOF, correction_leak_bits(1e7, error_rate, 1.16))
    assert error_rate == pytest.approx(0.024296, abs=5e-7)
    assert bound.single_photon_events == pytest.approx(5_533_940, abs=1)
    assert 0.9 * most <= bound.length_bits <= most


def test_no_counts_give_no_key() -> None:
    """An empty block, one without test bits, and one of pure noise give no key and no error."""
    empty = DecoyCounts((0, 0, 0), (0, 0, 0), (0, 0, 0))
    assert key_length_bits(empty, PROOF, 0.0) == 0
    key, test, _, _, _ = VECTORS[0]
    assert key_length_bits(DecoyCounts(key, (0, 0, 0), (0, 0, 0)), PROOF, 0.0) == 0
    noise = DecoyCounts(key, test, _triple(n / 2 for n in test))
    assert key_length_bits(noise, PROOF, 0.0) == 0
    assert math.isinf(first_decoy_key_factor(IntensityCounts(noise.key, (), noise.test, noise.test_errors), PROOF, 0.0))


def test_no_errors_seen_are_not_none() -> None:
    """A finite test without errors bounds the phase errors as one with an error does: above nothing, below a hundredth here."""
    key, test, _, _, _ = VECTORS[0]
    flawless = key_bound(DecoyCounts(key, test, (0, 0, 0)), PROOF, 0.0)
    assert flawless.single_photon_test_errors == 1.0
    assert 0.0 < flawless.phase_error_ratio < 0.01


def test_first_key_factor_is_the_edge() -> None:
    """A block a little longer than the factor says gives key, a little shorter gives none."""
    key, test, errors, observed, _ = VECTORS[0]
    counts, leak = IntensityCounts(key, (), test, errors), correction_leak_bits(sum(key), observed, 1.16)
    factor = first_decoy_key_factor(counts, PROOF, leak)
    assert factor < 1
    assert decoy_key_bits(counts.scaled(factor * 1.002), PROOF, leak * factor * 1.002) > 0
    assert decoy_key_bits(counts.scaled(factor * 0.998), PROOF, leak * factor * 0.998) == 0


def test_a_very_long_block_is_no_error() -> None:
    """Of 10^13 events the sampling term of the phase error would be the root of a negative number; it is nothing."""
    key, test, errors, _, _ = VECTORS[0]
    proof = replace(PROOF, epsilon_secrecy=1e-4)
    longest = IntensityCounts(key, (), test, errors).scaled(1e9)
    assert 0 < decoy_key_bits(longest, proof, 0.0) < sum(longest.key)


def test_refuses_intensities_the_bound_does_not_cover() -> None:
    """mu1 below mu2 + mu3 is refused before it makes a key too long."""
    with pytest.raises(UsageError, match="mu1 > mu2"):
        DecoyProof((0.3, 0.25, 0.1), (0.4, 0.4, 0.2))


def test_entropy_at_known_points() -> None:
    """h(0.11002786443838888) is one half (Shor-Preskill threshold), h(0) and h(1) are 0, and 1.2 is no probability."""
    assert 1 - 2 * binary_entropy(0.11002786443838888) == pytest.approx(0.0, abs=1e-12)
    assert binary_entropy(0.0) == binary_entropy(1.0) == 0.0
    with pytest.raises(ValueError, match="between 0 and 1"):
        binary_entropy(1.2)


# Gobby, Yuan, Shields 2004 as used by Ma et al. 2005.
E_DET, Y0, ETA_BOB, SIGNAL = 0.033, 1.7e-6, 0.045, 0.48


def _eta(km: float) -> float:
    return ETA_BOB * 10 ** (-0.21 * km / 10)


def _rate(km: float, decoy: float | None) -> float:
    eta = _eta(km)
    if decoy is None:
        single, error = single_photon_yield(eta, Y0), single_photon_error(eta, Y0, E_DET)
    else:
        q_nu, e_nu = gain(decoy, eta, Y0), qber(decoy, eta, Y0, E_DET)
        single = single_photon_yield_lower(SIGNAL, decoy, gain(SIGNAL, eta, Y0), q_nu, Y0)
        error = single_photon_error_upper(decoy, q_nu, e_nu, Y0, single)
    return gllp_rate(SIGNAL, gain(SIGNAL, eta, Y0), qber(SIGNAL, eta, Y0, E_DET), single, error)


def test_gys_point_at_50_km() -> None:
    """Gains, error rates, bounds and rates at 50 km to a part in a million (catalogue gys-point-50km)."""
    eta = _eta(50)
    assert gain(0.48, eta, Y0) == pytest.approx(0.0019249502059680568, rel=1e-6)
    assert qber(0.48, eta, Y0, E_DET) == pytest.approx(0.03341242625265587, rel=1e-6)
    assert gain(0.05, eta, Y0) == pytest.approx(0.00020221135599063356, rel=1e-6)
    assert qber(0.05, eta, Y0, E_DET) == pytest.approx(0.036926090085827465, rel=1e-6)
    assert _rate(50, 0.05) == pytest.approx(0.00020962499420812625, rel=1e-6)
    assert _rate(50, None) == pytest.approx(0.00022259611792148918, rel=1e-6)


@pytest.mark.parametrize(("decoy", "published_km"), [(None, 142.05), (0.05, 140.55)])
def test_gys_longest_distance(decoy: float | None, published_km: float) -> None:
    """The key ends at the published distances, within 0.2 km (Ma et al. 2005)."""
    assert _rate(published_km - 0.2, decoy) > 0 > _rate(published_km + 0.2, decoy)


def test_gys_decoy_bounds_at_40_km() -> None:
    """With a decoy of 0.12 at 40 km, Y1 is 3.5 % low and e1 16.8 % high, as published."""
    eta = _eta(40)
    q_nu, e_nu = gain(0.12, eta, Y0), qber(0.12, eta, Y0, E_DET)
    lower = single_photon_yield_lower(SIGNAL, 0.12, gain(SIGNAL, eta, Y0), q_nu, Y0)
    upper = single_photon_error_upper(0.12, q_nu, e_nu, Y0, lower)
    assert 100 * (1 - lower / single_photon_yield(eta, Y0)) == pytest.approx(3.5, abs=0.05)
    assert 100 * (upper / single_photon_error(eta, Y0, E_DET) - 1) == pytest.approx(16.8, abs=0.05)


def test_gys_measured_qber_at_122_km() -> None:
    """The QBER of 8.9 % that was measured at 122 km lies between the model's for 2.89 and 3.28 % of misalignment."""
    eta = _eta(122)
    assert qber(0.1, eta, Y0, 0.0289) < 0.089 < qber(0.1, eta, Y0, 0.0328)


def test_dark_pulses_have_no_error_rate() -> None:
    """Without light and background there is nothing to be wrong."""
    assert math.isnan(qber(0.0, 0.1, 0.0, 0.01))
