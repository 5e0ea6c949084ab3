"""What every estimator returns: a value, an interval around it, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hil.errors import UsageError

__all__ = ["Interval", "Sided", "tail"]

Sided = Literal["one", "two"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence bounds, in the unit of what was estimated.

    ``confidence`` is that of each bound by itself when ``sided`` is ``"one"`` (a verdict compares one bound with one
    limit), and of both together when it is ``"two"``. ``n`` counts what was observed. A bound that the data cannot give is
    infinite, an estimate without data is nan. ``events`` counts what is judged among the ``n`` (errors, slow ones), where
    that is counted.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    method: str
    n: int
    sided: Sided = "one"
    events: float | None = None


def tail(confidence: float, sided: Sided = "one") -> float:
    """Error probability left to each bound; UsageError unless the confidence lies between 0.5 and 1, both excluded."""
    if not 0.5 < confidence < 1.0:
        raise UsageError(f"a confidence level lies between 0.5 and 1, both excluded, such as 0.95; got {confidence}")
    return (1.0 - confidence) if sided == "one" else (1.0 - confidence) / 2.0
