"""What a simulated device is really like: declared values, what the bench says is actually so, and injections."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from hil.bench import actual_of
from hil.bench.model import (
    AttenuatorDevice,
    PairSourceDevice,
    PowerMeterDevice,
    ReceiverDevice,
    SwitchDevice,
    TemperatureControllerDevice,
    TransmitterDevice,
)
from hil.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.model import Bench, Device, Link

    from .timeline import Key, State

__all__ = ["INJECTABLE", "Bounds", "Parameters", "initial_state"]


@dataclass(frozen=True)
class Bounds:
    """The physically sensible interval of a parameter, ends included."""

    low: float
    high: float


PER_DETECTOR = {
    "dark_count_rate_hz": Bounds(0.0, 1e8),
    "efficiency": Bounds(0.0, 1.0),
    "dead_time_s": Bounds(0.0, 1e-2),
    "afterpulse_probability": Bounds(0.0, 0.5),
    "afterpulse_decay_s": Bounds(1e-9, 1e-2),
}

INJECTABLE: dict[type, dict[str, Bounds]] = {
    TransmitterDevice: {"intensity_scale": Bounds(0.0, 100.0), "pilot_power_w": Bounds(0.0, 1.0)},
    PairSourceDevice: {
        "mean_pairs": Bounds(0.0, 100.0),
        "visibility_key": Bounds(0.0, 1.0),
        "visibility_test": Bounds(0.0, 1.0),
        "pilot_power_w": Bounds(0.0, 1.0),
    },
    ReceiverDevice: {
        **PER_DETECTOR,
        "misalignment": Bounds(0.0, 0.5),
        "insertion_loss_db": Bounds(0.0, 100.0),
        "detector_temperature_c": Bounds(-150.0, 100.0),
    },
    AttenuatorDevice: {"excess_loss_db": Bounds(-60.0, 100.0)},
    SwitchDevice: {"insertion_loss_db": Bounds(0.0, 100.0), "isolation_db": Bounds(0.0, 200.0)},
    PowerMeterDevice: {"tap_loss_db": Bounds(0.0, 100.0), "tap_ratio": Bounds(0.0, 1.0)},
    TemperatureControllerDevice: {"ambient_c": Bounds(-50.0, 100.0)},
}
"""Parameters that can be injected, by class of device; those of a receiver's detectors also as ``<detector>.<parameter>``."""

FIBRE = {
    "excess_loss_db": Bounds(0.0, 200.0),
    "length_km": Bounds(0.0, 2000.0),
    "attenuation_db_per_km": Bounds(0.0, 100.0),
}

_NOT_DECLARED = {"intensity_scale": 1.0, "excess_loss_db": 0.0}


class Parameters:
    """True values of the parameters of a bench's devices and fibres, for any state of its timeline.

    A fibre goes by the name of its link (``metro``), or of its arm (``metro.a``); ``fibre`` will do for the only link.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._base: State = {}
        for name, device in bench.device.items():
            for parameter in INJECTABLE.get(type(device), {}):
                self._base[name, parameter] = _true_value(device, parameter)
        for name, link in bench.link.items():
            ways = {name: link.fibre} | {f"{name}.{party}": arm.fibre for party, arm in link.arm.items()}
            for way, fibre in ways.items():
                if fibre is not None:
                    actual = actual_of(fibre)
                    self._base |= {
                        (way, parameter): float(actual.get(parameter, getattr(fibre, parameter))) for parameter in FIBRE
                    }

    def value(self, state: State, device: str, parameter: str) -> float:
        """The true value: injected, else actual, else declared; a detector without its own has its receiver's."""
        key = (device, parameter)
        if key in state:
            return state[key]
        if "." in parameter:
            return self.value(state, device, parameter.partition(".")[2])
        return self._base[key]

    def injection(self, device: str, parameter: str, value: float, state: State) -> dict[Key, float | None]:
        """The change of state that an injection is; a whole receiver's value replaces those of its single detectors.

        UsageError for an unknown parameter (naming the known ones) or a value outside its bounds.
        """
        key, bounds = self.lookup(device, parameter)
        if not (isfinite(value) and bounds.low <= value <= bounds.high):
            raise UsageError(f"{device}: {parameter} = {value} is impossible; expected {bounds.low:g} to {bounds.high:g}")
        changes: dict[Key, float | None] = dict.fromkeys(
            (other for other in state if other[0] == key[0] and other[1].endswith(f".{key[1]}")), None
        )
        changes[key] = float(value)
        return changes

    def lookup(self, device: str, parameter: str) -> tuple[Key, Bounds]:
        """Where a parameter is kept, and its bounds; UsageError names the injectable ones for an unknown one."""
        name, known = self._injectable(device)
        if parameter not in known:
            raise UsageError(f"{device}: no parameter {parameter!r} to inject; injectable: {', '.join(known) or 'none'}")
        return (name, parameter), known[parameter]

    def _injectable(self, name: str) -> tuple[str, dict[str, Bounds]]:
        device = self._bench.device.get(name)
        if device is not None:
            known = dict(INJECTABLE.get(type(device), {}))
            for detector in device.detectors if isinstance(device, ReceiverDevice) else ():
                known |= {f"{detector}.{parameter}": bounds for parameter, bounds in PER_DETECTOR.items()}
            return name, known
        links: dict[str, Link] = self._bench.link
        link = next(iter(links)) if name == "fibre" and len(links) == 1 else name
        if link in links:
            return link, FIBRE if links[link].fibre is not None else {}
        owner, _, party = name.rpartition(".")
        if owner in links and party in links[owner].arm:
            return name, FIBRE if (name, "length_km") in self._base else {}
        everything = ", ".join([*self._bench.device, *links])
        raise UnknownNameError(f"no device or link {name!r} on bench {self._bench.bench.name!r}; known: {everything}")


def _true_value(device: Device, parameter: str) -> float:
    """Declared value, or what the bench says is actually so; an attenuator's true loss differs by its excess loss."""
    actual = actual_of(device)
    if isinstance(device, AttenuatorDevice) and parameter == "excess_loss_db":
        return actual.get("attenuation_db", device.attenuation_db) - device.attenuation_db
    default = _NOT_DECLARED.get(parameter)
    return float(actual.get(parameter, getattr(device, parameter) if default is None else default))


def initial_state(bench: Bench) -> State:
    """What is set at time zero."""
    return {(name, setting): value for name, device in bench.device.items() for setting, value in _settings(device)}


def _settings(device: object) -> Iterator[tuple[str, float]]:
    if isinstance(device, AttenuatorDevice):
        yield "attenuation_db", device.attenuation_db
    elif isinstance(device, SwitchDevice):
        yield "channel", float(device.through_channel)
    elif isinstance(device, TemperatureControllerDevice):
        yield "setpoint_c", actual_of(device).get("setpoint_c", device.setpoint_c)
        yield "heater", 1.0
    elif isinstance(device, (TransmitterDevice, PairSourceDevice)):
        yield "emitting", 0.0
    elif isinstance(device, ReceiverDevice):
        yield "biased", 0.0
