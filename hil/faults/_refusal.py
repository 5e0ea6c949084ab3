"""What a fault's settings must fulfil beyond their form: every mistake of one use at once, by the setting it is about."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hil.errors import FaultUseError, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["checked", "refuse"]


def checked(settings: Any, also: Iterable[Mistake] = (), **bounds: tuple[float, float]) -> None:
    """FaultUseError for settings outside their bounds (ends included) or no numbers, and for what else was found wrong."""
    outside = list(_outside(settings, bounds))
    told = {mistake.where for mistake in outside}
    refuse(settings, [*outside, *(mistake for mistake in also if mistake.where not in told)])


def refuse(settings: Any, mistakes: Iterable[Mistake]) -> None:
    """FaultUseError with all of them, if there are any; the fault goes by the name of its module."""
    if found := tuple(mistakes):
        raise FaultUseError(type(settings).__module__.rpartition(".")[2], found)


def _outside(settings: Any, bounds: dict[str, tuple[float, float]]) -> Iterator[Mistake]:
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if not (math.isfinite(value) and low <= value <= high):
            yield Mistake(name, f"{value:g}", f"{low:g} or more" if high == math.inf else f"{low:g} to {high:g}")
