"""A key management entity's clock is wrong: it dates its answers so, and takes certificates by it.

An application whose certificate is out of date by that clock is told 401, as one that is not authorised (ETSI GS QKD 014, 6).
TLS itself goes by the machine's clock: the twin refuses what its TLS let in, as an entity behind a TLS terminator does. Seen in
the header Date of its answers (RFC 9110, 6.6.1), which tells whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import Mistake
from hil.faults._classical import KME_CHANNEL, classical
from hil.faults._refusal import checked
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "KmeClockWrong"]

_TOLD_S = 5.0
"""Whole seconds, and the time that an answer takes, on a busy machine too."""
_MOST_S = 1e9
_WAYS = {"ahead": 1.0, "behind": -1.0}


@dataclass(frozen=True)
class KmeClockWrong:
    """``offset_s``: by how much its clock is ``clock_way``: ``ahead`` or ``behind``."""

    offset_s: float
    clock_way: str = "behind"

    def __post_init__(self) -> None:
        way = [] if self.clock_way in _WAYS else [Mistake("clock_way", repr(self.clock_way), " or ".join(_WAYS))]
        checked(self, way, offset_s=(0.0, _MOST_S))

    @property
    def ahead_s(self) -> float:
        """With its sign."""
        return _WAYS[self.clock_way] * self.offset_s


def _shown(settings: KmeClockWrong, before: Readings, now: Readings) -> Finding:
    words = f"its clock is {now['clock_offset_s']:+.0f} s off, {before['clock_offset_s']:+.0f} s before"
    if now["unauthorised"]:
        words += "; 1 of 1 requests was answered 401"
    moved_s = now["clock_offset_s"] - before["clock_offset_s"]
    return Finding(abs(moved_s - settings.ahead_s) <= _TOLD_S and moved_s * settings.ahead_s > 0.0, words)


def _healed(_settings: KmeClockWrong, during: Readings, now: Readings) -> Finding:
    words = f"its clock is {now['clock_offset_s']:+.0f} s off, {during['clock_offset_s']:+.0f} s with the fault"
    return Finding(abs(now["clock_offset_s"]) < abs(during["clock_offset_s"]) and now["refused"] == 0.0, words)


SPEC = classical(
    name="kme-clock-wrong",
    title="A key management entity's clock is wrong (twins only)",
    settings=KmeClockWrong,
    zero="An offset of 0 s leaves the clock right.",
    acts_on="the clock of a key management entity's twin",
    moves=lambda settings: {"kme_clock_offset_s": settings.ahead_s},
    shown=_shown,
    healed=_healed,
    target_role=KME_CHANNEL,
    ranges={"offset_s": Range(10.0, 3.2e8, "what whole seconds tell, to ten years: a clock that lost its battery; our choice")},
)
