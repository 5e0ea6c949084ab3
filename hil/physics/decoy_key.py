"""The finite-key bound that goes with the declared intensities: of two for one decoy, of three for two decoys.

Composes :mod:`hil.physics.one_decoy` and :mod:`hil.physics.finite_key`; valid where they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.physics.finite_key import DecoyCounts, DecoyProof, key_bound
from hil.physics.one_decoy import OneDecoyCounts, OneDecoyProof, one_decoy_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.physics.finite_key import KeyBound
    from hil.physics.one_decoy import OneDecoyBound

__all__ = ["IntensityCounts", "decoy_bound", "decoy_key_bits", "decoy_proof", "first_decoy_key_factor"]

_LONGEST = 1e12


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
    counts: IntensityCounts, proof: DecoyProof | OneDecoyProof, leak_bits: float, *, credit_vacuum: bool = True
) -> int:
    """Longest key; ``credit_vacuum`` is for a correction that is charged in both directions."""
    bound = decoy_bound(counts, proof, leak_bits)
    if credit_vacuum or not bound.length_bits:
        return bound.length_bits
    return max(0, math.floor(bound.unrounded_bits - bound.vacuum_events))


def first_decoy_key_factor(
    counts: IntensityCounts, proof: DecoyProof | OneDecoyProof, leak_bits: float, *, credit_vacuum: bool = True
) -> float:
    """How many times as long a block of the same rates must be to give any key, to a part in a thousand; inf when none does.

    Below 1 where this block is longer than needed. Bisection: the length grows with the block once there is any.
    """

    def gives_key(factor: float) -> bool:
        return bool(decoy_key_bits(counts.scaled(factor), proof, leak_bits * factor, credit_vacuum=credit_vacuum))

    if not gives_key(_LONGEST):
        return math.inf
    low, high = 1.0 / _LONGEST, _LONGEST
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if gives_key(middle) else (middle, high)
    return high


def _pair(values: Sequence[float]) -> tuple[float, float]:
    return (values[0], values[1])


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    return (values[0], values[1], values[2])
