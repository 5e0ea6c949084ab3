"""What all bounds have in common: how the promise is split among what may fail, and detectors that do not see alike.

With ``bounds = "published"`` constants and inequalities are those of the papers, which prove keys of a length fixed beforehand.
With ``"exact"`` tails are exact and the length may follow the counts of each block: if all bounds together fail with chance p,
the key is 2 sqrt(p) + 2^(-(H - l) / 2) / 2 from a perfect one (docs/explanation/key-length.md); half the secrecy goes to each.

Detectors that do not see alike: when the least efficiency is ``efficiency_ratio`` times the greatest, every detection counts,
with that chance, as one by detectors that all have the least, and is else given to the eavesdropper (tagging: D. Gottesman,
H.-K. Lo, N. Lütkenhaus, J. Preskill, Quantum Inf. Comput. 4, 325 (2004)). What is left is detected independently of the basis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hil.errors import UsageError
from hil.pipeline.tails import ClopperPearson, Hoeffding, sampled_errors

if TYPE_CHECKING:
    from hil.pipeline.tails import Tails

__all__ = ["Bounds", "Split", "require_promise"]

Bounds = Literal["published", "exact"]


def require_promise(secrecy: float, correctness: float, efficiency_ratio: float) -> None:
    """UsageError for epsilons that promise nothing, and for a ratio of efficiencies that is none."""
    if not (0.0 < secrecy < 1.0 and 0.0 < correctness < 1.0):
        raise UsageError("epsilon_secrecy and epsilon_correctness lie between 0 and 1")
    if not 0.0 < efficiency_ratio <= 1.0:
        raise UsageError(f"efficiency_ratio is the least efficiency over the greatest, from 0 to 1; got {efficiency_ratio:g}")


@dataclass(frozen=True)
class Split:
    """How the secrecy is shared out among the events that may fail.

    ``in_formula`` is what a published formula is given: half of it where detections are tagged besides. ``failure`` is the
    chance of each tail, ``tagging_failure`` that of each of the two counts of tagged detections.
    """

    bounds: Bounds
    secrecy: float
    in_formula: float
    failure: float
    tagging_failure: float
    events: int
    """How many tails there are, tagging among them where they are exact."""

    @classmethod
    def of(cls, secrecy: float, bounds: Bounds, events: dict[Bounds, int], efficiency_ratio: float) -> Split:
        """``events``: how many may fail in either kind of bounds, tagging not counted."""
        tagged = efficiency_ratio < 1.0
        if bounds == "exact":
            number = events["exact"] + (2 if tagged else 0)
            each = secrecy**2 / (16.0 * number)
            return cls(bounds, secrecy, secrecy, each, each, number)
        given = secrecy / 2.0 if tagged else secrecy
        return cls(bounds, secrecy, given, given / events["published"], secrecy**2 / 32.0, events["published"])

    @property
    def tails(self) -> Tails:
        """The tails to bound counts with."""
        return ClopperPearson(self.failure) if self.bounds == "exact" else Hoeffding(self.failure)

    def price_bits(self, published_bits: float, correctness: float) -> float:
        """What the epsilons take off every key; ``published_bits`` is the secrecy's part by the published formula."""
        of_secrecy = -2.0 * math.log2(self.secrecy) if self.bounds == "exact" else published_bits
        return of_secrecy + math.log2(2.0 / correctness)

    def sampled_ratio(self, tests: float, errors: float, key: float) -> float:
        """Most phase errors in a key whose test basis is a random sample, by the exact tail; at most one half."""
        if math.floor(tests) <= 0 or math.floor(key) <= 0:
            return 0.5
        return min(0.5, sampled_errors(tests, errors, key, self.failure) / math.floor(key))

    def alike(self, events: float, efficiency_ratio: float) -> float:
        """Least number of them that count as detected with the least efficiency."""
        if efficiency_ratio >= 1.0:
            return events
        return max(0.0, efficiency_ratio * events - math.sqrt(0.5 * events * math.log(1.0 / self.tagging_failure)))
