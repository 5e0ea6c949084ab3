"""Detectors get warm or cold: a cooler fails, or its set point is wrong.

Where every detector of the target has a control unit with a cooler, its set point moves, inside its envelope, and the unit's
thermometer must show it. A twin without units is told; it shows no thermometer, so there the counters must rise by the dark
counts that come with the warmth: what a bright link counts hides a few kelvin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import compared, folded, lit_clicks, of_target, unfolded
from hil.faults._detectors import units, whole_receiver
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.physics.dark_counts import activated_rate, rate_at_temperature
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.faults._clicks import Change, Counted
    from hil.ports.spec import FaultBench, Readings, Span

__all__ = ["SPEC", "TemperatureExcursion"]

_SETPOINT, _TWINS = "setpoint_c", "detector_temperature_c"
_THERMOMETER = "thermometer."
_HALF = 0.5


@dataclass(frozen=True)
class TemperatureExcursion:
    """``delta_k``: kelvins by which the detectors get warmer; below zero, colder."""

    delta_k: float

    def __post_init__(self) -> None:
        checked(self, delta_k=(-100.0, 120.0))


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    return units(bench, target, _SETPOINT) or [(whole_receiver(target, "temperature_excursion"), _TWINS)]


def _read(bench: FaultBench, target: str, _settings: TemperatureExcursion) -> Readings:
    shown = {f"{_THERMOMETER}{unit}": bench.read(unit, "temperature_c") for unit, _ in units(bench, target, _SETPOINT)}
    return {**lit_clicks(bench, target), **shown}


def _shown(bench: FaultBench, target: str, settings: TemperatureExcursion, before: Span, during: Span) -> Finding:
    if thermometers := _moved(before, during, settings.delta_k):
        return thermometers
    change, words = _noisier(bench, target, settings, before, during)
    return Finding(change.accordingly, words)


def _healed(bench: FaultBench, target: str, settings: TemperatureExcursion, during: Span, after: Span) -> Finding:
    if thermometers := _moved(during, after, -settings.delta_k):
        return thermometers
    if not (during.last["biased"] and after.last["biased"]):
        return Finding(shown=True, words="bias off (0 of 1), so counts cannot tell")
    change, words = _noisier(bench, target, settings, after, during)
    return Finding(change.gone, words)


def _moved(before: Span, now: Span, delta_k: float) -> Finding | None:
    """What the units' thermometers show; None where there are none."""
    moved = {name: value - before.last[name] for name, value in now.last.items() if name.startswith(_THERMOMETER)}
    if not moved:
        return None
    words = ", ".join(f"{name.removeprefix(_THERMOMETER)} by {value:+.1f} K" for name, value in moved.items())
    return Finding(all(value / delta_k >= _HALF for value in moved.values()), f"thermometers moved: {words}")


def _noisier(bench: FaultBench, target: str, settings: TemperatureExcursion, quiet: Span, noisy: Span) -> tuple[Change, str]:
    who = of_target(bench, target, noisy)
    change = compared(quiet, noisy, who.names, lambda quiet_hz: _counted(settings, quiet_hz, who))
    return change, change.words(f"{settings.delta_k:+g} K of dark counts")


def _counted(settings: TemperatureExcursion, quiet_hz: float, who: Counted) -> float:
    """With the declared dark counts, which double every few kelvin or follow an activation energy."""
    declared, offered_hz = who.declared, unfolded(quiet_hz, who.dead_time_s)
    if not math.isfinite(offered_hz):
        return quiet_hz
    cold_hz, cold_c = declared.dark_count_rate_hz * who.number, declared.detector_temperature_c
    warm_c = cold_c + settings.delta_k
    if declared.dark_count_activation_ev:
        warm_hz = activated_rate(cold_hz, warm_c, cold_c, declared.dark_count_activation_ev)
    else:
        warm_hz = rate_at_temperature(cold_hz, warm_c, cold_c, declared.dark_count_doubling_k)
    return folded(max(offered_hz + warm_hz - cold_hz, 0.0), who.dead_time_s)


SPEC = injection(
    Injection(
        parameters=_parameters,
        becomes=lambda settings, _parameter, stood: round(stood + settings.delta_k, 2) if settings.delta_k else float(stood),
        unless="it would take a control unit of every detector whose cooler can be set inside its envelope",
    ),
    name="temperature-excursion",
    title="Detectors get warm or cold",
    settings=TemperatureExcursion,
    zero="0 K leaves the detectors as warm as they are: nothing is moved.",
    target_role="receiver",
    acts_on="the cooler's set point of the detectors' control units, or the detector temperature of a receiver's twin",
    read=_read,
    shown=_shown,
    healed=_healed,
    ranges={
        "delta_k": Range(-20.0, 62.0, "a failed thermo-electric cooler leaves a detector of -40 degC at room temperature"),
    },
    magnitude=("delta_k",),
    look_s=4.0,
    patience_s=10.0,
)
