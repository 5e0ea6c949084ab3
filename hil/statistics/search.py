"""Smallest amount of data that satisfies a condition: the arithmetic behind "how much more would decide this"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["smallest"]


def smallest(enough: Callable[[int], bool], start: int = 1, ceiling: int = 10**13) -> int | None:
    """Smallest integer from ``start`` on for which ``enough`` holds, where it holds for all greater ones too.

    None when even ``ceiling`` is not enough: no reasonable amount of data decides it.
    """
    high = max(start, 1)
    while not enough(high):
        if high >= ceiling:
            return None
        high *= 2
    low = max(start, high // 2)
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return high
