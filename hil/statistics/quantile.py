"""Latencies: bounds on a quantile without assuming any distribution, from order statistics.

Source: the number of samples below the p-quantile is binomial; W. J. Conover, Practical Nonparametric Statistics, section 3.2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.interval import Interval, tail

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["quantile_interval", "samples_to_bound"]


def quantile_interval(samples: npt.NDArray[np.float64], probability: float, confidence: float = 0.95) -> Interval:
    """One-sided bounds on the ``probability`` quantile of what ``samples`` (n,) were drawn from, independently.

    Too few samples for a bound leave it infinite: P95 at 95 % confidence has an upper bound from 59 samples on.
    """
    import numpy as np
    from scipy.special import bdtr, bdtrc

    _check(probability)
    alpha = tail(confidence)
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    n = int(ordered.size)
    if n and not bool(np.isfinite(ordered).all()):
        raise UsageError("a quantile needs finite samples; count a request that never ended as a failure, not as a latency")
    method = f"order statistics of P{probability * 100:g}"
    if n == 0:
        return Interval(math.nan, -math.inf, math.inf, confidence, method, 0)
    # x_(r) is above the quantile unless r or more samples fell below it; ranks count from 1
    ranks = np.arange(1, n + 1)
    above = ranks[bdtr(ranks - 1, n, probability) >= 1.0 - alpha]
    below = ranks[bdtrc(ranks - 1, n, probability) >= 1.0 - alpha]
    high = float(ordered[above[0] - 1]) if above.size else math.inf
    low = float(ordered[below[-1] - 1]) if below.size else -math.inf
    estimate = float(ordered[min(n, math.ceil(probability * n)) - 1])
    return Interval(estimate, low, high, confidence, method, n)


def samples_to_bound(probability: float, confidence: float = 0.95) -> int:
    """Fewest samples that bound this quantile from above at all: 59 for P95 and 299 for P99 at 95 %."""
    _check(probability)
    return math.ceil(math.log(tail(confidence)) / math.log(probability))


def _check(probability: float) -> None:
    if not 0.0 < probability < 1.0:
        raise UsageError(f"a quantile lies between 0 and 1, both excluded, such as 0.95; got {probability}")
