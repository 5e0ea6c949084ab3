"""The world of one bench: what every simulated instrument reads and moves."""

from __future__ import annotations

from functools import wraps
from math import floor
from threading import RLock
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from hil.bench import actual_of
from hil.bench.model import (
    AttenuatorDevice,
    PairSourceDevice,
    PowerMeterDevice,
    ReceiverDevice,
    RepeaterNodeDevice,
    SwitchDevice,
    TransmitterDevice,
)
from hil.errors import UsageError
from hil.seeds import stream

from .beside import Beside
from .interior import HELD, Interior
from .time_of_day import EPOCH
from .ways import ways

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import numpy as np
    import numpy.typing as npt

    from hil.bench.model import Bench
    from hil.ports.detections import DetectionRecords, Preparations, ReceiverCounters, ReceiverHistory, TagRecords
    from hil.ports.repeater import PairRecords, SwapCounts

    from .blackbox import Telemetry
    from .sampler import Candidates
    from .scene import Scene

__all__ = ["World"]

_ROOM_C = 22.0
_EMITTERS = (TransmitterDevice, PairSourceDevice)

P = ParamSpec("P")
T = TypeVar("T")


def _locked(method: Callable[Concatenate[World, P], T]) -> Callable[Concatenate[World, P], T]:
    """One lock holds each call."""

    @wraps(method)
    def held(self: World, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            return method(self, *args, **kwargs)

    return held


class World(Interior):
    """State of fibre, actuators, temperatures, detectors and photons, as a function of bench time.

    Told the time (``now_ns``, integer nanoseconds, never backwards but by :meth:`reset`); thread-safe, one lock holds each
    call. ``device`` is a name of the bench file. All randomness is keyed by (seed, component, time window).

    At time zero transmitters do not emit, receivers have no bias, actuators stand at their operating points, and stages are
    settled at their set points. ``epoch`` is the date of time zero, with its zone.
    """

    def __init__(self, bench: Bench, seed: int, epoch: datetime = EPOCH) -> None:
        super().__init__(bench)
        self.epoch = epoch
        self._lock = RLock()
        self.beside = Beside(self)
        self.reset(seed)

    @_locked
    def reset(self, seed: int) -> None:
        """Back to the declared state at time zero with a new seed; injections are gone."""
        self._begin(seed)
        self.beside.recordings.forget()

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

    @_locked
    def delay_ns(self, link: str, now_ns: int) -> float:
        """Time of flight along the path of a link, or of an arm (``pairs.a``): its fibre's follows the ground's temperature."""
        import numpy as np

        from .path_delay import PathDelay
        from .surroundings import Surroundings

        way = self._optics.way(link)
        if way is None:
            known = ", ".join(way.name for way in ways(self.bench)) or "none"
            raise UsageError(f"bench {self.bench.bench.name!r} has no link or arm {link!r}; it has {known}")
        around = Surroundings(link, way.link, self.seed, self._parameters, polarised=False, detector_doubling_k=1.0)
        path = PathDelay(way, self._parameters, self._optics, around)
        state = self._timeline.states[self._timeline.number_at(now_ns)]
        return 1e9 * (float(path.steady_s(state)) + float(path.drift_s(state, np.array([now_ns / 1e9]))[0]))

    # --- temperature --------------------------------------------------------------------------------------------------

    @_locked
    def temperature_c(self, device: str, now_ns: int) -> float:
        """Temperature of the stage that a controller or laser driver holds (first-order relaxation, closed form)."""
        self._device(device, HELD)
        return self._stages[device].temperature_c(now_ns)

    @_locked
    def setpoint_c(self, device: str) -> float:
        self._device(device, HELD)
        return self._timeline.present[device, "setpoint_c"]

    @_locked
    def set_setpoint_c(self, device: str, setpoint_c: float, now_ns: int) -> None:
        self._device(device, HELD)
        self._change(device, "setpoint_c", setpoint_c, now_ns)

    @_locked
    def heater_enabled(self, device: str) -> bool:
        self._device(device, HELD)
        return bool(self._timeline.present[device, "heater"])

    @_locked
    def set_heater_enabled(self, device: str, now_ns: int, *, enabled: bool) -> None:
        """Without its heater a stage relaxes to ambient temperature."""
        self._device(device, HELD)
        self._change(device, "heater", enabled, now_ns)

    # --- transmitter --------------------------------------------------------------------------------------------------

    @_locked
    def emitting(self, device: str) -> bool:
        self._device(device, _EMITTERS)
        return bool(self._timeline.present[device, "emitting"])

    @_locked
    def set_emitting(self, device: str, now_ns: int, *, emitting: bool) -> None:
        """Quantum and pilot light on or off; pulses are numbered on regardless."""
        self._device(device, _EMITTERS)
        self._change(device, "emitting", emitting, now_ns)

    @_locked
    def pulse_index(self, device: str, now_ns: int) -> int:
        """The first pulse that leaves at or after this time; a receiver counts with the emitter of its link."""
        emits = isinstance(self.bench.device.get(device), _EMITTERS)
        pulses = self._clock_of(device) if emits else self._receiver(device).scene.pulses
        return pulses.index_at(now_ns)

    @_locked
    def prepare(self, device: str, indices: npt.NDArray[np.int64]) -> Preparations:
        """Settings of these pulses: a pure function of (seed, device, index)."""
        return self._pulses(device)[1].prepare(indices)

    @_locked
    def calibrations_s(self, device: str, now_ns: int) -> npt.NDArray[np.float64]:
        """Seconds since power-up at which the transmitter calibrated itself, so far."""
        import numpy as np

        declared = self._emitter(device)
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
        held = self._stage_of(device)
        return held[0].temperature_c(now_ns) if held is not None else _ROOM_C

    @_locked
    def counters(self, device: str, now_ns: int) -> ReceiverCounters:
        """Clicks since power-up, and the seconds with bias. Between blocks the same looks give the same counts."""
        return self._receiver(device).tally.look(now_ns)

    @_locked
    def block_running(self, device: str) -> bool:
        return self._receiver(device).tally.block_running

    @_locked
    def start_block(self, device: str, now_ns: int) -> int:
        """Begin to record clicks; the index of the first pulse. UsageError while a block runs."""
        tally = self._receiver(device).tally
        if tally.block_running:
            raise UsageError(f"{device}: a block is running; stop it first")
        return tally.start(now_ns)

    @_locked
    def stop_block(self, device: str, now_ns: int) -> DetectionRecords:
        """End the block; UsageError when none runs."""
        tally = self._receiver(device).tally
        if not tally.block_running:
            raise UsageError(f"{device}: no block is running; start one first")
        return tally.stop(now_ns)

    @_locked
    def last_block(self, device: str) -> DetectionRecords | None:
        """The block that ended last, until another is started."""
        return self._receiver(device).tally.last_block

    @_locked
    def listen(self, device: str, who: str, now_ns: int, end_ns: int | None = None) -> int:
        """Keep a receiver's clicks from now on for an instrument on its detectors' outputs; the index of the first pulse.

        Until :meth:`heard` is called with ``last``, or by itself until ``end_ns``. The counters count the same clicks.
        """
        return self._receiver(device).tally.listen(who, now_ns, end_ns)

    @_locked
    def heard(self, device: str, who: str, now_ns: int, *, last: bool = False) -> tuple[Candidates, int]:
        """What the instrument has not taken yet, as far as it is certain, and the pulse it reaches to; all with ``last``."""
        return self._receiver(device).tally.heard(who, now_ns, last=last)

    def stream_clicks(self, device: str, from_ns: int, to_ns: int, workers: int = 1) -> Iterator[Candidates]:
        """Clicks of this stretch of time as a block would have them, a window at a time, for whoever need not hold them all.

        Nothing is counted or recorded. The same whatever the number of worker processes; with several, the calling module must
        be importable (``if __name__ == "__main__"``). Change nothing in the world before the last one is taken. Receivers of
        entangled links have one process, whatever is asked for.
        """
        from .stretches import clicks

        if workers < 1:
            raise UsageError(f"{device}: {workers} workers cannot work; expected 1 or more")
        with self._lock:
            scene = self._receiver(device).scene
            span = scene.pulses.index_at(from_ns), scene.pulses.index_at(to_ns)
        return clicks(scene, self.seed, span, workers if scene.light is None else 1)

    @_locked
    def clock_tick(self, device: str, now_ns: int) -> int | None:
        """What the own clock of a receiver with tags reads now; None for a receiver whose electronics assign pulses."""
        return self._receiver(device).tally.tick_at(now_ns)

    @_locked
    def clock_ticks(self, device: str, clicks: Candidates) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Clicks of a receiver with tags as its own clock tells them: ticks, ascending, and the detector of each."""
        return self._receiver(device).tally.ticks(clicks)

    @_locked
    def last_tags(self, device: str) -> TagRecords | None:
        """The same block as the receiver's own clock told it; None for a receiver whose electronics assign pulses."""
        return self._receiver(device).tally.last_tags

    @_locked
    def history(self, device: str, from_s: float, to_s: float, now_ns: int) -> ReceiverHistory:
        """The receiver's log: one row for each whole minute that ended in (from, to] and is over by now."""
        from .history import history

        view = self._receiver(device)
        return history(view.scene, self.seed, (from_s, to_s), now_ns, view.qber_limit)

    # --- black boxes --------------------------------------------------------------------------------------------------

    @_locked
    def take_keys(self, device: str, now_ns: int) -> list[tuple[str, bytes]]:
        """Identifier and bytes of the keys this end of a link was not asked for yet; the other end has the same."""
        return self._black_box(device).take_keys(device, now_ns)

    @_locked
    def keys_for_kme(self, device: str, most: int, now_ns: int) -> list[tuple[str, bytes]]:
        """The oldest keys of this end of a link that its KME does not have yet; the other end has the same."""
        return self._black_box(device).keys_for_kme(device, most, now_ns)

    @_locked
    def telemetry(self, device: str, now_ns: int) -> Telemetry:
        """What the link's transceivers tell about its last whole second."""
        return self._black_box(device).telemetry(now_ns)

    # --- repeater nodes -----------------------------------------------------------------------------------------------

    @_locked
    def repeating(self, device: str) -> bool:
        self._device(device, RepeaterNodeDevice)
        return bool(self._timeline.present[device, "repeating"])

    @_locked
    def set_repeating(self, device: str, now_ns: int, *, repeating: bool) -> None:
        """A node takes part or not; its chain makes pairs while all of its nodes do, numbered from the time they began."""
        chain = self._repeater(device)
        self._change(device, "repeating", repeating, now_ns)
        chain.switch(now_ns, on=all(self._timeline.present[node, "repeating"] for node in chain.nodes))

    @_locked
    def pairs(self, device: str, first: int, most: int, now_ns: int) -> PairRecords:
        """What an end of a chain tells of the pairs from number ``first`` on; UsageError for a node between."""
        return self._repeater(device).pairs(device, first, most, now_ns)

    @_locked
    def swaps(self, device: str, now_ns: int) -> SwapCounts:
        """Swaps of a node between the ends of a chain since the chain began; UsageError for an end."""
        return self._repeater(device).swaps(device, now_ns)

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
        self._apply(self._parameters.injection(device, parameter, value, self._timeline.present), now_ns)

    @_locked
    def injected(self, device: str, parameter: str) -> float:
        """The parameter's present value, injected or declared."""
        (name, parameter), _ = self._parameters.lookup(device, parameter)
        return self._parameters.value(self._timeline.present, name, parameter)

    @_locked
    def snapshot(self) -> dict[tuple[str, str], float]:
        """Every setting and parameter as it stands."""
        return self._parameters.everything(self._timeline.present)

    @_locked
    def scene(self, device: str) -> Scene:
        """What this receiver's samplers see."""
        return self._receiver(device).scene

    @_locked
    def standing(self, device: str, setting: str) -> float:
        """What a device beside a path is set to (``current_a``, ``powered``)."""
        return self._timeline.present[device, setting]

    @_locked
    def change(self, device: str, setting: str, value: float, now_ns: int) -> None:
        """Set it; UsageError for a setting the device does not have."""
        if (device, setting) not in self._timeline.present:
            raise UsageError(f"{device}: no setting {setting!r} to change")
        self._change(device, setting, value, now_ns)

    @_locked
    def darken(self, device: str, now_ns: int) -> None:
        """A device without power: no light, no bias, no heating, no recording; motors and mirrors stay where they are."""
        off = ("emitting", "biased", "heater", "lasing", "repeating")
        self._apply({(device, key): 0.0 for key in off if (device, key) in self._timeline.present}, now_ns)
        self.beside.recordings.end(device, now_ns)

    @_locked
    def restart(self, device: str, now_ns: int) -> None:
        """It has just got power: dark, its counters and its clock at zero, and without the block that may have run."""
        self.darken(device, now_ns)
        self._powered_ns[device] = now_ns
        if isinstance(self.bench.device.get(device), ReceiverDevice):
            self._receiver(device).tally.restart(now_ns)

    @_locked
    def uptime_ns(self, device: str, now_ns: int) -> int:
        """Nanoseconds since its power-up."""
        return now_ns - self._powered_ns.get(device, 0)
