"""The finite-key bound that goes with the declared intensities: of two for one decoy, of three for two decoys.

Composes :mod:`hil.physics.one_decoy`, :mod:`hil.physics.finite_key` and :mod:`hil.physics.exact_key`; valid where they are. Of
detectors with unequal efficiencies, events beyond the least one are given to the eavesdropper (tagging: Gottesman, Lo,
Lütkenhaus, Preskill, Quantum Inf. Comput. 4, 325 (2004)); the published formulas are then given half of the secrecy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.physics.entropy import binary_entropy
from hil.physics.exact_key import ExactTerms, exact_decoy_bound, tagged_events
from hil.physics.finite_key import DecoyCounts, DecoyProof, key_bound, phase_error_bound
from hil.physics.one_decoy import OneDecoyCounts, OneDecoyProof, one_decoy_bound, serfling_phase_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.physics.finite_key import KeyBound
    from hil.physics.one_decoy import OneDecoyBound

__all__ = [
    "AS_DECLARED",
    "Conditions",
    "IntensityCounts",
    "decoy_bound",
    "decoy_key_bits",
    "decoy_proof",
    "first_decoy_key_factor",
]

_LONGEST = 1e12
_LONGEST_EXACT = 1e7
"""Tails of more events are lost in the rounding of factorials."""


@dataclass(frozen=True)
class Conditions:
    """How a bound is worked out, and what the devices are declared not to be.

    ``exact`` tails in place of the published inequalities; ``intensity_uncertainty`` is relative; ``efficiency_ratio`` is the
    least efficiency of a detector over the greatest.
    """

    exact: bool = False
    intensity_uncertainty: float = 0.0
    efficiency_ratio: float = 1.0


AS_DECLARED = Conditions()


@dataclass(frozen=True)
class IntensityCounts:
    """Sifted events and errors of both bases by intensity, strongest first; expected counts need not be whole.

    ``key_errors`` are taken by the bound for one decoy alone.
    """

    key: Sequence[float]
    key_errors: Sequence[float]
    test: Sequence[float]
    test_errors: Sequence[float]

    def scaled(self, factor: float) -> IntensityCounts:
        """The counts of a block ``factor`` times as long."""
        parts = (self.key, self.key_errors, self.test, self.test_errors)
        return IntensityCounts(*([n * factor for n in part] for part in parts))


def decoy_proof(
    intensities: Sequence[float], probabilities: Sequence[float], epsilon_secrecy: float, epsilon_correctness: float
) -> DecoyProof | OneDecoyProof:
    """The proof for so many intensities; UsageError where neither covers them."""
    if len(intensities) != len(probabilities) or len(intensities) not in {2, 3}:
        raise UsageError(f"the bounds take two or three intensities, each with its probability; got {list(intensities)}")
    if len(intensities) == 2:
        return OneDecoyProof(_pair(intensities), _pair(probabilities), epsilon_secrecy, epsilon_correctness)
    return DecoyProof(_triple(intensities), _triple(probabilities), epsilon_secrecy, epsilon_correctness)


def decoy_bound(counts: IntensityCounts, proof: DecoyProof | OneDecoyProof, leak_bits: float) -> KeyBound | OneDecoyBound:
    """All bounds on the way to the key length after ``leak_bits`` were disclosed."""
    if isinstance(proof, OneDecoyProof):
        pairs = (_pair(part) for part in (counts.key, counts.key_errors, counts.test, counts.test_errors))
        return one_decoy_bound(OneDecoyCounts(*pairs), proof, leak_bits)
    return key_bound(DecoyCounts(_triple(counts.key), _triple(counts.test), _triple(counts.test_errors)), proof, leak_bits)


def decoy_key_bits(
    counts: IntensityCounts,
    proof: DecoyProof | OneDecoyProof,
    leak_bits: float,
    *,
    credit_vacuum: bool = True,
    conditions: Conditions = AS_DECLARED,
) -> int:
    """Longest key; ``credit_vacuum`` is for a correction that is charged in both directions.

    Of uncertain intensities it is the least in the corners of their intervals and at their declared values.
    """
    spread = conditions.intensity_uncertainty
    factors = product(*([(1.0 - spread, 1.0, 1.0 + spread)] * len(proof.intensities))) if spread else iter([(1.0,) * 3])
    least = math.inf
    for factor in factors:
        bits = _bits(counts, _scaled(proof, factor), leak_bits, credit_vacuum=credit_vacuum, conditions=conditions)
        least = min(least, bits)
        if not bits:
            break
    return int(least)


def _scaled(proof: DecoyProof | OneDecoyProof, factors: Sequence[float]) -> DecoyProof | OneDecoyProof:
    intensities = [mu * factor for mu, factor in zip(proof.intensities, factors, strict=False)]
    if isinstance(proof, OneDecoyProof):
        return replace(proof, intensities=_pair(intensities))
    return replace(proof, intensities=_triple(intensities))


def _bits(
    counts: IntensityCounts,
    proof: DecoyProof | OneDecoyProof,
    leak_bits: float,
    *,
    credit_vacuum: bool,
    conditions: Conditions,
) -> int:
    ratio = conditions.efficiency_ratio
    if conditions.exact:
        epsilons = proof.epsilon_secrecy, proof.epsilon_correctness
        terms = ExactTerms(proof.intensities, proof.probabilities, *epsilons, ratio)
        errors = counts.key_errors or [0.0] * len(counts.key)
        found = exact_decoy_bound(counts.key, errors, counts.test, counts.test_errors, terms=terms)
        unrounded, phase, vacuum = found.unrounded_bits - leak_bits, found.phase_error_ratio, found.vacuum_events
    else:
        given = replace(proof, epsilon_secrecy=proof.epsilon_secrecy / 2.0) if ratio < 1.0 else proof
        bound = decoy_bound(counts, given, leak_bits)
        unrounded, phase, vacuum = bound.unrounded_bits, bound.phase_error_ratio, bound.vacuum_events
        if ratio < 1.0:
            failure = proof.epsilon_secrecy**2 / 32.0
            single, tests = (
                tagged_events(n, ratio, failure) for n in (bound.single_photon_events, bound.single_photon_test_events)
            )
            of_errors = bound.single_photon_test_errors
            before = bound.single_photon_events * (1.0 - binary_entropy(phase))
            phase = (
                serfling_phase_error(of_errors, tests, single, given.log_failure)
                if isinstance(given, OneDecoyProof)
                else phase_error_bound(of_errors, tests, single, given.epsilon_secrecy)
            )
            unrounded += single * (1.0 - binary_entropy(phase)) - before
    if phase >= 0.5 or not math.isfinite(unrounded):
        return 0
    return max(0, math.floor(unrounded if credit_vacuum else unrounded - vacuum))


def first_decoy_key_factor(
    counts: IntensityCounts,
    proof: DecoyProof | OneDecoyProof,
    leak_bits: float,
    *,
    credit_vacuum: bool = True,
    conditions: Conditions = AS_DECLARED,
) -> float:
    """How many times as long a block of the same rates must be to give any key, to a part in a thousand; inf when none does.

    Below 1 where this block is longer than needed. Bisection: the length grows with the block once there is any.
    """

    def gives_key(factor: float) -> bool:
        longer = counts.scaled(factor)
        leak = leak_bits * factor
        return bool(decoy_key_bits(longer, proof, leak, credit_vacuum=credit_vacuum, conditions=conditions))

    # by tenfold steps from this length first: exact bounds of long blocks are slow
    longest = _LONGEST_EXACT if conditions.exact else _LONGEST
    low, high = 0.1, 1.0
    while not gives_key(high):
        if high >= longest:
            return math.inf
        low, high = high, 10.0 * high
    while low >= 1.0 / _LONGEST and low < high <= 1.0 and gives_key(low):
        low, high = low / 10.0, low
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if gives_key(middle) else (middle, high)
    return high


def _pair(values: Sequence[float]) -> tuple[float, float]:
    return (values[0], values[1])


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    return (values[0], values[1], values[2])
