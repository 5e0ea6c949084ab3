"""How far what was counted may lie from what is expected of it: published inequalities, or exact tails.

``Hoeffding``: W. Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963), theorem 1, for independent trials of any chances.
``ClopperPearson``: C. J. Clopper, E. S. Pearson, Biometrika 26, 404 (1934), for equal chances; it holds for the mean of unequal
ones too, as their sum is less likely than a binomial one to be so far off (W. Hoeffding, Ann. Math. Stat. 27, 713 (1956)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

__all__ = ["ClopperPearson", "Hoeffding", "Tails", "sampled_errors"]

_SLACK = 1e-3


class Tails(Protocol):
    """Bounds on the mean of a number of successes, each of which fails with a chance known beforehand."""

    def below(self, count: float, trials: float) -> float:
        """Expected at least."""
        ...

    def above(self, count: float, trials: float) -> float:
        """Expected at most."""
        ...


@dataclass(frozen=True)
class Hoeffding:
    """The same distance from every count; neither cut to 0 nor to the number of trials."""

    failure: float

    def below(self, count: float, trials: float) -> float:
        """Expected at least."""
        return count - self._distance(trials)

    def above(self, count: float, trials: float) -> float:
        """Expected at most."""
        return count + self._distance(trials)

    def _distance(self, trials: float) -> float:
        return math.sqrt(0.5 * trials * math.log(1.0 / self.failure))


@dataclass(frozen=True)
class ClopperPearson:
    """The chance whose binomial tail beyond the count is just the failure."""

    failure: float

    def below(self, count: float, trials: float) -> float:
        """Expected at least."""
        from scipy.special import betaincinv

        if count <= 0.0:
            return 0.0
        return trials * float(betaincinv(count, trials - count + 1.0, self.failure))

    def above(self, count: float, trials: float) -> float:
        """Expected at most."""
        return trials - self.below(trials - count, trials)


def sampled_errors(tests: float, errors: float, rest: float, failure: float) -> float:
    """Most errors in the ``rest`` when a random sample of ``tests`` out of both has so many, by the hypergeometric tail.

    The population may hold K errors as long as a sample with so few has a chance above ``failure``; K less those seen are in
    the rest. The tail is summed as a geometric series from its first term, no less than it is: terms fall ever faster.
    """
    sample, seen, others = math.floor(tests), math.floor(errors), math.floor(rest)
    if sample <= 0 or others <= 0 or seen >= sample:
        return max(0.0, float(others))
    low, high = seen, seen + others
    while low < high:
        middle = (low + high + 1) // 2
        if _log_tail(sample, seen, others, middle) > math.log(failure) - _SLACK:
            low = middle
        else:
            high = middle - 1
    return float(low - seen)


def _log_tail(sample: int, seen: int, others: int, wrong: int) -> float:
    """Logarithm of (a bound on) the chance of at most ``seen`` in the sample, of ``wrong`` in all; 0 where it is not small."""
    right = sample + others - wrong
    if right < sample - seen:
        return -math.inf
    falling = seen * (right - sample + seen) / ((wrong - seen + 1.0) * (sample - seen + 1.0))
    if falling >= 1.0:
        return 0.0
    first = _log_choose(wrong, seen) + _log_choose(right, sample - seen) - _log_choose(sample + others, sample)
    return first - math.log1p(-falling)


def _log_choose(n: float, k: float) -> float:
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
