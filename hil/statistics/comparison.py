"""Two error rates side by side: is the new firmware worse than the old one."""

from __future__ import annotations

import math

from hil.statistics.binomial import clopper_pearson
from hil.statistics.interval import Interval, Sided, tail

__all__ = ["rate_difference"]


def rate_difference(
    first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95, sided: Sided = "one"
) -> Interval:
    """Interval of the first proportion minus the second, each given as (events, trials).

    Newcombe's hybrid of two Wilson score intervals; without trials on either side nothing is known (-1 to 1). Non-inferiority
    within a margin is shown when the upper bound lies below the margin. ``n`` counts the trials of both.
    Source: R. G. Newcombe, Stat. Med. 17, 873 (1998), method 10.
    """
    p1, low1, high1 = _wilson(*first, tail(confidence, sided))
    p2, low2, high2 = _wilson(*second, tail(confidence, sided))
    method, n = "Newcombe", first[1] + second[1]
    if not (first[1] and second[1]):
        return Interval(math.nan, -1.0, 1.0, confidence, method, n, sided)
    low = p1 - p2 - math.hypot(p1 - low1, high2 - p2)
    high = p1 - p2 + math.hypot(high1 - p1, p2 - low2)
    return Interval(p1 - p2, low, high, confidence, method, n, sided)


def _wilson(events: int, trials: int, alpha: float) -> tuple[float, float, float]:
    from scipy.special import ndtri

    estimate = clopper_pearson(events, trials).estimate  # refuses counts that are none
    if not trials:
        return math.nan, 0.0, 1.0
    z = -float(ndtri(alpha))
    centre = (events + z * z / 2.0) / (trials + z * z)
    half = z / (trials + z * z) * math.sqrt(events * (trials - events) / trials + z * z / 4.0)
    return estimate, centre - half, centre + half
