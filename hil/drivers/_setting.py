"""The one way a setting moves: envelope first, then write, settle, and read back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import EnvelopeError, InstrumentError, ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.ports.identity import Capabilities
    from hil.ports.spec import DeviceSettings

__all__ = ["allowed", "check_envelope", "move", "narrowed", "number"]

Interval = tuple[float, float]


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
