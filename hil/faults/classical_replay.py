"""Messages on a classical channel arrive twice.

Ranges: 0 to 1: an attacker repeats what he likes; TCP itself repeats nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalReplay"]


@dataclass(frozen=True)
class ClassicalReplay:
    """``replay_ratio``: share of the messages, each way."""

    replay_ratio: float

    def __post_init__(self) -> None:
        checked(self)


def _shown(_settings: ClassicalReplay, before: Readings, now: Readings) -> Finding:
    words = f"{now['repeated']:.0f} messages came back again, {before['repeated']:.0f} before"
    return Finding(now["repeated"] > before["repeated"], words)


SPEC = classical(
    name="classical-replay",
    title="A classical channel repeats messages",
    settings=ClassicalReplay,
    zero="A ratio of 0 repeats nothing.",
    acts_on="messages of every connection of a classical channel (what arrives at once, where it has no messages), both ways",
    moves=lambda settings: {"replay_ratio": settings.replay_ratio},
    shown=_shown,
    ranges={"replay_ratio": Range(0.0, 1.0, "an attacker's")},
    magnitude=("replay_ratio",),
)
