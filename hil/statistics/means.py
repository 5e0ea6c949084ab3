"""Means of a few measured values, such as the key rate of each block."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.statistics.interval import Interval, Sided, tail
from hil.statistics.search import smallest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["student_t", "values_to_decide"]


def student_t(values: npt.NDArray[np.float64], confidence: float = 0.95, sided: Sided = "one") -> Interval:
    """Interval of the mean of ``values`` (n,), independent and roughly normal.

    One value has no spread to judge by: its bounds are infinite. Source: Student, Biometrika 6, 1 (1908).
    """
    import numpy as np
    from scipy.special import stdtrit

    alpha = tail(confidence, sided)
    sample = np.asarray(values, dtype=np.float64)
    n = int(sample.size)
    method = "Student t"
    if n < 2:
        estimate = float(sample[0]) if n else math.nan
        return Interval(estimate, -math.inf, math.inf, confidence, method, n, sided)
    mean = float(sample.mean())
    half = float(stdtrit(n - 1, 1.0 - alpha)) * float(sample.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, confidence, method, n, sided)


def values_to_decide(mean: float, deviation: float, limit: float, confidence: float = 0.95) -> int | None:
    """How many values of this mean and standard deviation would decide a limit; None when the mean sits on it."""
    from scipy.special import stdtrit

    distance = abs(mean - limit)
    if distance == 0.0:
        return None
    quantile = 1.0 - tail(confidence)
    return smallest(lambda n: float(stdtrit(n - 1, quantile)) * deviation / math.sqrt(n) < distance, start=2)
