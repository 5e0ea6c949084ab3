"""What stands beside the paths: laser drivers, control units of detectors, time taggers, power outlets."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from hil.bench.model import DetectorDevice, LaserDevice, PowerOutletDevice, TimeTaggerDevice
from hil.errors import UsageError

from .parameters import BREAKDOWN
from .recordings import Recordings, inputs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from .world import World

__all__ = ["Beside"]

D = TypeVar("D")


class Beside:
    """Part of a :class:`~.world.World`: its devices that are in no path.

    At time zero lasers do not lase and stand at their operating points, detectors with a control unit have no bias, and every
    outlet is on.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._power_watchers: list[Callable[[str, bool], None]] = []
        self.recordings = Recordings(world)

    # --- laser drivers ------------------------------------------------------------------------------------------------

    def lasing(self, device: str) -> bool:
        self._declared(device, LaserDevice)
        return bool(self._world.standing(device, "lasing"))

    def set_lasing(self, device: str, now_ns: int, *, lasing: bool) -> None:
        """The light of the source that it drives goes with it."""
        self._declared(device, LaserDevice)
        self._world.change(device, "lasing", lasing, now_ns)

    def current_a(self, device: str) -> float:
        """The set current; what flows is zero while the laser is off."""
        self._declared(device, LaserDevice)
        return self._world.standing(device, "current_a")

    def set_current_a(self, device: str, current_a: float, now_ns: int) -> None:
        self._declared(device, LaserDevice)
        self._world.change(device, "current_a", current_a, now_ns)

    # --- control units of detectors -----------------------------------------------------------------------------------

    def biased(self, device: str) -> bool:
        self._declared(device, DetectorDevice)
        return bool(self._world.standing(device, "biased"))

    def set_biased(self, device: str, now_ns: int, *, biased: bool) -> None:
        """A detector clicks while its receiver and its own control unit give it its bias."""
        self._declared(device, DetectorDevice)
        self._world.change(device, "biased", biased, now_ns)

    def set_bias_v(self, device: str, bias_v: float, now_ns: int) -> None:
        """Its bias in volts; below breakdown the detector does not click."""
        declared = self._declared(device, DetectorDevice)
        biased = bias_v >= BREAKDOWN * declared.bias_v
        for setting, value in (("bias_v", bias_v), ("biased", float(biased))):
            if value != self._world.standing(device, setting):
                self._world.change(device, setting, value, now_ns)

    def cool(self, device: str, cooled_c: float, now_ns: int) -> None:
        """At what temperature the unit holds its detector; it is there at once."""
        self._declared(device, DetectorDevice)
        if cooled_c != self._world.standing(device, "setpoint_c"):
            self._world.change(device, "setpoint_c", cooled_c, now_ns)

    def clicks(self, device: str, now_ns: int) -> int:
        """Clicks of the unit's detector since power-up."""
        declared = self._declared(device, DetectorDevice)
        return self._count(f"{declared.of}.{declared.channel}", now_ns)

    # --- time taggers -------------------------------------------------------------------------------------------------

    def singles(self, device: str, now_ns: int) -> tuple[int, ...]:
        """Clicks at each input since power-up."""
        return tuple(self._count(name, now_ns) for name in inputs_of(self._world.bench, device))

    def coincidences(
        self,
        device: str,
        pairs: Sequence[tuple[int, int]],
        from_ns: int,
        to_ns: int,
        *,
        window_s: float | None = None,
        delay_s: float = 0.0,
    ) -> tuple[int, ...]:
        """Of each two inputs (from 0), clicks of the one with a click of the other within half the window, sampled.

        ``window_s`` is its full width where the instrument has its own setting, ``delay_s`` how much later the first input is
        taken. Pulses of two receivers are compared as if their light had travelled equally long, as coincidence electronics
        are set.
        """
        inputs, used = inputs_of(self._world.bench, device), sorted({number for pair in pairs for number in pair})
        times = {number: self._times_s(inputs[number], from_ns, to_ns) for number in used}
        if window_s is None:
            window_s = self._declared(device, TimeTaggerDevice).window_s
        half_s = window_s / 2.0
        return tuple(_within(times[first] + delay_s, times[second], half_s) for first, second in pairs)

    def events(self, device: str, from_ns: int, to_ns: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Clicks at all inputs, in the order of their times: seconds of world time, and the input of each (from 0), sampled."""
        inputs = inputs_of(self._world.bench, device)
        each = [self._times_s(name, from_ns, to_ns) + self._begin_s(name, from_ns) for name in inputs]
        times_s = np.concatenate([np.empty(0), *each])
        numbers = np.repeat(np.arange(len(inputs)), [len(times) for times in each])
        order = np.argsort(times_s, kind="stable")
        return times_s[order], numbers[order]

    # --- power --------------------------------------------------------------------------------------------------------

    def powered(self, device: str) -> bool:
        """Whether an outlet is on."""
        self._declared(device, PowerOutletDevice)
        return bool(self._world.standing(device, "powered"))

    def set_powered(self, device: str, now_ns: int, *, powered: bool) -> None:
        """Devices it feeds lose their power, or come up as after power-up."""
        declared = self._declared(device, PowerOutletDevice)
        if self.powered(device) is powered:
            return
        self._world.change(device, "powered", powered, now_ns)
        for fed in declared.feeds:
            if not powered:
                self._world.darken(fed, now_ns)
            for watch in self._power_watchers:
                watch(fed, self.has_power(fed))

    def has_power(self, device: str) -> bool:
        """Whether every outlet that feeds this device is on."""
        outlets = {name: each for name, each in self._world.bench.device.items() if isinstance(each, PowerOutletDevice)}
        return all(self.powered(name) for name, each in outlets.items() if device in each.feeds)

    def watch_power(self, watch: Callable[[str, bool], None]) -> None:
        """Have ``watch`` called with a device's name and whether it has power, whenever that changes."""
        self._power_watchers.append(watch)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _count(self, detector: str, now_ns: int) -> int:
        receiver, _, name = detector.partition(".")
        return int(self._world.counters(receiver, now_ns).counts[self._number(receiver, name)])

    def _begin_s(self, detector: str, from_ns: int) -> float:
        """World time of the pulse that times of clicks from then on are counted from."""
        pulses = self._world.scene(detector.partition(".")[0]).pulses
        return pulses.index_at(from_ns) / pulses.rate_hz

    def _times_s(self, detector: str, from_ns: int, to_ns: int) -> npt.NDArray[np.float64]:
        """When the detector clicked, in seconds from the beginning."""
        receiver, _, name = detector.partition(".")
        number, pulses = self._number(receiver, name), self._world.scene(receiver).pulses
        first, parts = pulses.index_at(from_ns), [np.empty(0)]
        for clicks in self._world.stream_clicks(receiver, from_ns, to_ns):
            own = clicks.detector == number
            phase = 0.0 if clicks.phase is None else clicks.phase[own] / 65536.0 - 0.5
            parts.append((clicks.index[own] - first + phase) / pulses.rate_hz)
        return np.sort(np.concatenate(parts))

    def _number(self, receiver: str, detector: str) -> int:
        return int(self._world.scene(receiver).receiver.device.detectors.index(detector))

    def _declared(self, name: str, cls: type[D]) -> D:
        device = self._world.bench.device.get(name)
        if isinstance(device, cls):
            return device
        role = str(cls.__struct_config__.tag)  # type: ignore[attr-defined]
        raise UsageError(f"{name}: not a {role} of bench {self._world.bench.bench.name!r}")


def _within(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], half_s: float) -> int:
    """How many of ``first`` have one of ``second`` so near; both ascending."""
    after = np.searchsorted(second, first - half_s, side="left")
    return int(np.count_nonzero(after < np.searchsorted(second, first + half_s, side="right")))
