"""Count rates out of a receiver's counters, and how sure a difference between two of them is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.ports.spec import Span

__all__ = ["SURE", "counted_s", "detectors", "difference_sigma", "rate_hz", "total_hz"]

SURE = 5.0
"""Standard deviations that a change of counts must exceed; one look in three million exceeds them by chance."""

_PREFIX = "clicks."


def detectors(span: Span) -> list[str]:
    """Names of the detectors that were counted."""
    return [name.removeprefix(_PREFIX) for name in span.last if name.startswith(_PREFIX)]


def counted_s(span: Span) -> float:
    """Live seconds between the readings: none without bias."""
    return span.change("live_s")


def rate_hz(span: Span, detector: str) -> float:
    """Mean count rate of one detector; zero where nothing was live."""
    live_s = counted_s(span)
    return span.change(_PREFIX + detector) / live_s if live_s > 0.0 else 0.0


def total_hz(span: Span) -> float:
    """Mean count rate of all detectors."""
    return sum(rate_hz(span, detector) for detector in detectors(span))


def difference_sigma(one_hz: float, one_s: float, other_hz: float, other_s: float) -> float:
    """Standard deviation of the difference of two count rates, as of Poisson counts; infinite where nothing was counted."""
    if one_s <= 0.0 or other_s <= 0.0:
        return math.inf
    # a look that counted nothing might as well have counted one
    return math.sqrt(max(one_hz, 1.0 / one_s) / one_s + max(other_hz, 1.0 / other_s) / other_s)
