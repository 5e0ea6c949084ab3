"""The one way a setting moves: envelope first, then write, settle, and read back."""

from __future__ import annotations

import math
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from hil.errors import EnvelopeError, InstrumentError, ReplyError
from hil.ports.ramp import ramp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.ports.identity import Capabilities
    from hil.ports.spec import DeviceSettings

__all__ = ["allowed", "check_envelope", "move", "narrowed", "number", "slowly"]

Interval = tuple[float, float]
D = TypeVar("D", bound=Any)


def narrowed(hardware: Interval, envelope: Mapping[str, Interval], setting: str) -> Interval:
    """What the device can do, cut to what the bench file allows."""
    low, high = envelope.get(setting, hardware)
    return max(low, hardware[0]), min(high, hardware[1])


def allowed(capabilities: Capabilities, setting: str) -> Interval:
    """The allowed interval of a setting."""
    return capabilities.ranges[setting]


def check_envelope(settings: DeviceSettings, capabilities: Capabilities, setting: str, value: float) -> None:
    """EnvelopeError unless ``value`` is inside the allowed interval, and light may change so. Call it before encoding."""
    low, high = allowed(capabilities, setting)
    if low <= value <= high:  # false for nan
        settings.before_move(setting, value)
        return
    source = "the envelope of the bench file" if setting in settings.envelope else "the range of the device"
    raise EnvelopeError(
        settings.name,
        f"{setting} = {value:g} asked for, but {low:g} to {high:g} is allowed ({source}); nothing was sent."
        f" Ask for a value inside, or have the envelope of [device.{settings.name}] changed by whoever answers for the bench",
    )


def slowly(setter: Callable[[D, float], None]) -> Callable[[D, float], None]:
    """Have a setter of set points go no faster than the ``slew`` of the device's table in the bench file."""

    @wraps(setter)
    def led(device: D, setpoint_c: float) -> None:
        settings = device._settings  # noqa: SLF001  (a part of the driver)
        slew_k_per_min = getattr(settings.declared, "slew_k_per_min", 0.0)
        if slew_k_per_min:
            check_envelope(settings, device.capabilities, "setpoint_c", setpoint_c)  # the whole way, before its first step
        from_c = device.setpoint_c() if slew_k_per_min else setpoint_c
        for value_c, wait_s in ramp(from_c, setpoint_c, slew_k_per_min):
            setter(device, value_c)
            settings.clock.sleep(wait_s)

    return led


def move(
    settings: DeviceSettings,
    *,
    setting: str,
    value: float,
    write: Callable[[], None],
    read: Callable[[], float],
    settle_s: float,
    tolerance: float,
) -> None:
    """Write, wait ``settle_s`` on the bench's clock, read back; InstrumentError when the device stands elsewhere."""
    write()
    settings.clock.sleep(settle_s)
    found = read()
    if abs(found - value) > tolerance:
        raise InstrumentError(
            settings.name,
            f"{setting} was set to {value:g} but reads back {found:g} after {settle_s:g} s (tolerance {tolerance:g});"
            " check that nothing else controls the device, and its front panel for a limit or an alarm",
        )


def number(device: str, what: str, text: str) -> float:
    """A finite number out of a reply, or ReplyError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ReplyError(device, f"{what}: expected a number, got {text[:60]!r}")
    return value
