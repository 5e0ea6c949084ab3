"""Finite-key length of BBM92, as an independent bound on what a pipeline releases.

Source: M. Tomamichel, C. C. W. Lim, N. Gisin, R. Renner, Nature Communications 3, 634 (2012), main result, with the quality of
the preparation q = 1. Valid for pairs received as qubits, two complementary bases, a test basis that is a random sample of the
same pairs, and thresholds fixed beforehand; from expected counts it is an expected length.
"""

from __future__ import annotations

import math

from hil.physics.decoy_key import AS_DECLARED, Conditions
from hil.physics.entropy import binary_entropy
from hil.physics.exact_key import hypergeometric_ratio, tagged_events

__all__ = ["first_pair_key_factor", "pair_key_length_bits", "phase_error_bound"]

_LONGEST = 1e9


def phase_error_bound(key: float, test: float, test_errors: float, epsilon_secrecy: float) -> float:
    """Q + mu: the error ratio of the sample, and Serfling's corridor for sampling without replacement."""
    if not (key > 0.0 and test > 0.0):
        return 0.5
    mu_squared = (key + test) * (test + 1.0) * math.log(4.0 / epsilon_secrecy) / (key * test**2)
    return min(test_errors / test + math.sqrt(mu_squared), 0.5)


def pair_key_length_bits(
    key: float,
    test: float,
    test_errors: float,
    leak_bits: float,
    *,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    conditions: Conditions = AS_DECLARED,
) -> int:
    """L = n (1 - h(Q + mu)) - leak - log2(2 / (eps_sec^2 eps_cor)), not below 0; with exact tails, of the exact bound."""
    ratio, given, failure = conditions.efficiency_ratio, epsilon_secrecy, epsilon_secrecy**2 / 16.0
    if ratio < 1.0:
        if conditions.exact:
            failure /= 3.0
        else:
            given, failure = epsilon_secrecy / 2.0, epsilon_secrecy**2 / 32.0
        key, test = (tagged_events(n, ratio, failure) for n in (key, test))
    phase = (
        hypergeometric_ratio(test, test_errors, key, failure)
        if conditions.exact
        else phase_error_bound(key, test, test_errors, given)
    )
    if phase >= 0.5:
        return 0
    private = key * (1.0 - binary_entropy(phase))
    price = math.log2(2.0 / ((epsilon_secrecy if conditions.exact else given) ** 2 * epsilon_correctness))
    return max(math.floor(private - leak_bits - price), 0)


def first_pair_key_factor(
    key: float,
    test: float,
    test_errors: float,
    leak_bits: float,
    *,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    conditions: Conditions = AS_DECLARED,
) -> float:
    """How many times as long a block has to be to give any key, to a percent; inf when none does."""

    def length(factor: float) -> int:
        counts = (factor * key, factor * test, factor * test_errors, factor * leak_bits)
        epsilons = {"epsilon_secrecy": epsilon_secrecy, "epsilon_correctness": epsilon_correctness}
        return pair_key_length_bits(*counts, **epsilons, conditions=conditions)

    low, high = 1e-6, _LONGEST
    if not length(high):
        return math.inf
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if length(middle) else (middle, high)
    return high
