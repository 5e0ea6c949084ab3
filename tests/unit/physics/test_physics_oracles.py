"""Key rates and key lengths against two other implementations: PyPI ``qkd`` and TNO's key-rate package.

Both are development tools, pinned in constraints.txt. They share papers with ``hil.physics``, and no code. ``qkd`` is asked
below its documented layer (``qkd._core``), whose functions take the papers' own symbols; its version is pinned for that.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from hil.physics import decoy_asymptotic, decoy_gain
from hil.physics.click_model import click_probability, error_probability
from hil.physics.entropy import binary_entropy
from hil.physics.finite_key import DecoyCounts, DecoyProof, key_bound
from hil.physics.pair_source import PairArm, coincidence_gain, coincidence_qber, optimal_brightness, pair_key_rate

if TYPE_CHECKING:
    from collections.abc import Callable

LOSSES_DB = (0.0, 5.0, 10.0, 20.0, 30.0)
Y0, WRONG, SIGNAL, DECOY = 1.7e-6, 0.033, 0.48, 0.05
"""Of Gobby, Yuan and Shields, with the intensities of Ma et al. 2005."""
ETA_BOB = 0.045


@pytest.fixture(scope="module")
def qkd() -> Any:
    return pytest.importorskip("qkd._core", reason="the development tool qkd is not installed")


@pytest.fixture(scope="module")
def tno() -> Callable[[str], Any]:
    """Modules of TNO's package by their last name."""
    package = "tno.quantum.communication.qkd_key_rate.quantum"
    pytest.importorskip(package, reason="the development tool of TNO is not installed")
    return lambda name: import_module(f"{package}.{name}" if name else package)


def _eta(loss_db: float) -> float:
    return ETA_BOB * 10.0 ** (-loss_db / 10.0)


@pytest.mark.parametrize("loss_db", LOSSES_DB)
@pytest.mark.parametrize("intensity", [SIGNAL, DECOY])
def test_gain_and_qber_of_an_intensity(qkd: Any, intensity: float, loss_db: float) -> None:
    """``qkd`` keeps what Ma et al. drop from equation 8 on, a click of light and background at once: Y0 (1 - exp(-eta mu)).

    That is less than Y0 of the gain, 1.7e-6. The published numbers are those without it.
    """
    eta = _eta(loss_db)
    gain, qber = qkd.decoy_gain(intensity, eta, Y0, WRONG)
    assert decoy_gain.gain(intensity, eta, Y0) == pytest.approx(gain, rel=2 * Y0)
    # their errors of background are those of pulses without light: another half of the same term, over a QBER of 0.033 and more
    assert decoy_gain.qber(intensity, eta, Y0, WRONG) == pytest.approx(qber, rel=Y0 / WRONG)


@pytest.mark.parametrize("loss_db", LOSSES_DB)
def test_vacuum_and_weak_decoy_key_rate(qkd: Any, loss_db: float) -> None:
    """From the same gains: the same bounds and the same rate, equations 34, 37 and 1 of Ma et al. 2005."""
    eta = _eta(loss_db)
    (gain, error), (weak, weak_error) = (
        (decoy_gain.gain(mu, eta, Y0), decoy_gain.qber(mu, eta, Y0, WRONG)) for mu in (SIGNAL, DECOY)
    )
    single, single_error, single_gain = qkd.decoy_bounds(SIGNAL, DECOY, 0.0, gain, error, weak, weak_error, Y0, 0.5)
    own = decoy_asymptotic.single_photon_yield_lower(SIGNAL, DECOY, gain, weak, Y0)
    own_error = decoy_asymptotic.single_photon_error_upper(DECOY, weak, weak_error, Y0, own)
    assert (own, own_error) == (pytest.approx(single, rel=1e-9), pytest.approx(single_error, rel=1e-9))
    rate = decoy_asymptotic.gllp_rate(SIGNAL, gain, error, own, own_error, correction_efficiency=1.22)
    assert max(rate, 0.0) == pytest.approx(qkd.bb84_rate(0.5, gain, error, single_gain, single_error, 1.22), rel=1e-9)


