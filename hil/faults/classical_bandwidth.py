"""A classical channel passes at most so many bits a second, evenly paced, for each connection and direction.

Ranges: 9.6 kbit/s to 1 Gbit/s: from a leased line's modem (ITU-T V.29) to the Ethernet beside a quantum channel; distilling
takes a few bits of announcement for each detection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalBandwidth"]

_ROUNDING = 1.001


@dataclass(frozen=True)
class ClassicalBandwidth:
    """``rate_bps``: bits a second."""

    rate_bps: float

    def __post_init__(self) -> None:
        checked(self)


def _shown(settings: ClassicalBandwidth, before: Readings, now: Readings) -> Finding:
    words = f"messages came back at {now['echo_bps']:.0f} bit/s, at {before['echo_bps']:.0f} bit/s before"
    return Finding(0.0 < now["echo_bps"] <= min(settings.rate_bps * _ROUNDING, before["echo_bps"]), words)


def _healed(_settings: ClassicalBandwidth, during: Readings, now: Readings) -> Finding:
    words = f"messages come back at {now['echo_bps']:.0f} bit/s, at {during['echo_bps']:.0f} bit/s with the fault"
    return Finding(now["echo_bps"] > during["echo_bps"], words)


SPEC = classical(
    name="classical-bandwidth",
    title="A classical channel is slow",
    settings=ClassicalBandwidth,
    zero="A rate of 0 bit/s sets no limit: use classical_partition for a channel that passes nothing.",
    acts_on="the bit rate of every connection of a classical channel, each way",
    moves=lambda settings: {"rate_bps": settings.rate_bps},
    shown=_shown,
    healed=_healed,
    ranges={"rate_bps": Range(9.6e3, 1e9, "a leased line's modem (ITU-T V.29) to gigabit Ethernet")},
)
