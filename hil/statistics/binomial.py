"""Proportions: error rates, availability. Exact intervals, and the amount of data that decides a limit.

Assumes independent trials of one probability; clusters.py does not. Errors of one block are counted exactly; the interval is
about the process.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.interval import Interval, Sided, tail
from hil.statistics.search import smallest

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["clopper_pearson", "largest_accepted", "trials_to_decide", "trials_without_failure"]


def clopper_pearson(events: float, trials: float, confidence: float = 0.95, sided: Sided = "one") -> Interval:
    """Interval of a proportion from ``events`` in ``trials``: quantiles of beta distributions.

    No trials give nan between 0 and 1. Real numbers are allowed (they interpolate, for planning). UsageError for counts that
    are none. Source: C. J. Clopper, E. S. Pearson, Biometrika 26, 404 (1934).
    """
    alpha = tail(confidence, sided)
    if not 0 <= events <= trials or not math.isfinite(trials):
        raise UsageError(f"events are between 0 and the number of trials; got {events} of {trials}")
    method = "Clopper-Pearson"
    if trials == 0:
        return Interval(math.nan, 0.0, 1.0, confidence, method, 0, sided)
    from scipy.special import betaincinv

    low = 0.0 if events == 0 else float(betaincinv(events, trials - events + 1, alpha))
    high = 1.0 if events == trials else float(betaincinv(events + 1, trials - events, 1.0 - alpha))
    return Interval(events / trials, low, high, confidence, method, int(trials), sided, events)


def trials_to_decide(
    estimate: float, limit: float, confidence: float = 0.95, good: Literal["below", "above"] = "below"
) -> int | None:
    """Trials that would decide a limit if the proportion stayed at this estimate; None when it sits on the limit.

    Decides either way: the upper bound below the limit, or the lower bound at or above it (``good="below"``; mirrored for
    ``"above"``).
    """
    if good == "above":
        return trials_to_decide(1.0 - estimate, 1.0 - limit, confidence)

    def decided(trials: int) -> bool:
        interval = clopper_pearson(estimate * trials, trials, confidence)
        return interval.high < limit if estimate < limit else interval.low >= limit

    return None if math.isclose(estimate, limit, rel_tol=1e-9) else smallest(decided)


def trials_without_failure(limit: float, confidence: float = 0.95) -> int:
    """Trials without any failure that show a failure probability below ``limit``: ln(1 - confidence) / ln(1 - limit)."""
    if not 0.0 < limit < 1.0:
        raise UsageError(f"a failure probability to be shown lies between 0 and 1, both excluded; got {limit}")
    return math.ceil(math.log(tail(confidence)) / math.log1p(-limit))


def largest_accepted(trials: int, limit: float, confidence: float = 0.95) -> int | None:
    """Largest number of events in ``trials`` whose upper bound is still below ``limit``; None when not even zero is."""
    if not clopper_pearson(0, trials, confidence).high < limit:
        return None
    refused = smallest(lambda events: not clopper_pearson(min(events, trials), trials, confidence).high < limit)
    return trials if refused is None else refused - 1
