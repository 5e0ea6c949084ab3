"""A classical channel delivers in small slices, a delay apart: what one side sends at once the other has to put together.

Ranges: 1 to 1,460 bytes (an Ethernet packet of RFC 894 without the headers of IP and TCP), 0 to 10 ms apart.
Without a delay the operating system may put slices together again, and the bench then does not show the fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalSlicing"]


@dataclass(frozen=True)
class ClassicalSlicing:
    """``slice_bytes`` in each slice, ``delay_s`` between them."""

    slice_bytes: float
    delay_s: float = 0.001

    def __post_init__(self) -> None:
        checked(self)


def _shown(_settings: ClassicalSlicing, before: Readings, now: Readings) -> Finding:
    words = f"what was sent at once came back in {now['pieces']:.0f} pieces, in {before['pieces']:.0f} before"
    return Finding(now["pieces"] > before["pieces"] and now["changed"] == 0.0, words)


def _healed(_settings: ClassicalSlicing, during: Readings, now: Readings) -> Finding:
    words = f"what is sent at once comes back in {now['pieces']:.0f} pieces, in {during['pieces']:.0f} with the fault"
    return Finding(now["pieces"] < during["pieces"], words)


SPEC = classical(
    name="classical-slicing",
    title="A classical channel delivers in small slices",
    settings=ClassicalSlicing,
    zero="Slices of 0 bytes: nothing is sliced.",
    acts_on="the pieces in which every connection of a classical channel delivers, both ways",
    moves=lambda settings: {
        "slice_bytes": settings.slice_bytes,
        "slice_delay_s": settings.delay_s if settings.slice_bytes else 0.0,
    },
    shown=_shown,
    healed=_healed,
    ranges={
        "slice_bytes": Range(1.0, 1460.0, "RFC 894, without the headers of IP and TCP"),
        "delay_s": Range(0.0, 0.01, "a queue of a slow hop"),
    },
)
