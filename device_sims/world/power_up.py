"""How a bench stands at time zero: everything at its operating point, without light, bias or pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench import actual_of
from hil.bench.model import (
    AttenuatorDevice,
    DetectorDevice,
    LaserDevice,
    PairSourceDevice,
    PowerOutletDevice,
    ReceiverDevice,
    RepeaterNodeDevice,
    SwitchDevice,
    TemperatureControllerDevice,
    TransmitterDevice,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.model import Bench

    from .timeline import State

__all__ = ["initial_state"]


def initial_state(bench: Bench) -> State:
    """What is set at time zero, by device and setting."""
    return {(name, setting): value for name, device in bench.device.items() for setting, value in _settings(device)}


def _settings(device: object) -> Iterator[tuple[str, float]]:
    if isinstance(device, AttenuatorDevice):
        yield "attenuation_db", device.attenuation_db
    elif isinstance(device, SwitchDevice):
        yield "channel", float(device.through_channel)
    elif isinstance(device, TemperatureControllerDevice):
        yield "setpoint_c", actual_of(device).get("setpoint_c", device.setpoint_c)
        yield "heater", 1.0
    elif isinstance(device, LaserDevice):
        yield "setpoint_c", actual_of(device).get("setpoint_c", device.setpoint_c)
        yield "heater", 1.0
        yield "current_a", device.current_a
        yield "lasing", 0.0
    elif isinstance(device, DetectorDevice):
        yield "biased", 0.0
        yield "bias_v", device.bias_v
        yield "setpoint_c", device.setpoint_c
    elif isinstance(device, PowerOutletDevice):
        yield "powered", 1.0
    elif isinstance(device, (TransmitterDevice, PairSourceDevice)):
        yield "emitting", 0.0
    elif isinstance(device, ReceiverDevice):
        yield "biased", 0.0
    elif isinstance(device, RepeaterNodeDevice):
        yield "repeating", 0.0
