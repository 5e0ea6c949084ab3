"""How a detector ages at a constant relative rate.

Source: the definition of a constant relative rate, d ln x / dt = const, which data sheets state for 1000 hours. Valid for slow
change; sudden damage is no ageing.
"""

from __future__ import annotations

import math

__all__ = ["aged"]


def aged(value: float, change_per_1000h: float, age_h: float) -> float:
    """What is left (negative change) or grown (positive) of a value after ``age_h`` hours."""
    return value * math.exp(math.log1p(change_per_1000h) * age_h / 1000.0)
