"""Finite-key length of decoy-state BB84 with one decoy, with the corrected proof.

Source: J. Wiesemann, J. Krause, D. Tupkary, N. Lütkenhaus, D. Rusca, N. Walenta, arXiv:2405.16578, which mends the fixed-length
argument of D. Rusca et al., Appl. Phys. Lett. 112, 171104 (2018). Valid for two intensities mu1 > mu2 > 0, fixed block size,
basis-independent detection, phase-randomised pulses; key is taken from both intensities of the key basis. Concentration by
Hoeffding, sampling by Serfling; no key is claimed from vacuum events. Expected (non-integer) counts are accepted: what comes
out then is an expected length, without a security statement attached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.errors import UsageError
from hil.physics.entropy import binary_entropy
from hil.physics.photon_number import poisson_probability

__all__ = ["OneDecoyBound", "OneDecoyCounts", "OneDecoyProof", "one_decoy_bound", "serfling_phase_error"]

_EVENTS_THAT_MAY_FAIL = 15.0

Pair = tuple[float, float]


@dataclass(frozen=True)
class OneDecoyCounts:
    """What was sifted, signal first: counts and errors of both bases."""

    key: Pair
    key_errors: Pair
    test: Pair
    test_errors: Pair


@dataclass(frozen=True)
class OneDecoyProof:
    """Intensities and their probabilities, signal first, and what the key has to promise.

    UsageError for intensities the bound does not cover.
    """

    intensities: Pair
    probabilities: Pair
    epsilon_secrecy: float = 1e-9
    epsilon_correctness: float = 1e-15

    def __post_init__(self) -> None:
        signal, decoy = self.intensities
        if not signal > decoy > 0.0:
            raise UsageError(f"the bound needs intensities mu1 > mu2 > 0; got {self.intensities}")

    @property
    def log_failure(self) -> float:
        """ln(15 / epsilon_secrecy): the secrecy is split over 15 events that may fail."""
        return math.log(_EVENTS_THAT_MAY_FAIL / self.epsilon_secrecy)

    def emitted(self, photons: int) -> float:
        """Probability that a pulse leaves with this many photons."""
        pairs = zip(self.intensities, self.probabilities, strict=True)
        return sum(p * poisson_probability(photons, mu) for mu, p in pairs)


@dataclass(frozen=True)
class OneDecoyBound:
    """The bounds on the way to a key length; events are counts of the block, vacuum ones are not credited.

    ``length_bits`` is what may be released.
    """

    vacuum_events: float
    single_photon_events: float
    single_photon_test_events: float
    single_photon_test_errors: float
    phase_error_ratio: float
    leak_bits: float
    unrounded_bits: float
    length_bits: int


def one_decoy_bound(counts: OneDecoyCounts, proof: OneDecoyProof, leak_bits: float) -> OneDecoyBound:
    """Longest key these counts support after ``leak_bits`` were disclosed, with all bounds on the way."""
    single = _single_photon_events(counts.key, counts.key_errors, proof)
    single_test = _single_photon_events(counts.test, counts.test_errors, proof)
    errors = _single_photon_errors(counts.test_errors, sum(counts.test), proof)
    phase = serfling_phase_error(errors, single_test, single, proof.log_failure)
    raw = (
        single * (1.0 - binary_entropy(phase))
        - leak_bits
        - 4.0 * math.log2(_EVENTS_THAT_MAY_FAIL / (proof.epsilon_secrecy * 2.0**0.25))
        - math.log2(2.0 / proof.epsilon_correctness)
    )
    length = max(0, math.floor(raw)) if phase < 0.5 else 0
    return OneDecoyBound(0.0, single, single_test, errors, phase, leak_bits, raw, length)


def _single_photon_events(counts: Pair, errors: Pair, proof: OneDecoyProof) -> float:
    """Lower bound on the single-photon events among the counts; more vacuum events than the errors allow there cannot be."""
    signal, decoy = proof.intensities
    total = sum(counts)
    (signal_upper, _), (_, decoy_lower) = _bounded(counts, proof)
    tau0, tau1 = proof.emitted(0), proof.emitted(1)
    weight_signal, weight_decoy = _weights(proof)
    vacuum = _vacuum_upper(errors, total, proof)
    ratio = (decoy / signal) ** 2
    bracket = weight_decoy * decoy_lower - ratio * weight_signal * signal_upper - (1.0 - ratio) * vacuum / tau0
    return _within(signal * tau1 / (decoy * (signal - decoy)) * bracket, total)


def _vacuum_upper(errors: Pair, total: float, proof: OneDecoyProof) -> float:
    """Upper bound on the vacuum events: they are wrong half the time, and there are no more errors than were seen."""
    deviation = math.sqrt(total / 2.0 * proof.log_failure)
    bounded = zip(_weights(proof), _bounded(errors, proof), strict=True)
    return _within(min(2.0 * (proof.emitted(0) * weight * upper + deviation) for weight, (upper, _) in bounded), total)


def _single_photon_errors(errors: Pair, total: float, proof: OneDecoyProof) -> float:
    """Upper bound on the errors of single-photon events."""
    signal, decoy = proof.intensities
    weight_signal, weight_decoy = _weights(proof)
    (signal_upper, _), (_, decoy_lower) = _bounded(errors, proof)
    return _within(proof.emitted(1) / (signal - decoy) * (weight_signal * signal_upper - weight_decoy * decoy_lower), total)


def serfling_phase_error(errors: float, test_events: float, key_events: float, log_failure: float) -> float:
    """Upper bound on the phase error of the key's single photons, by Serfling's inequality; at most one half."""
    if test_events <= 0.0 or key_events <= 0.0 or errors >= 0.5 * test_events:
        return 0.5
    share = (test_events + key_events) / (test_events * key_events)
    return min(0.5, errors / test_events + math.sqrt(share * (test_events + 1.0) / test_events * log_failure))


def _bounded(counts: Pair, proof: OneDecoyProof) -> tuple[Pair, Pair]:
    """Hoeffding's upper and lower bounds on the counts of the signal and of the decoy."""
    total = sum(counts)
    deviation = math.sqrt(total / 2.0 * proof.log_failure)
    signal, decoy = ((_within(n + deviation, total), _within(n - deviation, total)) for n in counts)
    return signal, decoy


def _weights(proof: OneDecoyProof) -> Pair:
    signal, decoy = (math.exp(mu) / p for mu, p in zip(proof.intensities, proof.probabilities, strict=True))
    return signal, decoy


def _within(value: float, most: float) -> float:
    return max(0.0, min(most, value))
