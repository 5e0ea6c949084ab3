"""How far a key rate reaches: the distance, or the loss, at which it falls to zero.

Source: definition. Valid for rates that fall once through zero between the ends, as asymptotic rates do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.physics._bisection import crossing

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["longest_reach"]


def longest_reach(rate: Callable[[float], float], limit: float) -> float:
    """Largest distance (or loss, whatever ``rate`` takes) with a positive rate.

    nan when there is none even at zero, inf when there is still some at ``limit``.
    """
    if rate(0.0) <= 0.0:
        return math.nan
    if rate(limit) > 0.0:
        return math.inf
    return crossing(rate, 0.0, limit)
