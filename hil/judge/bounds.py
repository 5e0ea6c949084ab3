"""The bound on a block's key, worked out again from its counters: one decoy, two decoys, or pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from hil.physics.decoy_key import Conditions, IntensityCounts, decoy_bound, decoy_key_bits, decoy_proof
from hil.physics.exact_key import ExactTerms, exact_decoy_bound, hypergeometric_ratio
from hil.physics.pair_finite_key import pair_key_length_bits, phase_error_bound

if TYPE_CHECKING:
    from hil.judge.counters import VendorBlock
    from hil.physics.exact_key import ExactBound
    from hil.physics.finite_key import KeyBound
    from hil.physics.one_decoy import OneDecoyBound

__all__ = ["Bound", "bound_of", "gain_excess"]

_LUCK_BITS = 50.0


@dataclass(frozen=True)
class Bound:
    """What a block's counters allow.

    ``events`` of the key basis are single photons, or pairs; ``allowed_bits`` is after ``charged_bits`` were disclosed.
    ``vacuum_events`` are in it where the correction is charged in both directions.
    """

    proof: str
    events: float
    phase_error_ratio: float
    vacuum_events: float
    charged_bits: float
    allowed_bits: int
    secrecy: float
    """What it promises: the device's epsilon, or the smaller one that was asked for."""


def bound_of(block: VendorBlock, epsilon_secrecy: float | None) -> Bound | None:
    """None where the counters do not tell enough; also given where only the leakage is not told, with the least there can be.

    ``epsilon_secrecy`` is what the key has to promise, if the device promises less.
    """
    if block.epsilon_secrecy is None or block.epsilon_correctness is None:
        return None
    if block.key_counts is None or block.test_counts is None or block.test_errors is None:
        return None
    secrecy = min(block.epsilon_secrecy, epsilon_secrecy or 1.0)
    charged = _charged_bits(block)
    exact = block.bounds == "exact"
    if block.protocol == "bbm92":
        return _of_pairs(block, secrecy, charged, exact=exact)
    if block.intensities is None or block.probabilities is None:
        return None
    proof = decoy_proof(block.intensities, block.probabilities, secrecy, block.epsilon_correctness)
    key_errors = block.key_errors
    if key_errors is None:
        if len(block.intensities) == 2:
            return None  # one decoy: they bound the vacuum
        key_errors = (0.0,) * 3
    counted = IntensityCounts(block.key_counts, key_errors, block.test_counts, block.test_errors)
    found: KeyBound | OneDecoyBound | ExactBound = decoy_bound(counted, proof, charged)
    name = "one decoy, arXiv:2405.16578" if len(block.intensities) == 2 else "two decoys, Lim et al. 2014"
    if exact:
        name += ", exact tails"
        terms = ExactTerms(block.intensities, block.probabilities, secrecy, block.epsilon_correctness)
        found = exact_decoy_bound(counted.key, counted.key_errors, counted.test, counted.test_errors, terms=terms)
    both = block.accounting == "both-directions"
    allowed = decoy_key_bits(counted, proof, charged, credit_vacuum=both, conditions=Conditions(exact))
    return Bound(name, found.single_photon_events, found.phase_error_ratio, found.vacuum_events, charged, allowed, secrecy)


def _of_pairs(block: VendorBlock, secrecy: float, charged: float, *, exact: bool) -> Bound:
    key, test, wrong = (sum(part or ()) for part in (block.key_counts, block.test_counts, block.test_errors))
    bits = pair_key_length_bits(
        key,
        test,
        wrong,
        charged,
        epsilon_secrecy=secrecy,
        epsilon_correctness=block.epsilon_correctness or 1.0,
        conditions=Conditions(exact),
    )
    phase = hypergeometric_ratio(test, wrong, key, secrecy**2 / 16.0) if exact else phase_error_bound(key, test, wrong, secrecy)
    return Bound(f"pairs, BBM92, {block.bounds} bound", key, phase, 0.0, charged, bits, secrecy)


def _charged_bits(block: VendorBlock) -> float:
    """The leakage: what the device says it disclosed, and no less than the correction of its errors takes."""
    least = 0.0
    if block.key_counts is not None and block.key_errors is not None:
        pairs = zip(block.key_counts, block.key_errors, strict=True)
        least = max(0.0, math.floor(sum(_patterns_bits(n, e) for n, e in pairs) - _LUCK_BITS))
    return max(block.disclosed_bits or 0.0, least)


def _patterns_bits(bits: float, errors: float) -> float:
    """log2 C(bits, errors)."""
    return (math.lgamma(bits + 1) - math.lgamma(errors + 1) - math.lgamma(bits - errors + 1)) / math.log(2.0)


def gain_excess(block: VendorBlock, basis: str) -> float:
    """By how many deviations a weaker intensity clicks more than a stronger one could let it; at most 0 where it does not.

    exp(mu) Q_mu is the sum of Y_n mu^n / n!, so that it cannot fall as mu grows (X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A
    72, 012326 (2005), section II), whatever is done to the channel; the deviation is that of a share of all the counts.
    """
    counts = block.key_counts if basis == "key" else block.test_counts
    if block.intensities is None or block.probabilities is None or counts is None or not sum(counts):
        return 0.0
    deviation = math.sqrt(sum(counts)) / 2.0
    scaled = [(math.exp(mu) / p, n) for mu, p, n in zip(block.intensities, block.probabilities, counts, strict=True)]
    return max(
        (weak[0] * weak[1] - strong[0] * strong[1]) / ((weak[0] + strong[0]) * deviation) for strong, weak in pairwise(scaled)
    )
