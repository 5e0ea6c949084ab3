"""Finite-key length with exact tails: Clopper-Pearson for the decoys, the hypergeometric law for the phase errors.

The bounds on photon numbers are those of C. C. W. Lim et al., Phys. Rev. A 89, 022307 (2014) and J. Wiesemann et al.,
arXiv:2405.16578, the composition that of docs/explanation/key-length.md: 2 sqrt(sum of the failures) + 2^(-(H - l) / 2) / 2.
Valid for lengths that follow a block's counts, where detection does not depend on the basis. Tails by scipy and sums of terms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.physics.entropy import binary_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ExactBound", "ExactTerms", "exact_decoy_bound", "exact_price_bits", "hypergeometric_ratio", "tagged_events"]

_TAILS = {2: 12, 3: 13}
_MOST_TERMS = 1_000_000


@dataclass(frozen=True)
class ExactTerms:
    """The source as it is, strongest intensity first, and what the key has to promise with detectors of unequal efficiency."""

    intensities: tuple[float, ...]
    probabilities: tuple[float, ...]
    epsilon_secrecy: float
    epsilon_correctness: float
    efficiency_ratio: float = 1.0

    @property
    def failure(self) -> float:
        """Chance of each tail."""
        tails = _TAILS[len(self.intensities)] + (2 if self.efficiency_ratio < 1.0 else 0)
        return self.epsilon_secrecy**2 / (16.0 * tails)


@dataclass(frozen=True)
class ExactBound:
    """Least events of a block that are private, and the length before it is rounded."""

    vacuum_events: float
    single_photon_events: float
    phase_error_ratio: float
    unrounded_bits: float


def exact_decoy_bound(
    key: Sequence[float], key_errors: Sequence[float], test: Sequence[float], test_errors: Sequence[float], *, terms: ExactTerms
) -> ExactBound:
    """Bounds of one or two decoys on sifted counts by intensity, before anything was disclosed."""
    of_key, of_test = (_photons(part, wrong, terms) for part, wrong in ((key, key_errors), (test, test_errors)))
    single, tests = (tagged_events(n, terms.efficiency_ratio, terms.failure) for n in (of_key[1], of_test[1]))
    phase = hypergeometric_ratio(tests, _wrong_singles(test_errors, terms), single, terms.failure)
    private = of_key[0] + single * (1.0 - binary_entropy(phase)) if phase < 0.5 else -math.inf
    return ExactBound(of_key[0], single, phase, private - exact_price_bits(terms.epsilon_secrecy, terms.epsilon_correctness))


def exact_price_bits(secrecy: float, correctness: float) -> float:
    """2 log2(1 / eps_sec) + log2(2 / eps_cor)."""
    return math.log2(2.0 / (secrecy**2 * correctness))


def tagged_events(events: float, ratio: float, failure: float) -> float:
    """Least of them detected with the least efficiency, by Hoeffding's inequality."""
    return max(0.0, ratio * events - math.sqrt(-events * math.log(failure) / 2.0)) if ratio < 1.0 else events


def hypergeometric_ratio(tests: float, errors: float, key: float, failure: float) -> float:
    """Most errors in the key over its size, where a random sample of ``tests`` has so many; at most one half."""
    sample, seen, rest = int(tests), int(errors), int(key)
    if min(sample, rest) < 1 or seen >= sample:
        return 0.5
    everything = sample + rest

    def likely(wrong: int) -> bool:
        return _tail(seen, wrong, sample, everything) > failure

    # from where as many would be expected as were seen, in steps that double, then by halves; with fewer wrong ones than that
    # no more than were seen is the likelier half of what could have been
    expected, step = seen * everything // sample, 4.0 * math.sqrt(seen + 1.0) * everything / sample
    low, high = expected, seen + rest
    while expected + step < high:
        middle = max(int(expected + step), low + 1)
        low, high, step = (middle, high, 2.0 * step) if likely(middle) else (low, middle - 1, math.inf)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if likely(middle) else (low, middle - 1)
    return min(0.5, (low - seen) / rest)


def _tail(seen: int, wrong: int, sample: int, everything: int) -> float:
    """Chance of at most ``seen`` wrong ones in a sample: the last term, and those before it by their ratios to the next.

    For as many wrong ones as would let expect ``seen``, or more: below, the last term is the smallest. Where the chance is
    small the terms fall off well within eight standard deviations of a Poisson count; where it is not, more of them would not
    make it small.
    """
    least = max(0, sample - (everything - wrong), seen - min(400 + int(8.0 * math.sqrt(seen)), _MOST_TERMS))
    if least > seen:
        return 0.0
    right = everything - wrong
    last = _log_choose(wrong, seen) + _log_choose(right, sample - seen) - _log_choose(everything, sample)
    j = np.arange(seen, least, -1.0)
    ratios = j * (right - sample + j) / ((wrong - j + 1.0) * (sample - j + 1.0))
    return min(1.0, math.exp(min(last, 0.0)) * (1.0 + float(np.exp(np.cumsum(np.log(ratios))).sum())))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


def _ends(counts: Sequence[float], terms: ExactTerms) -> list[tuple[float, float]]:
    """What is expected of each intensity at least and at most, over the share of it that is empty pulses' of exp(-mu)."""
    from scipy.special import betainccinv, betaincinv

    total, p = sum(counts), terms.failure
    found = []
    for n, mu, often in zip(counts, terms.intensities, terms.probabilities, strict=True):
        least = total * float(betaincinv(n, total - n + 1.0, p)) if n > 0.0 else 0.0
        most = total * float(betainccinv(n + 1.0, total - n, p)) if n < total else total
        found.append((math.exp(mu) / often * least, math.exp(mu) / often * most))
    return found


def _emitted(photons: int, terms: ExactTerms) -> float:
    return sum(p * math.exp(-mu) * mu**photons for mu, p in zip(terms.intensities, terms.probabilities, strict=True))


def _photons(counts: Sequence[float], errors: Sequence[float], terms: ExactTerms) -> tuple[float, float]:
    """Least vacuum events that may be credited, and least single-photon events."""
    mu, ends, total = terms.intensities, _ends(counts, terms), sum(counts)
    tau0, tau1 = _emitted(0, terms), _emitted(1, terms)
    if len(mu) == 2:
        wrong = tau0 * min(most for _, most in _ends(errors, terms))
        root = math.sqrt(-math.log(terms.failure) / 2.0)
        vacuum = min(total, (root + math.sqrt(root**2 + 2.0 * wrong)) ** 2) / tau0
        share = (mu[1] / mu[0]) ** 2
        left = ends[1][0] - share * ends[0][1] - (1.0 - share) * vacuum
        return 0.0, min(total, max(0.0, tau1 * mu[0] * left / (mu[1] * (mu[0] - mu[1]))))
    vacuum = max(0.0, (mu[1] * ends[2][0] - mu[2] * ends[1][1]) / (mu[1] - mu[2]))
    several = (mu[1] ** 2 - mu[2] ** 2) / mu[0] ** 2 * (ends[0][1] - vacuum)
    single = tau1 * mu[0] * (ends[1][0] - ends[2][1] - several) / ((mu[1] - mu[2]) * (mu[0] - mu[1] - mu[2]))
    return tau0 * vacuum, max(0.0, single)


def _wrong_singles(errors: Sequence[float], terms: ExactTerms) -> float:
    """Most errors of single photons: of the two weakest intensities."""
    (_, most), (least, _) = _ends(errors, terms)[-2:]
    return max(0.0, _emitted(1, terms) * (most - least) / (terms.intensities[-2] - terms.intensities[-1]))