@pytest.mark.parametrize("loss_db", [1.0, 5.0, 10.0, 15.0])
def test_finite_key_length(qkd: Any, loss_db: float) -> None:
    """To the bit, Lim et al. 2014, for 1e11 pulses of their simulation's detectors."""
    proof = DecoyProof((0.5, 0.1, 2e-4), (0.6, 0.3, 0.1), 1e-9, 1e-15)
    sent = [1e11 * probability for probability in proof.probabilities]
    eta = 0.1 * 10.0 ** (-loss_db / 10.0)
    gains = [click_probability(mu, eta, 1.2e-6, 0.04) for mu in proof.intensities]
    errors = [error_probability(mu, eta, 1.2e-6, 0.005, 0.04) for mu in proof.intensities]
    key, test = ([n * share * gain for n, gain in zip(sent, gains, strict=True)] for share in (0.81, 0.01))
    key_errors, test_errors = ([n * share * wrong for n, wrong in zip(sent, errors, strict=True)] for share in (0.81, 0.01))
    qber = sum(key_errors) / sum(key)
    eps = qkd.bb84_eps(1e-9)
    s0, s1 = qkd.decoy_counts(*proof.intensities, proof.probabilities, tuple(key), eps)
    _, s1_test = qkd.decoy_counts(*proof.intensities, proof.probabilities, tuple(test), eps)
    v1 = qkd.decoy_errors(*proof.intensities, proof.probabilities, tuple(test_errors), eps)
    phase = qkd.bb84_phase(v1, s1_test, s1, 1e-9)
    length = qkd.bb84_length(s0, s1, phase, sum(key), qber, 1.16, 1e-9, 1e-15)
    leak = 1.16 * sum(key) * binary_entropy(qber)
    bound = key_bound(DecoyCounts(tuple(key), tuple(test), tuple(test_errors)), proof, leak)
    assert bound.length_bits > 0
    assert bound.phase_error_ratio == pytest.approx(phase, rel=1e-9)
    assert abs(bound.length_bits - length) <= 1


@pytest.mark.parametrize("loss_db", LOSSES_DB)
def test_entangled_pairs(qkd: Any, loss_db: float) -> None:
    """Coincidences, QBER, key rate and best brightness of Ma, Fung and Lo 2007, an arm of 3 dB beside one of the loss."""
    alice, bob = PairArm(0.145 * 10.0**-0.3, 6.02e-6), PairArm(0.145 * 10.0 ** (-loss_db / 10.0), 6.02e-6)
    arms = (alice.transmittance, bob.transmittance, alice.background, bob.background)
    gain, qber = coincidence_gain(0.05, alice, bob), coincidence_qber(0.05, alice, bob, 0.015)
    assert gain == pytest.approx(qkd.pair_gain(0.05, *arms), rel=1e-9)
    assert qber == pytest.approx(qkd.pair_error(0.05, *arms, 0.015), rel=1e-9)
    assert max(pair_key_rate(0.05, alice, bob, 0.015), 0.0) == pytest.approx(
        qkd.pair_rate(gain, qber, qber, 1.22, 0.5), rel=1e-9
    )
    brightness, *_, rate = qkd.pair_optimum(*arms, 0.015, 1.22, 0.5)
    best = optimal_brightness(alice, bob, 0.015)
    # a rate is flat around its peak: the root of the working precision is what either search can settle
    assert best == pytest.approx(brightness, rel=1e-4)
    assert pair_key_rate(best, alice, bob, 0.015) == pytest.approx(rate, rel=1e-7)


@pytest.mark.parametrize("loss_db", LOSSES_DB)
def test_entangled_pairs_of_tno(tno: Callable[[str], Any], loss_db: float) -> None:
    """Source in the middle; TNO counts pairs of matching bases and takes error correction at the limit."""
    detector = tno("").standard_detector.customise(dark_count_rate=6.02e-6, error_detector=0.015, efficiency_party=0.145)
    theirs = tno("bbm92").BBM92AsymptoticKeyRateEstimate(detector=detector).compute_rate(0.1, loss_db)
    arm = PairArm(0.145 * 10.0 ** (-loss_db / 20.0), 6.02e-6)
    own = pair_key_rate(0.05, arm, arm, 0.015, correction_efficiency=1.0, sifting=1.0)
    assert own == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("drift_rad", [0.0, 0.1])
@pytest.mark.parametrize("loss_db", LOSSES_DB)
def test_endless_decoys_of_tno(tno: Callable[[str], Any], loss_db: float, drift_rad: float) -> None:
    """All yields known, the vacuum counted as key, error correction at the limit.

    TNO gives a pulse in which both detectors click a random bit; Ma et al. call a fraction sin^2 of the clicks wrong. The two
    differ by pulses of two detected photons, at most eta mu / 2 of them, and only where there is misalignment; the published
    numbers are Ma's.
    """
    dark, mu, eta = 1e-6, 0.5, 0.2 * 10.0 ** (-loss_db / 10.0)
    detector = tno("").standard_detector.customise(
        dark_count_rate=dark, polarization_drift=drift_rad, error_detector=0.0, efficiency_party=0.2
    )
    theirs = tno("bb84").BB84FullyAsymptoticKeyRateEstimate(detector=detector).compute_rate(mu, loss_db)
    background, wrong = 1.0 - (1.0 - dark) ** 2, math.sin(drift_rad) ** 2
    gain, qber = decoy_gain.gain(mu, eta, background), decoy_gain.qber(mu, eta, background, wrong)
    single = decoy_gain.single_photon_yield(eta, background)
    error = decoy_gain.single_photon_error(eta, background, wrong)
    own = decoy_asymptotic.gllp_rate(mu, gain, qber, single, error, correction_efficiency=1.0, sifting=1.0)
    own += math.exp(-mu) * background
    assert own == pytest.approx(theirs, rel=1e-4 + (eta * mu / 2.0 if drift_rad else 0.0))
