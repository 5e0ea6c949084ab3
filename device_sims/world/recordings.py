"""Clicks that a time tagger records one by one: those that the receivers' own counters count, at the tagger's inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hil.bench.model import ReceiverDevice, TimeTaggerDevice
from hil.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import Bench

    from .world import World

    Events = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]
    Steps = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

__all__ = ["Recordings", "inputs_of"]


def inputs_of(bench: Bench, device: str) -> tuple[str, ...]:
    """The detector at each input of a time tagger, as ``receiver.detector``: its own where it is a receiver itself."""
    declared = bench.device.get(device)
    if isinstance(declared, TimeTaggerDevice):
        return declared.inputs
    if isinstance(declared, ReceiverDevice):
        return tuple(f"{device}.{name}" for name in declared.detectors)
    raise UsageError(f"{device}: not a time-tagger of bench {bench.bench.name!r}")


def _nothing() -> Events:
    return np.empty(0, dtype=np.float64), np.empty(0, dtype=np.int64)


@dataclass
class _Recording:
    """When it began, the first pulse of each receiver in it, and what is known only of some receivers yet."""

    began_ns: int
    first: dict[str, int]
    pending: Events = field(default_factory=_nothing)


class Recordings:
    """Part of a :class:`~.world.World`: one recording a device, which goes on until it is ended or its time is over.

    While it goes on the receivers' clicks are sampled, for it and for their counters: it holds just what they gain.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._running: dict[str, _Recording] = {}

    def begin(self, device: str, now_ns: int, end_ns: int | None = None) -> None:
        """Record from now on; what an earlier recording still held is dropped."""
        self.end(device, now_ns)
        receivers = {name.partition(".")[0]: 0 for name in self._inputs(device)}
        first = {receiver: self._world.listen(receiver, device, now_ns, end_ns) for receiver in receivers}
        self._running[device] = _Recording(now_ns, first)

    def take(self, device: str, now_ns: int, *, last: bool = False) -> Events:
        """Clicks since the last call: seconds since the recording began, ascending, and the input of each (from 0).

        As far as no other can come before them any more; all there are once its time is over, or with ``last``, which ends it.
        Light of two receivers is taken to have travelled equally long, as in :meth:`~.beside.Beside.coincidences`.
        """
        recording = self._running.get(device)
        if recording is None:
            return _nothing()
        parts, reached_s = [recording.pending], np.inf
        for receiver in recording.first:
            found, until_s = self._heard(device, recording, receiver, now_ns, last=last)
            parts.append(found)
            reached_s = min(reached_s, until_s)
        times_s = np.concatenate([times for times, _ in parts])
        numbers = np.concatenate([inputs for _, inputs in parts])
        order = np.argsort(times_s, kind="stable")
        certain = times_s.size if last else int(np.searchsorted(times_s[order], reached_s))
        recording.pending = times_s[order[certain:]], numbers[order[certain:]]
        if last:
            del self._running[device]
        return times_s[order[:certain]], numbers[order[:certain]]

    def take_ticks(self, device: str, now_ns: int, *, last: bool = False) -> Steps:
        """The same of a receiver that tells times, in ticks of its own clock since the recording began, by its detectors."""
        recording = self._running.get(device)
        if recording is None:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        clicks, _ = self._world.heard(device, device, now_ns, last=last)
        if last:
            del self._running[device]
        ticks, numbers = self._world.clock_ticks(device, clicks)
        first = self._world.clock_tick(device, recording.began_ns) or 0
        return ticks - first, numbers

    def end(self, device: str, now_ns: int) -> None:
        """No more of it; a device that records nothing does not mind."""
        recording = self._running.pop(device, None)
        for receiver in () if recording is None else recording.first:
            self._world.heard(receiver, device, now_ns, last=True)

    def forget(self) -> None:
        """The world begins anew."""
        self._running.clear()

    def _heard(self, device: str, recording: _Recording, receiver: str, now_ns: int, *, last: bool) -> tuple[Events, float]:
        """Clicks of one receiver at every input that it feeds, and up to when they are known."""
        scene = self._world.scene(receiver)
        clicks, reach = self._world.heard(receiver, device, now_ns, last=last)
        first, rate_hz = recording.first[receiver], scene.pulses.rate_hz
        # clicks are timed from the first pulse of the recording, which comes a part of a period after its beginning
        offset_s = float(Fraction(first) / scene.pulses.exact_rate_hz - Fraction(recording.began_ns, 1_000_000_000))
        times_s = (clicks.index - first + (clicks.phases / 65536.0 - 0.5)) / rate_hz + offset_s
        parts = [_nothing()]
        for number, name in enumerate(self._inputs(device)):
            source, _, detector = name.partition(".")
            if source == receiver:
                own = times_s[clicks.detector == scene.receiver.device.detectors.index(detector)]
                parts.append((own, np.full(own.size, number, dtype=np.int64)))
        events = np.concatenate([times for times, _ in parts]), np.concatenate([inputs for _, inputs in parts])
        return events, (reach - first - 0.5) / rate_hz + offset_s

    def _inputs(self, device: str) -> tuple[str, ...]:
        return inputs_of(self._world.bench, device)
