"""What faults share that make a link brighter or darker: its light as a user counts it, before and since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.faults._clicks import GONE, SURE, counted_s, darkened, difference_sigma, total_hz
from hil.ports.spec import Finding, Span

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["changed_light", "light_back", "power_ratio"]

_ACCORDINGLY = (0.4, 2.0)
"""Share of the expected change that must be found: dead time, afterpulses and temperature are not accounted for."""


def power_ratio(gain_db: float) -> float:
    """What so many decibels multiply a power by."""
    return float(10.0 ** (gain_db / 10.0))


def changed_light(bench: FaultBench, device: str, before: Span, now: Span, factor: float, *, least: float = SURE) -> Finding:
    """Whether counts went from what they were to ``factor`` times as much, the declared dark counts aside."""
    receiver = bench.declared(bench.receiver_behind(device))
    dark_hz = float(receiver.dark_count_rate_hz * len(receiver.detectors))
    one_hz, other_hz = total_hz(before), total_hz(now)
    sigma_hz = difference_sigma(one_hz, counted_s(before), other_hz, counted_s(now))
    due_hz = (factor - 1.0) * max(one_hz - dark_hz, 0.0)
    share = (other_hz - one_hz) / due_hz if due_hz else 0.0
    words = (
        f"counts went from {one_hz:.0f} Hz to {other_hz:.0f} Hz ({abs(other_hz - one_hz) / sigma_hz:.1f} standard deviations),"
        f" where {one_hz + due_hz:.0f} Hz would be expected without dead time"
    )
    sure = abs(other_hz - one_hz) > least * sigma_hz
    return Finding(sure and _ACCORDINGLY[0] <= share <= _ACCORDINGLY[1], words)


def light_back(bench: FaultBench, device: str, during: Span, after: Span, factor: float) -> Finding:
    """Whether counts differ by that factor again, seen from afterwards; by what reads back alone where light or bias is off."""
    if blind := darkened(after):
        return Finding(shown=True, words=blind)
    found = changed_light(bench, device, after, during, factor, least=GONE)
    return Finding(found.shown, f"back: without the fault and with it, {found.words}")
