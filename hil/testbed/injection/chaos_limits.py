"""How often and how fast faults may move a device, as its table of the bench file says.

What a real device went through is kept on this machine, by its address, so that the next run knows of it.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from hil.errors import ChaosLimitError
from hil.testbed.guard.shared_file import SharedFile, shared_path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from hil.bench.model import Device
    from hil.testbed.injection.trajectory import Leg

__all__ = ["ChaosLimits"]

_HOUR_S = 3600.0
_WINDOW_S = 1.0
_ROUNDING = 1e-9


class _Past(msgspec.Struct):
    """When faults began to move a device, within the last hour, and when the last one was healed; in seconds of one clock."""

    begun_s: list[float] = msgspec.field(default_factory=list)
    healed_s: float | None = None


@dataclass
class _Book:
    """What one device went through: of a twin in bench time, of hardware in Unix time and on the disk."""

    now_s: Callable[[], float]
    path: Path | None = None
    past: _Past = field(default_factory=_Past)

    def read(self) -> _Past:
        if self.path is not None:
            with SharedFile(self.path) as file:
                text = file.read().strip()
            self.past = msgspec.json.decode(text, type=_Past) if text else _Past()
        begun = [begun_s for begun_s in self.past.begun_s if begun_s > self.now_s() - _HOUR_S]
        self.past = _Past(begun, self.past.healed_s)
        return self.past

    def write(self) -> None:
        if self.path is not None:
            with SharedFile(self.path) as file:
                file.overwrite(msgspec.json.encode(self.past))


class ChaosLimits:
    """Of the devices of one bench. ``real`` are those that are hardware, ``bench_s`` tells bench time in seconds."""

    def __init__(
        self, devices: Mapping[str, Device], real: Collection[str], bench_s: Callable[[], float], folder: Path
    ) -> None:
        self._devices = devices
        self._books = {
            name: _Book(time.time, shared_path(folder, device.address, "chaos")) if name in real else _Book(bench_s)
            for name, device in devices.items()
            if device.chaos_per_hour is not None or device.chaos_cool_down_s
        }

    def check(self, fault: str, way: Sequence[Leg], *, cooled: bool = True) -> None:
        """ChaosLimitError for a fault that would move a device too fast, too often, or (``cooled``) too soon."""
        self._check_slew(fault, way)
        for name in dict.fromkeys(leg.device for leg in way if leg.device in self._books):
            declared, book = self._devices[name], self._books[name]
            past, now_s = book.read(), book.now_s()
            most = declared.chaos_per_hour
            if most is not None and len(past.begun_s) >= most:
                wait_s = past.begun_s[len(past.begun_s) - most] + _HOUR_S - now_s
                raise ChaosLimitError(
                    f"{fault}: {name} was moved by {len(past.begun_s)} faults within an hour, and its table allows"
                    f" chaos_per_hour = {most}; nothing was moved. It may be moved again in {wait_s:.0f} s"
                )
            ready_s = self._ready_in_s(name)
            if cooled and ready_s > _ROUNDING:
                raise ChaosLimitError(
                    f"{fault}: {name} cools down for {declared.chaos_cool_down_s:g} s (chaos_cool_down) after each fault;"
                    f" nothing was moved. It may be moved again in {ready_s:.3g} s"
                )

    def ready_in_s(self, devices: Collection[str]) -> float:
        """How long until all of these have cooled down."""
        return max((self._ready_in_s(name) for name in devices if name in self._books), default=0.0)

    def begin(self, devices: Collection[str]) -> None:
        """A fault moves these from now on."""
        for book in self._of(devices):
            past = book.read()
            past.begun_s.append(book.now_s())
            book.write()

    def end(self, devices: Collection[str]) -> None:
        """The fault that moved these was healed."""
        for book in self._of(devices):
            book.read().healed_s = book.now_s()
            book.write()

    def forget(self) -> None:
        """Twins begin anew, as their world does at each test."""
        for book in self._books.values():
            if book.path is None:
                book.past = _Past()

    def _ready_in_s(self, name: str) -> float:
        book = self._books[name]
        past = book.read()
        since_s = book.now_s() - past.healed_s if past.healed_s is not None else math.inf
        return max(self._devices[name].chaos_cool_down_s - since_s, 0.0)

    def _of(self, devices: Collection[str]) -> list[_Book]:
        return [self._books[name] for name in dict.fromkeys(devices) if name in self._books]

    def _check_slew(self, fault: str, way: Sequence[Leg]) -> None:
        recent: dict[tuple[str, str], deque[Leg]] = {}
        for leg in way:
            most = getattr(self._devices.get(leg.device), "chaos_slew", {}).get(leg.setting)
            if most is None:
                continue
            window = recent.setdefault((leg.device, leg.setting), deque())
            window.append(leg)
            while window[0].time_s <= leg.time_s - _WINDOW_S + _ROUNDING:
                window.popleft()
            moved = sum(abs(one.after - one.before) for one in window)
            if moved > most * (1.0 + _ROUNDING):
                raise ChaosLimitError(
                    f"{fault}: would change {leg.setting} of {leg.device} by {moved:g} within a second, and its chaos_slew"
                    f" allows {most:g}; nothing was moved. A waveform such as 'ramp {_gently(way, leg, most)} s' is slow enough"
                )


def _gently(way: Sequence[Leg], leg: Leg, most: float) -> str:
    """Seconds that a ramp of twenty steps would take, with room for a step at either end of a second."""
    reach = max(abs(other.after - way[0].before) for other in way if other.setting == leg.setting)
    return f"{1.2 * reach / most + 1.0:.2g}"
