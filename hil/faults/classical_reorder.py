"""Messages on a classical channel let the next one pass.

Ranges: 0 to 1: an attacker orders what he likes; TCP itself keeps the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import WAYS, checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalReorder"]


@dataclass(frozen=True)
class ClassicalReorder:
    """``reorder_ratio``: share of the messages; ``reorder_way``: ``a->b``, ``b->a`` or ``both``, where ``a`` calls."""

    reorder_ratio: float
    reorder_way: str = "a->b"

    def __post_init__(self) -> None:
        checked(self)


def _shown(_settings: ClassicalReorder, before: Readings, now: Readings) -> Finding:
    words = f"{now['swapped']:.0f} messages came back behind a later one, {before['swapped']:.0f} before"
    return Finding(now["swapped"] > before["swapped"], words)


SPEC = classical(
    name="classical-reorder",
    title="A classical channel swaps messages",
    settings=ClassicalReorder,
    zero="A ratio of 0 swaps nothing.",
    acts_on="the order of messages of every connection of a classical channel (or of what arrives at once), one way or both",
    moves=lambda settings: {
        "reorder_a_to_b": settings.reorder_ratio * WAYS[settings.reorder_way][0],
        "reorder_b_to_a": settings.reorder_ratio * WAYS[settings.reorder_way][1],
    },
    shown=_shown,
    ranges={"reorder_ratio": Range(0.0, 1.0, "an attacker's")},
    magnitude=("reorder_ratio",),
)
