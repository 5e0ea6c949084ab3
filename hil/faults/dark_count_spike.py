"""Detectors get noisy: dark counts are added to every detector of a receiver, or to one of them.

A twin is told to through its control port. Hardware cannot be: it would take an auxiliary light source, or bias and
temperature inside their envelope. Seen in the counters: they must rise by what dead time leaves of the added rate, and fall by
it when healed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import compared, counted_s, folded, of_target, unfolded
from hil.faults._injection import Injection, injection, of_detectors
from hil.faults._refusal import checked
from hil.ports.spec import Finding, Range, Span

if TYPE_CHECKING:
    from hil.faults._clicks import Change
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "DarkCountSpike"]


@dataclass(frozen=True)
class DarkCountSpike:
    """``rate_hz``: dark counts per second that each detector of the target gets on top of its own."""

    rate_hz: float

    def __post_init__(self) -> None:
        checked(self, rate_hz=(0.0, math.inf))


def _read(bench: FaultBench, target: str, _settings: DarkCountSpike) -> Readings:
    return bench.clicks(target.partition(".")[0])


def _shown(bench: FaultBench, target: str, settings: DarkCountSpike, before: Span, during: Span) -> Finding:
    change, due = _compared(bench, target, settings, quiet=before, noisy=during)
    advice = "" if change.accordingly else "; clicks of light may hide it: link.transmitter.set_emitting(emitting=False) first"
    return Finding(change.accordingly, f"{change.words(due)} than before{advice}")


def _healed(bench: FaultBench, target: str, settings: DarkCountSpike, during: Span, after: Span) -> Finding:
    if counted_s(during) <= 0.0:
        return Finding(shown=True, words="the detectors have no bias, so counts cannot tell")
    change, due = _compared(bench, target, settings, quiet=after, noisy=during)
    return Finding(change.gone, f"{change.words(due)} than after healing")


def _compared(bench: FaultBench, target: str, settings: DarkCountSpike, *, quiet: Span, noisy: Span) -> tuple[Change, str]:
    """What the noisy stretch has of what was added, and what that was."""
    who = of_target(bench, target, noisy)

    def becomes(quiet_hz: float) -> float:
        return folded(unfolded(quiet_hz, who.dead_time_s) + who.number * settings.rate_hz, who.dead_time_s)

    return compared(quiet, noisy, who.names, becomes), f"{settings.rate_hz:g} Hz more dark counts a detector"


SPEC = injection(
    Injection(
        parameters=of_detectors("dark_count_rate_hz"),
        becomes=lambda settings, _parameter, stood: float(stood + settings.rate_hz),
        unless="it would take an auxiliary light source on its input, or its bias and temperature inside their envelope",
    ),
    name="dark-count-spike",
    title="Detectors get noisy: dark counts are added (twins only)",
    settings=DarkCountSpike,
    zero="A rate of 0 Hz adds no dark counts: nothing is injected.",
    target_role="receiver",
    acts_on="the dark count rate of a receiver's twin, all of its detectors or one",
    read=_read,
    shown=_shown,
    healed=_healed,
    ranges={"rate_hz": Range(0.0, 1e5, "a hundred times the 1 kHz of a cooled InGaAs detector; our choice")},
    magnitude=("rate_hz",),
)
