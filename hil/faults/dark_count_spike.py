"""Detectors get noisy: dark counts are added to every detector of a receiver, or to one of them.

A twin is told to through its control port. Hardware cannot be: it would take an auxiliary light source, or bias and
temperature inside their envelope. Seen in the counters: they must rise by what dead time leaves of the added rate, and fall by
it when healed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError, UsageError
from hil.faults._clicks import SURE, counted_s, detectors, difference_sigma, rate_hz
from hil.ports.spec import FaultSpec, Finding, Span, Undo

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "DarkCountSpike"]

LOOK_S = 1.0
_PARAMETER = "dark_count_rate_hz"
_WAIT_S = 3.0
_ACCORDINGLY = (0.5, 2.0)
"""Share of the expected change that must be found: temperature and afterpulses are not accounted for."""


@dataclass(frozen=True)
class DarkCountSpike:
    """``rate_hz``: dark counts per second that each detector of the target gets on top of its own."""

    rate_hz: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate_hz) and self.rate_hz >= 0.0):
            raise UsageError(f"dark_count_spike: rate_hz = {self.rate_hz:g}; expected a rate of zero or more, such as '5 kHz'")


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    """Device and parameter of every detector of the target (``bob``, or ``bob.z0`` for one)."""
    device, _, detector = target.partition(".")
    names = [detector] if detector else list(bench.declared(device).detectors)
    return [(device, f"{name}.{_PARAMETER}") for name in names]


def _plan(bench: FaultBench, target: str, _settings: DarkCountSpike) -> tuple[Undo, ...]:
    try:
        return tuple(Undo(device, name, bench.read(device, name)) for device, name in _parameters(bench, target))
    except MissingCapabilityError as error:
        raise MissingCapabilityError(
            f"dark_count_spike: {target} is real, and no command makes a real detector noisy. It would take an actuator: an"
            " auxiliary light source on its input, or its bias and temperature inside their envelope. Run it on the twin"
            " (--hil-simulate)"
        ) from error


def _apply(bench: FaultBench, target: str, settings: DarkCountSpike) -> None:
    for device, name in _parameters(bench, target):
        if settings.rate_hz:
            bench.write(device, name, bench.read(device, name) + settings.rate_hz)


def _read(bench: FaultBench, target: str, _settings: DarkCountSpike) -> Readings:
    return bench.clicks(target.partition(".")[0])


def _shown(bench: FaultBench, target: str, settings: DarkCountSpike, before: Span, during: Span) -> Finding:
    if not settings.rate_hz:
        return Finding(shown=True, words=f"zero: no dark counts were added to {target}")
    finding, found = _compared(bench, target, settings, quiet=before, noisy=during)
    return Finding(found, f"{target}: {finding} than before")


def _healed(bench: FaultBench, target: str, settings: DarkCountSpike, during: Span, after: Span) -> Finding:
    if not settings.rate_hz:
        return Finding(shown=True, words=f"zero: nothing was added to {target}")
    if counted_s(during) <= 0.0:
        return Finding(shown=True, words=f"{target}: the detectors have no bias, so counts cannot tell")
    finding, found = _compared(bench, target, settings, quiet=after, noisy=during)
    return Finding(found, f"{target}: {finding} than after healing")


def _compared(bench: FaultBench, target: str, settings: DarkCountSpike, *, quiet: Span, noisy: Span) -> tuple[str, bool]:
    """Words, and whether the noisy stretch has what was added; detectors weigh by how well they could show it."""
    device, _, detector = target.partition(".")
    names = detectors(noisy)
    if detector in names:
        names = [detector]
    dead_time_s = bench.declared(device).dead_time_s if names != ["all"] else 0.0
    added_hz = settings.rate_hz if names != ["all"] or detector else settings.rate_hz * len(bench.declared(device).detectors)
    found = expected = rise_hz = 0.0
    for name in names:
        quiet_hz, noisy_hz = rate_hz(quiet, name), rate_hz(noisy, name)
        due_hz = _folded(_unfolded(quiet_hz, dead_time_s) + added_hz, dead_time_s) - quiet_hz
        sigma_hz = difference_sigma(quiet_hz, counted_s(quiet), noisy_hz, counted_s(noisy))
        weight = due_hz / sigma_hz**2
        found += weight * (noisy_hz - quiet_hz)
        expected += weight * due_hz
        rise_hz += noisy_hz - quiet_hz
    # with these weights the expected sum is also the variance of the found one
    sigmas = found / math.sqrt(expected) if expected > 0.0 else 0.0
    share = found / expected if expected > 0.0 else 0.0
    words = (
        f"{rise_hz:.0f} Hz more counts ({sigmas:.1f} standard deviations, {share:.0%} of what {settings.rate_hz:g} Hz more dark"
        " counts a detector would give)"
    )
    return words, sigmas > SURE and _ACCORDINGLY[0] <= share <= _ACCORDINGLY[1]


def _unfolded(counted_hz: float, dead_time_s: float) -> float:
    """The rate that dead time reduced to this one (non-paralysable)."""
    alive = 1.0 - counted_hz * dead_time_s
    return counted_hz / alive if alive > 0.0 else math.inf


def _folded(rate: float, dead_time_s: float) -> float:
    return rate / (1.0 + rate * dead_time_s) if math.isfinite(rate) else 1.0 / dead_time_s


def _patience_s(_bench: FaultBench, _target: str) -> float:
    return _WAIT_S


SPEC = FaultSpec(
    name="dark-count-spike",
    title="Detectors get noisy: dark counts are added (twins only)",
    settings=DarkCountSpike,
    zero="A rate of 0 Hz adds no dark counts: nothing is injected.",
    target_role="receiver",
    acts_on="the dark count rate of a receiver's twin, all of its detectors or one",
    plan=_plan,
    apply=_apply,
    read=_read,
    shown=_shown,
    healed=_healed,
    patience_s=_patience_s,
    look_s=LOOK_S,
)
