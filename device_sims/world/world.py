"""The world of one bench: what every simulated instrument reads and moves."""

from __future__ import annotations

from functools import wraps
from math import floor
from threading import RLock
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from hil.bench import actual_of
from hil.bench.model import (
    AttenuatorDevice,
    PowerMeterDevice,
    ReceiverDevice,
    SwitchDevice,
    TemperatureControllerDevice,
    TransmitterDevice,
)
from hil.errors import UsageError
from hil.seeds import stream

from .optics import Optics
from .parameters import Parameters
from .thermal import Stage
from .timeline import State, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt

    from hil.bench.model import Bench
    from hil.ports.detections import DetectionRecords, Preparations, ReceiverCounters, ReceiverHistory

    from .source import PulseClock, Source

__all__ = ["World"]

_AMBIENT_C = 22.0

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")


def _locked(method: Callable[Concatenate[World, P], T]) -> Callable[Concatenate[World, P], T]:
    """One lock holds each call."""

    @wraps(method)
    def held(self: World, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            return method(self, *args, **kwargs)

    return held


class World:
    """State of fibre, actuators, temperatures, detectors and photons, as a function of bench time.

    Told the time (``now_ns``, integer nanoseconds, never backwards but by :meth:`reset`); thread-safe, one lock holds each
    call. ``device`` is a name of the bench file. All randomness is keyed by (seed, component, time window).

    At time zero transmitters do not emit, receivers have no bias, actuators stand at their operating points, and stages are
    settled at their set points.
    """

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.seed = seed
        self._lock = RLock()
        self._parameters = Parameters(bench)
        self._optics = Optics(bench, self._parameters)
        self.reset(seed)

    @_locked
    def reset(self, seed: int) -> None:
        """Back to the declared state at time zero with a new seed; injections are gone."""
        self.seed = seed
        self._timeline = Timeline(_initial_state(self.bench))
        self._stages = {
            name: Stage(
                self._timeline.present[name, "setpoint_c"], actual_of(device).get("time_constant_s", device.time_constant_s)
            )
            for name, device in self.bench.device.items()
            if isinstance(device, TemperatureControllerDevice)
        }
        self._sources: dict[str, tuple[PulseClock, Source]] = {}

    # --- optical path -------------------------------------------------------------------------------------------------

    @_locked
    def attenuation_db(self, device: str, now_ns: int) -> float:
        """What the attenuator is set to, its insertion loss included; its true loss may differ (``actual``, ``inject``)."""
        return self._state(device, AttenuatorDevice, now_ns)[device, "attenuation_db"]

    @_locked
    def set_attenuation_db(self, device: str, attenuation_db: float, now_ns: int) -> None:
        self._state(device, AttenuatorDevice, now_ns)
        self._change(device, "attenuation_db", attenuation_db, now_ns)

    @_locked
    def switch_channel(self, device: str, now_ns: int) -> int:
        return int(self._state(device, SwitchDevice, now_ns)[device, "channel"])

    @_locked
    def set_switch_channel(self, device: str, channel: int, now_ns: int) -> None:
        self._state(device, SwitchDevice, now_ns)
        self._change(device, "channel", channel, now_ns)

    @_locked
    def tap_power_w(self, device: str, now_ns: int) -> float:
        """Pilot light on the sensor of this power meter, without noise or floor; none while the transmitter does not emit."""
        return self._optics.tap_power_w(device, self._state(device, PowerMeterDevice, now_ns))

    # --- temperature --------------------------------------------------------------------------------------------------

    @_locked
    def temperature_c(self, device: str, now_ns: int) -> float:
        """Temperature of the stage this controller holds (first-order relaxation, closed form)."""
        self._device(device, TemperatureControllerDevice)
        return self._stages[device].temperature_c(now_ns)

    @_locked
    def setpoint_c(self, device: str) -> float:
        self._device(device, TemperatureControllerDevice)
        return self._timeline.present[device, "setpoint_c"]

    @_locked
    def set_setpoint_c(self, device: str, setpoint_c: float, now_ns: int) -> None:
        self._device(device, TemperatureControllerDevice)
        self._change(device, "setpoint_c", setpoint_c, now_ns)

    @_locked
    def heater_enabled(self, device: str) -> bool:
        self._device(device, TemperatureControllerDevice)
        return bool(self._timeline.present[device, "heater"])

    @_locked
    def set_heater_enabled(self, device: str, now_ns: int, *, enabled: bool) -> None:
        """Without its heater a stage relaxes to ambient temperature."""
        self._device(device, TemperatureControllerDevice)
        self._change(device, "heater", enabled, now_ns)

    # --- transmitter --------------------------------------------------------------------------------------------------

    @_locked
    def emitting(self, device: str) -> bool:
        self._device(device, TransmitterDevice)
        return bool(self._timeline.present[device, "emitting"])

    @_locked
    def set_emitting(self, device: str, now_ns: int, *, emitting: bool) -> None:
        """Quantum and pilot light on or off; pulses are numbered on regardless."""
        self._device(device, TransmitterDevice)
        self._change(device, "emitting", emitting, now_ns)

    @_locked
    def pulse_index(self, device: str, now_ns: int) -> int:
        """The first pulse that leaves at or after this time; a receiver counts with the transmitter of its link."""
        return self._pulses(device)[0].index_at(now_ns)

    @_locked
    def prepare(self, device: str, indices: npt.NDArray[np.int64]) -> Preparations:
        """Settings of these pulses: a pure function of (seed, device, index)."""
        self._device(device, TransmitterDevice)
        return self._pulses(device)[1].prepare(indices)

    @_locked
    def calibrations_s(self, device: str, now_ns: int) -> npt.NDArray[np.float64]:
        """Seconds since power-up at which the transmitter calibrated itself, so far."""
        import numpy as np

        declared = self._device(device, TransmitterDevice)
        every_s = actual_of(declared).get("calibration_every_s", declared.calibration_every_s)
        count = floor(now_ns / 1e9 / every_s)
        return np.arange(1, count + 1, dtype=np.float64) * every_s

    # --- receiver -----------------------------------------------------------------------------------------------------

    @_locked
    def biased(self, device: str) -> bool:
        self._device(device, ReceiverDevice)
        return bool(self._timeline.present[device, "biased"])

    @_locked
    def set_biased(self, device: str, now_ns: int, *, biased: bool) -> None:
        self._device(device, ReceiverDevice)
        self._change(device, "biased", biased, now_ns)

    @_locked
    def stage_temperature_c(self, device: str, now_ns: int) -> float:
        """Temperature of the optics stage of a transceiver; room temperature without a controller."""
        self._device(device, (ReceiverDevice, TransmitterDevice))
        stage = self._stage_of(device)
        return stage.temperature_c(now_ns) if stage is not None else _AMBIENT_C

    def counters(self, device: str, now_ns: int) -> ReceiverCounters:
        raise NotImplementedError

    def start_block(self, device: str, now_ns: int) -> int:
        raise NotImplementedError

    def stop_block(self, device: str, now_ns: int) -> DetectionRecords:
        raise NotImplementedError

    def history(self, device: str, from_s: float, to_s: float, now_ns: int) -> ReceiverHistory:
        raise NotImplementedError

    # --- for instruments and the control port -------------------------------------------------------------------------

    def noise(self, component: str, now_ns: int) -> np.random.Generator:
        """A generator for the reading noise of one component at one time."""
        return stream(self.seed, "noise", component, now_ns)

    @_locked
    def inject(self, device: str, parameter: str, value: float, now_ns: int) -> None:
        """Change a physical parameter of a device or link (``dark_count_rate_hz``, ``z0.efficiency``, ``excess_loss_db``, ...).

        A fibre goes by the name of its link. A whole receiver's value replaces those of its single detectors. UsageError for
        a value outside the parameter's bounds, and for an unknown parameter, naming the injectable ones.
        """
        self._timeline.change(self._parameters.injection(device, parameter, value, self._timeline.present), now_ns)
        self._aim_stages(now_ns)

    @_locked
    def injected(self, device: str, parameter: str) -> float:
        """The parameter's present value, injected or declared."""
        (name, parameter), _ = self._parameters.lookup(device, parameter)
        return self._parameters.value(self._timeline.present, name, parameter)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _device(self, name: str, cls: type[D] | tuple[type[D], ...]) -> D:
        device = self.bench.device.get(name)
        classes = cls if isinstance(cls, tuple) else (cls,)
        for one in classes:
            if isinstance(device, one):
                return device
        roles = " or ".join(str(one.__struct_config__.tag) for one in classes)  # type: ignore[attr-defined]
        raise UsageError(f"{name}: not a {roles} of bench {self.bench.bench.name!r}")

    def _state(self, device: str, cls: type[D], now_ns: int) -> State:
        self._device(device, cls)
        return self._timeline.states[self._timeline.number_at(now_ns)]

    def _change(self, device: str, setting: str, value: float, now_ns: int) -> None:
        self._timeline.change({(device, setting): float(value)}, now_ns)
        self._aim_stages(now_ns)

    def _aim_stages(self, now_ns: int) -> None:
        state = self._timeline.present
        for name, stage in self._stages.items():
            heated = state[name, "heater"]
            stage.aim(state[name, "setpoint_c"] if heated else self._parameters.value(state, name, "ambient_c"), now_ns)

    def _stage_of(self, device: str) -> Stage | None:
        controllers = (
            name
            for name, controller in self.bench.device.items()
            if isinstance(controller, TemperatureControllerDevice) and controller.controls == device
        )
        name = next(controllers, None)
        return None if name is None else self._stages[name]

    def _pulses(self, device: str) -> tuple[PulseClock, Source]:
        from .source import PulseClock, Source

        transmitter = device
        if not isinstance(self.bench.device.get(device), TransmitterDevice):
            self._device(device, ReceiverDevice)
            found = self._optics.link_to(device)
            if found is None:
                raise UsageError(f"{device}: at the end of no link, so it has no pulses to count")
            transmitter = found[1].parties["a"]
        if transmitter not in self._sources:
            declared = self._device(transmitter, TransmitterDevice)
            rate_hz = actual_of(declared).get("pulse_rate_hz", declared.pulse_rate_hz)
            self._sources[transmitter] = (PulseClock(rate_hz), Source(declared, self.seed, transmitter))
        return self._sources[transmitter]


def _initial_state(bench: Bench) -> State:
    return {(name, setting): value for name, device in bench.device.items() for setting, value in _settings(device)}


def _settings(device: object) -> Iterator[tuple[str, float]]:
    if isinstance(device, AttenuatorDevice):
        yield "attenuation_db", device.attenuation_db
    elif isinstance(device, SwitchDevice):
        yield "channel", float(device.through_channel)
    elif isinstance(device, TemperatureControllerDevice):
        yield "setpoint_c", actual_of(device).get("setpoint_c", device.setpoint_c)
        yield "heater", 1.0
    elif isinstance(device, TransmitterDevice):
        yield "emitting", 0.0
    elif isinstance(device, ReceiverDevice):
        yield "biased", 0.0
