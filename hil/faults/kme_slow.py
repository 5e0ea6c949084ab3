"""A key management entity is slow: every answer comes later, and on a twin every acknowledgement of keys it takes in.

A run that delivers waits for that acknowledgement before it hands over more. On hardware the proxy in front of the entity
delays what it says, the handshake of TLS included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import KME_CHANNEL, checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "KmeSlow"]


@dataclass(frozen=True)
class KmeSlow:
    """``delay_s``: how much later it answers."""

    delay_s: float

    def __post_init__(self) -> None:
        checked(self)


def _shown(settings: KmeSlow, before: Readings, now: Readings) -> Finding:
    words = f"an answer took {now['answer_s']:.3f} s, {before['answer_s']:.3f} s before"
    return Finding(now["answer_s"] >= settings.delay_s, words)


def _healed(settings: KmeSlow, during: Readings, now: Readings) -> Finding:
    words = f"an answer takes {now['answer_s']:.3f} s, {during['answer_s']:.3f} s with the fault"
    return Finding(now["answer_s"] < max(settings.delay_s, during["answer_s"]) and now["refused"] == 0.0, words)


SPEC = classical(
    name="kme-slow",
    title="A key management entity is slow",
    settings=KmeSlow,
    zero="A delay of 0 s delays nothing.",
    acts_on="the answers of a key management entity, and a twin's acknowledgements of keys",
    moves=lambda settings: {"kme_delay_s": settings.delay_s},
    shown=_shown,
    healed=_healed,
    target_role=KME_CHANNEL,
    ranges={"delay_s": Range(0.0, 4.0, "our application gives an answer up after 5 s")},
    magnitude=("delay_s",),
)
