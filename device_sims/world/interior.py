"""What a world is made of: its timeline, its stages, and what is made when it is first asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from hil.bench import actual_of, true_device
from hil.bench.model import (
    LaserDevice,
    PairSourceDevice,
    ReceiverDevice,
    RepeaterNodeDevice,
    TemperatureControllerDevice,
    TransmitterDevice,
)
from hil.errors import UsageError

from .optics import Optics
from .parameters import Parameters
from .power_up import initial_state
from .source import Habits, PulseClock, Source
from .thermal import Stage
from .timeline import Key, State, Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.bench.model import Bench

    from .blackbox import BlackBox
    from .pairs import PairLight
    from .repeater import RepeaterChain
    from .scene import Scene
    from .view import ReceiverView
    from .ways import Way

__all__ = ["HELD", "Interior"]

HELD = (TemperatureControllerDevice, LaserDevice)
"""Devices with a stage of their own that is held at a temperature."""
_OF_HABITS = ("key_basis_probability", "repeat_probability")
_NO_LINK_RATE_HZ = 1e9

D = TypeVar("D")


class Interior:
    """The part of a :class:`~.world.World` that nobody outside is told of. It has no lock: the world holds its own."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._parameters = Parameters(bench)
        self._optics = Optics(bench, self._parameters)

    def _begin(self, seed: int) -> None:
        self.seed = seed
        self._timeline = Timeline(initial_state(self.bench))
        self._stages = {
            name: Stage(
                self._timeline.present[name, "setpoint_c"], actual_of(device).get("time_constant_s", device.time_constant_s)
            )
            for name, device in self.bench.device.items()
            if isinstance(device, HELD)
        }
        self._sources: dict[str, tuple[PulseClock, Source]] = {}
        self._receivers: dict[str, ReceiverView] = {}
        self._repeaters: dict[str, RepeaterChain] = {}
        self._powered_ns: dict[str, int] = {}

    def _device(self, name: str, cls: type[D] | tuple[type[D], ...]) -> D:
        device = self.bench.device.get(name)
        classes = cls if isinstance(cls, tuple) else (cls,)
        for one in classes:
            if isinstance(device, one):
                return device
        roles = " or ".join(str(one.__struct_config__.tag) for one in classes)  # type: ignore[attr-defined]
        raise UsageError(f"{name}: not a {roles} of bench {self.bench.bench.name!r}")

    def _emitter(self, name: str) -> TransmitterDevice | PairSourceDevice:
        device = self.bench.device.get(name)
        return device if isinstance(device, PairSourceDevice) else self._device(name, TransmitterDevice)

    def _state(self, device: str, cls: type[D], now_ns: int) -> State:
        self._device(device, cls)
        return self._timeline.states[self._timeline.number_at(now_ns)]

    def _change(self, device: str, setting: str, value: float, now_ns: int) -> None:
        self._apply({(device, setting): float(value)}, now_ns)

    def _apply(self, settings: Mapping[Key, float | None], now_ns: int) -> None:
        # two threads that read a real clock may arrive here swapped
        now_ns = max(now_ns, self._timeline.last_ns)
        self._timeline.change(settings, now_ns)
        state = self._timeline.present
        for name in {name for name, parameter in settings if parameter in _OF_HABITS}:
            chosen = Habits(*(self._parameters.value(state, name, parameter) for parameter in _OF_HABITS))
            self._pulses(name)[1].turn(self._clock_of(name).index_at(now_ns), chosen)
        for name, stage in self._stages.items():
            heated = state[name, "heater"]
            stage.aim(state[name, "setpoint_c"] if heated else self._parameters.value(state, name, "ambient_c"), now_ns)

    def _stage_of(self, device: str) -> tuple[Stage, float] | None:
        """The stage of a device's optics, with its set point in the bench file."""
        for name, controller in self.bench.device.items():
            if isinstance(controller, TemperatureControllerDevice) and controller.controls == device:
                return self._stages[name], controller.setpoint_c
        return None

    def _black_box(self, device: str) -> BlackBox:
        self._device(device, (ReceiverDevice, TransmitterDevice))
        receivers = (link.parties["b"] for link in self.bench.link.values() if device in link.parties.values())
        receiver = next(receivers, None)
        if receiver is None:
            raise UsageError(f"{device}: at no end of a link, so it makes no key")
        return self._receiver(receiver).black_box

    def _receiver(self, device: str) -> ReceiverView:
        if device not in self._receivers:
            from .view import ReceiverView

            declared = self._device(device, ReceiverDevice)
            way = self._optics.way_to(device)
            pairs = None
            light: tuple[PulseClock, Source | None] = (PulseClock(_NO_LINK_RATE_HZ), None)
            if way is not None and way.link.entangled:
                pairs, light = self._pair_light(way, device), (self._clock_of(way.emitter), None)
            elif way is not None:
                light = self._pulses(way.emitter)
            self._receivers[device] = ReceiverView.of(
                device,
                declared,
                self.seed,
                light=light,
                timeline=self._timeline,
                world=(self._parameters, self._optics),
                stage=self._stage_of(device),
                pairs=pairs,
            )
        return self._receivers[device]

    def _repeater(self, device: str) -> RepeaterChain:
        self._device(device, RepeaterNodeDevice)
        from .repeater import RepeaterChain, chain_of

        link = chain_of(self.bench, device)
        if link not in self._repeaters:
            self._repeaters[link] = RepeaterChain(self.bench, link, self.seed, self._parameters, self._timeline)
        return self._repeaters[link]

    def _pair_light(self, way: Way, receiver: str) -> PairLight:
        """What one receiver of an entangled link sees of its pairs."""
        from .pairs import PairLight

        source = self._device(way.emitter, PairSourceDevice)
        a, b = (partial(self._scene_of, way.link.parties[party]) for party in ("a", "b"))
        side = 0 if receiver == way.link.parties["a"] else 1
        return PairLight(source, way.emitter, self.seed, (a, b), side, parameters=self._parameters)

    def _scene_of(self, receiver: str) -> Scene:
        return self._receiver(receiver).scene

    def _clock_of(self, emitter: str) -> PulseClock:
        declared = self._emitter(emitter)
        return PulseClock(actual_of(declared).get("pulse_rate_hz", declared.pulse_rate_hz))

    def _pulses(self, transmitter: str) -> tuple[PulseClock, Source]:
        if transmitter not in self._sources:
            device = true_device(self._device(transmitter, TransmitterDevice))
            self._sources[transmitter] = (self._clock_of(transmitter), Source(device, self.seed, transmitter))
        return self._sources[transmitter]
