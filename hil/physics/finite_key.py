"""Finite-key length of decoy-state BB84 with two decoys, as an independent bound on what a pipeline releases.

Source: C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014), equations 1 to 5. Valid for three
intensities mu1 > mu2 + mu3, mu2 > mu3 >= 0, fixed block size, basis-independent detection, phase-randomised pulses; key is
taken from all intensities of the key basis, errors of the test basis bound the phase error. Expected (non-integer) counts
are accepted: what comes out then is an expected length, without a security statement attached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.errors import UsageError
from hil.physics.entropy import binary_entropy

__all__ = ["DecoyCounts", "DecoyProof", "KeyBound", "key_bound", "key_length_bits", "phase_error_bound"]

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class DecoyCounts:
    """What was sifted, per intensity, strongest first: both bases, and the errors of the test basis."""

    key: Triple
    test: Triple
    test_errors: Triple


@dataclass(frozen=True)
class DecoyProof:
    """What the counts were made with, strongest intensity first, and what the key has to promise.

    ``probabilities`` are those of sending each intensity, in any basis. UsageError for intensities the bound does not cover.
    """

    intensities: Triple
    probabilities: Triple
    epsilon_secrecy: float = 1e-9
    epsilon_correctness: float = 1e-15

    def __post_init__(self) -> None:
        mu1, mu2, mu3 = self.intensities
        if not (mu1 > mu2 + mu3 and mu2 > mu3 >= 0):
            raise UsageError(f"the bound needs intensities mu1 > mu2 + mu3 and mu2 > mu3 >= 0; got {self.intensities}")

    @property
    def log_21(self) -> float:
        """ln(21 / epsilon_secrecy): the secrecy is split over 21 events that may fail."""
        return math.log(21.0 / self.epsilon_secrecy)

    def emitted(self, photons: int) -> float:
        """Probability that a pulse leaves with this many photons."""
        pairs = zip(self.intensities, self.probabilities, strict=True)
        return sum(p * math.exp(-mu) * mu**photons / math.factorial(photons) for mu, p in pairs)


@dataclass(frozen=True)
class KeyBound:
    """The bounds on the way to a key length; events are counts of the block.

    ``unrounded_bits`` may be negative, ``length_bits`` is what may be released.
    """

    vacuum_events: float
    single_photon_events: float
    single_photon_test_events: float
    single_photon_test_errors: float
    phase_error_ratio: float
    leak_bits: float
    unrounded_bits: float
    length_bits: int


def key_length_bits(counts: DecoyCounts, proof: DecoyProof, leak_bits: float) -> int:
    """Longest key these counts support after ``leak_bits`` were disclosed by error correction; 0 where there is none."""
    return key_bound(counts, proof, leak_bits).length_bits


def key_bound(counts: DecoyCounts, proof: DecoyProof, leak_bits: float) -> KeyBound:
    """All bounds on the way to :func:`key_length_bits`."""
    vacuum, single = _events(counts.key, proof)
    _, single_test = _events(counts.test, proof)
    errors = _single_photon_errors(counts.test_errors, proof)
    phase = phase_error_bound(errors, single_test, single, proof.epsilon_secrecy)
    raw = (
        vacuum
        + single * (1.0 - binary_entropy(phase))
        - leak_bits
        - 6.0 * math.log2(21.0 / proof.epsilon_secrecy)
        - math.log2(2.0 / proof.epsilon_correctness)
    )
    length = max(0, math.floor(raw)) if phase < 0.5 else 0
    return KeyBound(vacuum, single, single_test, errors, phase, leak_bits, raw, length)


def _events(counts: Triple, proof: DecoyProof) -> tuple[float, float]:
    """Lower bounds on the vacuum and the single-photon events among the counts (equations 2 and 3)."""
    mu1, mu2, mu3 = proof.intensities
    upper, lower = _bounded(counts, proof)
    tau0, tau1 = proof.emitted(0), proof.emitted(1)
    vacuum = max(0.0, tau0 * (mu2 * lower[2] - mu3 * upper[1]) / (mu2 - mu3))
    several = (mu2**2 - mu3**2) / mu1**2 * (upper[0] - vacuum / tau0)
    single = tau1 * mu1 * (lower[1] - upper[2] - several) / (mu1 * (mu2 - mu3) - mu2**2 + mu3**2)
    return vacuum, max(0.0, single)


def _single_photon_errors(errors: Triple, proof: DecoyProof) -> float:
    """Upper bound on the errors of single-photon events (equation 4); one at least, as none seen does not show that none is."""
    _, mu2, mu3 = proof.intensities
    upper, lower = _bounded(errors, proof)
    return max(1.0, proof.emitted(1) * (upper[1] - lower[2]) / (mu2 - mu3))


def _bounded(counts: Triple, proof: DecoyProof) -> tuple[list[float], list[float]]:
    """Hoeffding's bounds on the counts, divided by the share of each intensity."""
    deviation = math.sqrt(sum(counts) / 2.0 * proof.log_21)
    weights = [math.exp(mu) / p for mu, p in zip(proof.intensities, proof.probabilities, strict=True)]
    upper = [weight * (n + deviation) for weight, n in zip(weights, counts, strict=True)]
    lower = [weight * (n - deviation) for weight, n in zip(weights, counts, strict=True)]
    return upper, lower


def phase_error_bound(errors: float, test_events: float, key_events: float, epsilon: float) -> float:
    """Upper bound on the phase error of the key's single photons, by random sampling (equation 5); at most one half."""
    if test_events <= 0.0 or key_events <= 0.0 or errors >= 0.5 * test_events:
        return 0.5
    ratio = errors / test_events
    both, product = test_events + key_events, test_events * key_events
    spread = both * (1.0 - ratio) * ratio / (product * math.log(2.0))
    argument = both / (product * (1.0 - ratio) * ratio) * 21.0**2 / epsilon**2
    # of so many events that the argument falls below one, sampling takes nothing off any more
    return min(0.5, ratio + math.sqrt(spread * max(math.log2(argument), 0.0)))
