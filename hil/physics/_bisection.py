"""Where a function of one variable changes its sign, and where it is largest: for thresholds, reaches and optima."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["crossing", "peak"]

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def crossing(function: Callable[[float], float], low: float, high: float) -> float:
    """Where the function falls (or rises) through zero between ``low`` and ``high``, to the last bit.

    ValueError when it has the same sign at both ends.
    """
    rising = function(low) < 0.0
    if rising == (function(high) < 0.0):
        raise ValueError(f"no change of sign between {low} and {high}: {function(low)} and {function(high)}")
    while low < (middle := (low + high) / 2.0) < high:
        if (function(middle) < 0.0) == rising:
            low = middle
        else:
            high = middle
    return low


def peak(function: Callable[[float], float], low: float, high: float, steps: int = 200) -> float:
    """Place of the largest value between two positive ends: a scan in equal ratios, then a golden section around its best."""
    ratio = math.pow(high / low, 1.0 / steps)
    best = max((low * math.pow(ratio, step) for step in range(steps + 1)), key=function)
    left, right = max(low, best / ratio), min(high, best * ratio)
    while right - left > 1e-9 * right:
        inner, outer = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        if function(inner) < function(outer):
            left = inner
        else:
            right = outer
    return (left + right) / 2.0
