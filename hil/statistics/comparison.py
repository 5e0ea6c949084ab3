"""Two arms side by side: is the new firmware worse than the old one by more than a declared margin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.binomial import clopper_pearson
from hil.statistics.interval import Interval, Sided, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["difference", "quantile_difference", "rate_difference"]

_FEWEST_BATCHES = 10


def difference(first: Interval, second: Interval) -> Interval:
    """Interval of the first quantity minus the second, independent of each other, from the interval of each.

    low = d - sqrt((x1 - l1)^2 + (u2 - x2)^2), high = d + sqrt((u1 - x1)^2 + (x2 - l2)^2): whatever is in the intervals (design
    effect, Fano factor, calibration) is in the difference. An arm without an estimate tells nothing. UsageError for arms of
    different confidence. Source: G. Y. Zou, A. Donner, Stat. Med. 27, 1693 (2008), the method of variance estimates recovery.
    """
    if (first.confidence, first.sided) != (second.confidence, second.sided):
        raise UsageError(
            f"two arms are compared at one confidence; got {first.confidence:g} ({first.sided}-sided) and "
            f"{second.confidence:g} ({second.sided}-sided)"
        )
    method = first.method if first.method == second.method else f"{first.method}; {second.method}"
    method, n = f"difference of two intervals ({method})", first.n + second.n
    if math.isnan(first.estimate) or math.isnan(second.estimate):
        return Interval(math.nan, -math.inf, math.inf, first.confidence, method, n, first.sided)
    middle = first.estimate - second.estimate
    low = middle - math.hypot(first.estimate - first.low, second.high - second.estimate)
    high = middle + math.hypot(first.high - first.estimate, second.estimate - second.low)
    return Interval(middle, low, high, first.confidence, method, n, first.sided)


def rate_difference(
    first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95, sided: Sided = "one"
) -> Interval:
    """Interval of the first proportion minus the second, each given as (events, trials), of independent trials.

    Newcombe's hybrid of two Wilson score intervals; without trials on either side nothing is known (-1 to 1). Non-inferiority
    within a margin is shown when the upper bound lies below the margin. ``n`` counts the trials of both.
    Source: R. G. Newcombe, Stat. Med. 17, 873 (1998), method 10.
    """
    arms = _wilson(*first, confidence, sided), _wilson(*second, confidence, sided)
    method, n = "Newcombe", first[1] + second[1]
    if not (first[1] and second[1]):
        return Interval(math.nan, -1.0, 1.0, confidence, method, n, sided)
    found = difference(*arms)
    return Interval(found.estimate, found.low, found.high, confidence, method, n, sided)


def quantile_difference(
    first: Sequence[Floats], second: Sequence[Floats], probability: float, rng: np.random.Generator, confidence: float = 0.95
) -> Interval:
    """Interval of a quantile of the first samples minus that of the second, each in batches (n,) as they came.

    By the bootstrap, since nothing exact exists: batches are drawn anew, whole, because slow ones come together; 2,000
    times, corrected for bias and skewness. Fewer than ten batches in an arm, or no spread at all, tell nothing. Source: B.
    Efron, J. Am. Stat. Assoc. 82, 171 (1987), as scipy.stats.bootstrap has it.
    """
    import numpy as np
    from scipy.stats import bootstrap

    tail(confidence)
    method = f"bootstrap of P{probability * 100:g} over batches"
    n = sum(batch.size for batch in first) + sum(batch.size for batch in second)
    if min(len(first), len(second)) < _FEWEST_BATCHES or not any(np.ptp(np.concatenate(arm)) for arm in (first, second)):
        return Interval(math.nan, -math.inf, math.inf, confidence, method, n)

    def quantile(batches: Sequence[Floats], chosen: npt.NDArray[np.int64]) -> float:
        return float(np.quantile(np.concatenate([batches[number] for number in chosen]), probability))

    def statistic(of_first: npt.NDArray[np.int64], of_second: npt.NDArray[np.int64]) -> float:
        return quantile(first, of_first) - quantile(second, of_second)

    numbers = np.arange(len(first)), np.arange(len(second))
    middle = statistic(*numbers)
    # one-sided bounds at this confidence are the two ends of the interval at 2 c - 1
    found = bootstrap(
        numbers,
        statistic,
        vectorized=False,
        n_resamples=2_000,
        confidence_level=2.0 * confidence - 1.0,
        method="BCa",
        rng=rng,
    ).confidence_interval
    return Interval(middle, float(found.low), float(found.high), confidence, method, n)


def _wilson(events: int, trials: int, confidence: float, sided: Sided) -> Interval:
    from scipy.special import ndtri

    estimate = clopper_pearson(events, trials).estimate  # refuses counts that are none
    if not trials:
        return Interval(math.nan, 0.0, 1.0, confidence, "Wilson", 0, sided)
    z = -float(ndtri(tail(confidence, sided)))
    centre = (events + z * z / 2.0) / (trials + z * z)
    half = z / (trials + z * z) * math.sqrt(events * (trials - events) / trials + z * z / 4.0)
    return Interval(estimate, centre - half, centre + half, confidence, "Wilson", trials, sided, events)
