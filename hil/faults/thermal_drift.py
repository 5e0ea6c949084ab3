"""A stage drifts: the set point of its temperature controller moves, and the stage follows with its own time constant.

Seen in the set point and in the controller's temperature, and in the temperature the controlled device itself measures where
it tells one. Healed when set point and temperature are back, within the settle time the controller declares.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError, Mistake, UsageError
from hil.faults._refusal import refuse
from hil.ports.spec import FaultSpec, Finding, Move, Range, Span, Undo

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "ThermalDrift"]

SMALLEST_K = 0.5
"""A smaller drift does not show: controllers tell tenths of a kelvin."""
_MOVED_K = 0.3
_ROUNDING_K = 0.06
_TOLERANCE_K = 0.2
_RELATIVE_TOLERANCE = 0.01
"""What is left of a step after five time constants."""
_MARGIN_S = 1.0


@dataclass(frozen=True)
class ThermalDrift:
    """``delta_k``: kelvins by which the set point moves; or ``setpoint_c``: the set point it moves to. One of them."""

    delta_k: float | None = None
    setpoint_c: float | None = None

    def __post_init__(self) -> None:
        if (self.delta_k is None) == (self.setpoint_c is None):
            both = "nothing" if self.delta_k is None else "both"
            refuse(self, [Mistake("delta_k, setpoint_c", both, "one of them, such as delta_k='2 K' or setpoint_c='32 degC'")])


def _wanted_c(settings: ThermalDrift, present_c: float) -> float:
    return present_c + settings.delta_k if settings.delta_k is not None else settings.setpoint_c or 0.0


def _plan(bench: FaultBench, target: str, settings: ThermalDrift) -> tuple[Undo, ...]:
    present_c = bench.read(target, "setpoint_c")
    drift_k = _wanted_c(settings, present_c) - present_c
    if drift_k and abs(drift_k) < SMALLEST_K:
        raise UsageError(
            f"thermal_drift: a drift of {drift_k:g} K of {target} could not be told from its reading; expected 0 K, or"
            f" {SMALLEST_K:g} K or more either way"
        )
    return (Undo(target, "setpoint_c", present_c),)


def _moves(_bench: FaultBench, _target: str, settings: ThermalDrift, stood: tuple[Undo, ...]) -> tuple[Move, ...]:
    return tuple(Move(undo.device, undo.setting, _wanted_c(settings, float(undo.value))) for undo in stood)


def _read(bench: FaultBench, target: str, _settings: ThermalDrift) -> Readings:
    readings = {setting: bench.read(target, setting) for setting in ("setpoint_c", "temperature_c")}
    with suppress(MissingCapabilityError):  # not every device measures its own stage
        readings["stage_temperature_c"] = bench.read(bench.declared(target).controls, "stage_temperature_c")
    return readings


def _shown(_bench: FaultBench, target: str, settings: ThermalDrift, before: Span, during: Span) -> Finding:
    from_c, at_c = before.last["setpoint_c"], during.last["setpoint_c"]
    drift_k = _wanted_c(settings, from_c) - from_c
    if not drift_k:
        return Finding(at_c == from_c, f"zero: {target} stays at its set point of {at_c:.1f} degC")
    moved_k = _change(before, during, "temperature_c")
    words = f"{target} reads back a set point of {at_c:.1f} degC, and its temperature moved by {moved_k:+.2f} K"
    enough_k = min(_MOVED_K, abs(drift_k) / 2)
    sign = 1.0 if drift_k > 0 else -1.0
    shown = abs(at_c - from_c - drift_k) <= _ROUNDING_K and moved_k * sign >= enough_k
    if "stage_temperature_c" in during.last and "stage_temperature_c" in before.last:
        stage_k = _change(before, during, "stage_temperature_c")
        words += f", the stage it holds by {stage_k:+.2f} K as measured there"
        shown = shown and stage_k * sign >= enough_k / 2
    return Finding(shown, words)


def _healed(_bench: FaultBench, target: str, settings: ThermalDrift, during: Span, after: Span) -> Finding:
    setpoint_c, temperature_c = after.last["setpoint_c"], after.last["temperature_c"]
    drifted_k = abs(during.last["setpoint_c"] - setpoint_c)
    tolerance_k = max(_TOLERANCE_K, _RELATIVE_TOLERANCE * drifted_k)
    words = f"{target} reads back a set point of {setpoint_c:.1f} degC and {temperature_c:.1f} degC"
    if settings.delta_k == 0.0:
        return Finding(shown=True, words=f"zero: {words}")
    back = abs(temperature_c - setpoint_c) <= tolerance_k
    return Finding(back, f"{words}, where {tolerance_k:.1f} K of difference are tolerated")


def _change(before: Span, now: Span, name: str) -> float:
    return now.last[name] - before.last[name]


def _patience_s(bench: FaultBench, target: str) -> float:
    return bench.settle_s(target) + _MARGIN_S


SPEC = FaultSpec(
    name="thermal-drift",
    title="A stage drifts: the set point of its temperature controller moves",
    settings=ThermalDrift,
    zero="A drift of 0 K moves nothing: the set point stays where it is.",
    target_role="temperature-controller",
    acts_on="the set point of the link's temperature controller",
    plan=_plan,
    moves=_moves,
    read=_read,
    shown=_shown,
    healed=_healed,
    patience_s=_patience_s,
    ranges={
        "delta_k": Range(-10.0, 10.0, "a room or a street cabinet over a day; our choice"),
        "setpoint_c": Range(0.0, 50.0, "what is above freezing and below a housing's 50 degC; our choice"),
    },
    magnitude=("delta_k",),
)
