"""Senders on a classical channel get copies of their own messages back; the messages themselves go on.

Ranges: 0 to 1: an attacker reflects what he likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalReflection"]


@dataclass(frozen=True)
class ClassicalReflection:
    """``reflect_ratio``: share of the messages, each way."""

    reflect_ratio: float

    def __post_init__(self) -> None:
        checked(self)


def _shown(_settings: ClassicalReflection, before: Readings, now: Readings) -> Finding:
    words = f"{now['repeated']:.0f} messages came back again, {before['repeated']:.0f} before"
    return Finding(now["repeated"] > before["repeated"], words)


SPEC = classical(
    name="classical-reflection",
    title="A classical channel reflects messages to their sender",
    settings=ClassicalReflection,
    zero="A ratio of 0 reflects nothing.",
    acts_on="messages of every connection of a classical channel (what arrives at once, where it has no messages), both ways",
    moves=lambda settings: {"reflect_ratio": settings.reflect_ratio},
    shown=_shown,
    ranges={"reflect_ratio": Range(0.0, 1.0, "an attacker's")},
    magnitude=("reflect_ratio",),
)
