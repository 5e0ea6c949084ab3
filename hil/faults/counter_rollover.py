"""A receiver's counters are few bits wide, and begin at zero again when they are full.

At a million counts a second 32 bits last for 72 minutes. A driver that follows them from look to look adds what rolled over;
where it looks so seldom that they may have rolled over twice it says that there is a gap, and the gate is left out. A rate is
never negative and never a matter of 2 to the 32nd.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import Mistake
from hil.faults._clicks import counted_s, detectors, rate_hz
from hil.faults._injection import Injection, injection
from hil.faults._refusal import refuse
from hil.ports.spec import Finding, Range, Span

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "CounterRollover"]

_PARAMETER, _TOLD = "counter_bits", "told_counter_bits"
_LEAST, _MOST = 8, 63


@dataclass(frozen=True)
class CounterRollover:
    """``width_bits``: how wide each counter is, 8 to 63 bits; 0 for as wide as it was."""

    width_bits: float = 32.0

    def __post_init__(self) -> None:
        if self.width_bits and not (self.width_bits == int(self.width_bits) and _LEAST <= self.width_bits <= _MOST):
            refuse(self, [Mistake("width_bits", f"{self.width_bits:g}", f"0, or {_LEAST} to {_MOST} whole bits")])


def _read(bench: FaultBench, target: str, _settings: CounterRollover) -> Readings:
    return {**bench.clicks(target), _TOLD: bench.read(target, _TOLD)}


def _shown(_bench: FaultBench, _target: str, settings: CounterRollover, _before: Span, during: Span) -> Finding:
    return Finding(during.last[_TOLD] == settings.width_bits, _words(during))


def _healed(_bench: FaultBench, _target: str, _settings: CounterRollover, during: Span, after: Span) -> Finding:
    return Finding(after.last[_TOLD] > during.last[_TOLD], _words(after))


def _words(span: Span) -> str:
    """How wide, and how long that lasts at the present rate, where one is known."""
    fastest_hz = max((rate_hz(span, name) for name in detectors(span)), default=0.0)
    lasts_s = 2.0 ** span.last[_TOLD] / fastest_hz if counted_s(span) > 0.0 and fastest_hz else math.inf
    lasts = f", which last for {lasts_s:.3g} s at {fastest_hz:.0f} Hz" if math.isfinite(lasts_s) else ""
    return f"its counters are {span.last[_TOLD]:.0f} bits wide{lasts}"


SPEC = injection(
    Injection(
        parameters=lambda _bench, target: [(target, _PARAMETER)],
        becomes=lambda settings, _parameter, stood: float(settings.width_bits) or stood,
        unless="its counters are as wide as they were made",
    ),
    name="counter-rollover",
    title="A receiver's counters roll over (twins only)",
    settings=CounterRollover,
    zero="0 bits leave the counters as wide as they are.",
    target_role="receiver",
    acts_on="the width of the counters of a receiver's twin",
    read=_read,
    shown=_shown,
    healed=_healed,
    ranges={"width_bits": Range(24.0, 32.0, "common widths of hardware counters; our choice")},
    look_s=0.05,
    spoils_detections=False,
)
