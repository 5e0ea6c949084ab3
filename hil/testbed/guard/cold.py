"""The second depth of the safe state: parked, and then led to the temperature of the room and switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.bench.model import LaserDevice, TemperatureControllerDevice
from hil.errors import DeviceError, HilError
from hil.ports.ramp import ramp
from hil.testbed.guard import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.bench.model import Bench
    from hil.clock import Clock
    from hil.ports.roles import Instrument

__all__ = ["cool_down"]

_DEFAULT_SLEW_K_PER_MIN = 5.0
"""For a device whose table in the bench file declares no ``slew``; gentle for a stage, a laser diode and a chamber alike."""
_THERE_K = 1.0
_POLL_S = 1.0


def cool_down(
    bench: Bench, devices: Mapping[str, Instrument], clock: Clock, tell: Callable[[str], None]
) -> list[tuple[str, Exception]]:
    """Lead every stage and cooler of a parked bench to its ambient temperature, in parking's order; the troubles by device.

    A device that is there already stays as it is. Each has the time that its ramp and its settle time take, and 10 s more.
    """
    troubles: list[tuple[str, Exception]] = []
    for name in safe.in_order(bench, devices):
        declared = bench.device[name]
        if isinstance(declared, LaserDevice | TemperatureControllerDevice):
            try:
                tell(f"{name}: {_cooled(name, declared, devices[name], clock)}")
            except (HilError, OSError) as error:
                troubles.append((name, error))
    return troubles


def _cooled(name: str, declared: LaserDevice | TemperatureControllerDevice, device: Any, clock: Clock) -> str:
    """What became of one; DeviceError for one that does not come there in time."""
    low_c, high_c = device.capabilities.ranges["setpoint_c"]
    ambient_c = min(max(declared.ambient_c, low_c), high_c)
    switched_off = isinstance(declared, TemperatureControllerDevice) and not device.enabled()
    slew = declared.slew_k_per_min or _DEFAULT_SLEW_K_PER_MIN
    began_ns, ramp_s = clock.now_ns(), 0.0
    for value_c, wait_s in ramp(device.setpoint_c(), ambient_c, 0.0 if switched_off else slew):
        device.set_setpoint_c(value_c)
        clock.sleep(wait_s)
        ramp_s += wait_s
    if switched_off:
        return f"off, and set to {ambient_c:g} degC"
    until_ns = began_ns + round(1e9 * (ramp_s + device.capabilities.settle_s + safe.DEVICE_TIMEOUT_S))
    while abs((at_c := device.temperature_c()) - ambient_c) > _THERE_K:
        if clock.now_ns() > until_ns:
            raise DeviceError(
                name,
                f"was led to {ambient_c:g} degC within {ramp_s:g} s, and is at {at_c:.1f} degC after its settle time of"
                f" {device.capabilities.settle_s:g} s; it is left switched on: look at its sensor and its load",
            )
        clock.sleep(_POLL_S)
    if isinstance(declared, TemperatureControllerDevice):
        device.set_enabled(enabled=False)
        return f"at {at_c:.1f} degC after {ramp_s:g} s of ramp, and off"
    return f"at {at_c:.1f} degC after {ramp_s:g} s of ramp; its cooler holds it there"
