"""How much of a block of entangled pairs nobody else knows: BBM92 with a finite number of pairs.

Source: M. Tomamichel, C. C. W. Lim, N. Gisin, R. Renner, Nature Communications 3, 634 (2012), main result:
l <= n (1 - h(Q + mu)) - leak - log2(2 / (eps_sec^2 eps_cor)) with mu = sqrt((n + k) / (n k) (k + 1) / k ln(4 / eps_sec)), for
n key and k test bits; the pairs of the test basis are a random sample by which the phase errors of the key basis are bounded.
Written for this pipeline alone. The accounting of a two-way correction is that of :mod:`hil.pipeline.estimation`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.pipeline.estimation import entropy_of
from hil.pipeline.split import Split, require_promise

if TYPE_CHECKING:
    from hil.pipeline.estimation import SiftedCounts
    from hil.pipeline.split import Bounds

__all__ = ["PairEstimate", "PairPromise"]


@dataclass(frozen=True)
class PairEstimate:
    """``events`` of the key basis, and the most of their phase errors, at most one half."""

    events: float
    phase_error_ratio: float


@dataclass(frozen=True)
class PairPromise:
    """What a key of entangled pairs has to keep; UsageError for epsilons that promise nothing."""

    epsilon_secrecy: float
    epsilon_correctness: float
    bounds: Bounds = "published"
    efficiency_ratio: float = 1.0
    """Of both ends together."""

    def __post_init__(self) -> None:
        require_promise(self.epsilon_secrecy, self.epsilon_correctness, self.efficiency_ratio)

    @property
    def split(self) -> Split:
        """Sampling alone may fail."""
        return Split.of(self.epsilon_secrecy, self.bounds, {"published": 1, "exact": 1}, self.efficiency_ratio)

    @property
    def cost_bits(self) -> float:
        """What the epsilons take off every key."""
        split = self.split
        return split.price_bits(-2.0 * math.log2(split.in_formula), self.epsilon_correctness)

    def estimate(self, counts: SiftedCounts) -> PairEstimate:
        """The bound for one block; a sample without any error still leaves its statistical doubt."""
        split, wrong = self.split, sum(counts.test_errors)
        key, test = (split.alike(sum(part), self.efficiency_ratio) for part in (counts.key, counts.test))
        if key <= 0.0 or test <= 0.0:
            return PairEstimate(key, 0.5)
        if self.bounds == "exact":
            return PairEstimate(key, split.sampled_ratio(test, wrong, key))
        doubt = math.log(4.0 / split.in_formula)
        spread = math.sqrt((key + test) / (key * test) * (test + 1.0) / test * doubt)
        return PairEstimate(key, min(0.5, wrong / test + spread))

    def length_bits(self, found: PairEstimate, disclosed_bits: float, *, credit_vacuum: bool = False) -> int:  # noqa: ARG002
        """Longest key after ``disclosed_bits`` were disclosed; 0 where there is none. Pairs have no vacuum to credit."""
        if found.phase_error_ratio >= 0.5:
            return 0
        return max(0, math.floor(found.events * (1.0 - entropy_of(found.phase_error_ratio)) - disclosed_bits - self.cost_bits))
