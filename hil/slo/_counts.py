"""What both counting indicators share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.slo._words import duration
from hil.statistics.counts import fano_factor, gates_to_decide

if TYPE_CHECKING:
    from typing import Literal

    from hil.ports.run import CountGates
    from hil.statistics.interval import Interval

__all__ = ["counted_in", "expect", "time_to_decide"]


def expect(gates: CountGates, condition: Literal["dark", "lit"], indicator: str) -> None:
    """UsageError unless these gates were counted under the condition the indicator judges."""
    if gates.condition != condition:
        raise UsageError(
            f"indicator {indicator} judges {condition} counts; those of {gates.detector} were taken {gates.condition}"
        )


def counted_in(gates: CountGates) -> str:
    """How the counting was done, with what the spread came out as."""
    fano = fano_factor(gates.counts)
    spread = "" if math.isnan(fano) else f", Fano factor {fano:.3g}"
    return f"{gates.counts.size:,} gates of {duration(gates.gate_s)}{spread}"


def time_to_decide(gates: CountGates, interval: Interval, limit_hz: float) -> str:
    """How long counting would decide it, in words; a single gate shows no spread to judge by."""
    if gates.counts.size == 1:
        return "one gate shows no spread; count ten gates or more"
    if gates.counts.size == 0:
        return "nothing was counted"
    needed = gates_to_decide(interval.estimate, fano_factor(gates.counts), gates.gate_s, limit_hz, interval.confidence)
    if needed is None:
        return "it sits on the limit, which no counting time decides"
    return f"counting {duration(max(needed, gates.counts.size + 1) * gates.gate_s)} would decide it"
