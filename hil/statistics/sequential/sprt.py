"""Wald's test of two declared hypotheses: the fewest samples where one of them is true, and no interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Decision", "SequentialTest", "decide", "decide_all"]

Decision = Literal["accept", "refuse", "continue"]


def decide(log_ratio: float, alpha: float = 0.05, beta: float = 0.05) -> Decision:
    """What a log likelihood ratio, good over bad, says: call it as often as wanted.

    ``alpha`` is at least the probability of accepting a bad one, ``beta`` that of refusing a good one: the boundaries are
    1 / alpha and beta, which hold each error by itself (A. Wald, Ann. Math. Stat. 16, 117 (1945), inequalities 3.11 and
    3.12); his usual ones hold their sum.
    """
    if log_ratio >= -math.log(alpha):
        return "accept"
    return "refuse" if log_ratio <= math.log(beta) else "continue"


def decide_all(log_ratios: Iterable[float], alpha: float = 0.05, beta: float = 0.05) -> Decision:
    """What several views of the same data agree on (single and pooled blocks); ``continue`` where they do not."""
    said = {decide(ratio, alpha, beta) for ratio in log_ratios}
    return said.pop() if len(said) == 1 else "continue"


@dataclass(frozen=True)
class SequentialTest:
    """Wald's sequential probability ratio test of an error rate.

    Of independent bits; accepts the device when the data speak for ``good`` against ``bad``, both ratios, good below bad.
    ``alpha`` and ``beta`` as of :func:`decide`.
    """

    good: float
    bad: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not 0.0 < self.good < self.bad < 1.0 or not (0.0 < self.alpha < 0.5 and 0.0 < self.beta < 0.5):
            raise UsageError(f"a sequential test needs 0 < good < bad < 1 and error probabilities below 0.5; got {self}")

    def log_ratio(self, errors: int, bits: int) -> float:
        """Log likelihood ratio, good over bad, of ``errors`` in ``bits``."""
        for_error, for_match = math.log(self.good / self.bad), math.log((1.0 - self.good) / (1.0 - self.bad))
        return errors * for_error + (bits - errors) * for_match

    def decide(self, errors: int, bits: int) -> Decision:
        """What the data so far say; call it as often as wanted."""
        return decide(self.log_ratio(errors, bits), self.alpha, self.beta)
