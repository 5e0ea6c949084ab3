"""A receiver's clock runs fast or slow: by some parts in a million, at once, or more and more with a ramp.

A twin is told to, if its receiver tells times by a clock of its own. Seen in what synchronisation finds: the rate of that clock
must have changed by as much, or, from 100 ppm on, nothing is found any more and blocks end with "no synchronisation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.faults._detectors import whole_receiver
from hil.faults._errors import grown
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.faults._timing import followed, glimpsed, lost, of_this_link, only_where
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Span

__all__ = ["SPEC", "ClockDrift"]

_ACCORDINGLY = (0.5, 2.0)
_PPM = 1e6


@dataclass(frozen=True)
class ClockDrift:
    """``rate_ppm``: how much faster the clock runs, in millionths; below zero, slower."""

    rate_ppm: float

    def __post_init__(self) -> None:
        checked(self, rate_ppm=(-1000.0, 1000.0))


def _has_a_clock(bench: FaultBench, target: str, _settings: ClockDrift) -> None:
    if bench.declared(whole_receiver(target, "clock_drift")).timing != "tags":
        raise MissingCapabilityError(
            f"clock_drift: the electronics of {target} assign pulses by the transmitter's signal, so it has no clock that could"
            ' drift; it takes a receiver with timing = "tags"'
        )


def _rate_ppm(span: Span, *, ever: bool = False) -> float | None:
    """As synchronisation found it; None where it found none."""
    seconds = grown(span, "synchronised_s", ever=ever)
    return grown(span, "gained_s", ever=ever) / seconds * _PPM if seconds > 0.0 else None


def _shown(_bench: FaultBench, _target: str, settings: ClockDrift, before: Span, during: Span) -> Finding:
    was, now = _rate_ppm(before, ever=True), _rate_ppm(during)
    if was is None or now is None:
        return lost(before, during)
    return _changed(now - was, settings.rate_ppm, now)


def _healed(_bench: FaultBench, _target: str, settings: ClockDrift, during: Span, after: Span) -> Finding:
    was, now = _rate_ppm(during, ever=True), _rate_ppm(after)
    if was is None or now is None:
        return followed(during, after)
    return _changed(was - now, settings.rate_ppm, now)


def _changed(found_ppm: float, due_ppm: float, now_ppm: float) -> Finding:
    low, high = _ACCORDINGLY
    words = f"synchronisation finds {now_ppm:+.3f} ppm, {found_ppm:+.3f} ppm apart from without, of {due_ppm:+g} ppm"
    return Finding(low <= found_ppm / due_ppm <= high, words)


SPEC = only_where(
    of_this_link(
        injection(
            Injection(
                parameters=lambda _bench, target: [(target, "clock_error_ppm")],
                becomes=lambda settings, _parameter, stood: float(stood + settings.rate_ppm),
                unless="it would take a reference clock that can be pulled",
            ),
            name="clock-drift",
            title="A receiver's clock runs fast or slow (twins only)",
            settings=ClockDrift,
            zero="0 ppm is as fast as before: nothing is injected.",
            target_role="receiver",
            acts_on="the rate of the clock of a receiver's twin that tells times",
            read=glimpsed,
            shown=_shown,
            healed=_healed,
            ranges={"rate_ppm": Range(-50.0, 50.0, "a TCXO is off by 1 to 2.5 ppm, bare quartz by some 50; our choice")},
            magnitude=("rate_ppm",),
            look_s=0.05,
        )
    ),
    _has_a_clock,
)
