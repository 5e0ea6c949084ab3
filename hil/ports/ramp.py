"""Set points that a device may only be led to slowly, as steps."""

from __future__ import annotations

import math

__all__ = ["ramp", "ramp_s"]

_SHORTEST_STEP_S = 1.0
_SMALLEST_STEP_K = 0.1
"""What every controller can tell apart."""


def ramp(from_c: float, to_c: float, slew_k_per_min: float) -> list[tuple[float, float]]:
    """Set points on the way, the last one the end, each with the seconds to stay there; one step where the slew is zero (any).

    No two neighbours are further apart than the slew allows in the time between them.
    """
    if slew_k_per_min <= 0.0 or from_c == to_c:
        return [(to_c, 0.0)]
    step_s = max(_SHORTEST_STEP_S, 60.0 * _SMALLEST_STEP_K / slew_k_per_min)
    count = math.ceil(60.0 * abs(to_c - from_c) / (slew_k_per_min * step_s) - 1e-9)
    way = [from_c + (to_c - from_c) * number / count for number in range(1, count)]
    return [*((value, step_s) for value in way), (to_c, 0.0)]


def ramp_s(from_c: float, to_c: float, slew_k_per_min: float) -> float:
    """How long that takes."""
    return sum(wait_s for _, wait_s in ramp(from_c, to_c, slew_k_per_min))
