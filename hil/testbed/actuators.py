"""Settings and readings of roles by name: what an undo is carried out with, here and in the guardian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.errors import MissingCapabilityError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.spec import Undo

__all__ = ["SETTINGS", "carry_out", "known", "read", "stands", "write"]

_WRITERS: dict[str, Callable[[Any, float], None]] = {
    "channel": lambda device, value: device.select(int(value)),
    "attenuation_db": lambda device, value: device.set_attenuation_db(float(value)),
    "bias_v": lambda device, value: device.set_bias_v(float(value)),
    "current_a": lambda device, value: device.set_current_a(float(value)),
    "setpoint_c": lambda device, value: device.set_setpoint_c(float(value)),
}
_READERS = {"temperature_c", "stage_temperature_c", "emitting", "biased"}

SETTINGS = frozenset(_WRITERS)
"""Settings that can be moved on real devices."""
_TOLERANCES = {"channel": 0.0, "attenuation_db": 0.1, "bias_v": 0.5, "current_a": 1e-5, "setpoint_c": 0.06}


def known(setting: str) -> bool:
    """Whether drivers have a method of that name; other settings exist in twins only."""
    return setting in SETTINGS or setting in _READERS


def read(device: Any, setting: str) -> float:
    """A setting or a measured value, from the device; MissingCapabilityError where its role has none of that name."""
    method = getattr(device, setting, None)
    if method is None:
        raise MissingCapabilityError(f"{device.name} has no {setting} to read")
    return float(method())


def write(device: Any, setting: str, value: float) -> None:
    """Move one setting through the driver's own setter, envelope and read-back included."""
    if setting not in SETTINGS or not hasattr(device, setting):
        raise MissingCapabilityError(
            f"{device.name} has no {setting} that could be moved; known: {', '.join(sorted(SETTINGS))}"
        )
    _WRITERS[setting](device, value)


def stands(setting: str, found: float, wanted: float) -> bool:
    """Whether a reading is the wanted value, as closely as the setting can be told."""
    return abs(found - wanted) <= _TOLERANCES.get(setting, 0.0)


def carry_out(device: Any, undo: Undo) -> str:
    """Heal one setting and see it healed; what was found, in words. The driver's setter reads back and raises."""
    write(device, undo.setting, float(undo.value))
    return f"{undo.device} reads back {undo.setting} {read(device, undo.setting):g}"
