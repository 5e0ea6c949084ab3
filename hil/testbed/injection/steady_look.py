"""Looks at a link over a short stretch of time: how its actuators stand, and what its counters and meters tell."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hil.errors import MissingCapabilityError
from hil.ports.spec import Undo
from hil.testbed import actuators
from hil.testbed.guard.steady import SHARE, TOLERANCE_K, Steady

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.testbed.link import Link

__all__ = ["LOOK_S", "SteadyLook"]

LOOK_S = 0.25
"""How long the look before a fault takes: 1,000 clicks a second give 6 % in it."""
_CLAIMED_S = 1.0
"""A black box tells of its last whole second."""


@dataclass
class _Reading:
    counts: dict[str, tuple[float, float]] = field(default_factory=dict)
    powers_w: dict[str, float] = field(default_factory=dict)
    temperatures_c: dict[str, float] = field(default_factory=dict)
    regulated: bool = True
    """Whether every stage that is regulated is where it is regulated to."""


class SteadyLook:
    """Of one link: :meth:`begin`, then, a while later, :meth:`end`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._first = _Reading()

    def begin(self) -> None:
        """The stretch begins."""
        self._first = self._read()

    def end(self, *, settled: bool = False) -> Steady:
        """How the link stood over the stretch; counts of a link that is dark are left out.

        ``settled``: what moved meanwhile is left out too, as nothing could be compared with it later.
        """
        link, first, last = self._link, self._first, self._read()
        powers_w, temperatures_c = last.powers_w, last.temperatures_c
        if settled:
            powers_w = {name: power_w for name, power_w in powers_w.items() if _agree(first.powers_w.get(name), power_w)}
            temperatures_c = temperatures_c if first.regulated and last.regulated else {}
        return Steady(
            link=link.name,
            at=time.time(),
            devices=link.device_names,
            stood=tuple(self._stood()),
            clicks=_clicks(first, last) if self.lit else {},
            powers_w=powers_w,
            temperatures_c=temperatures_c,
        )

    def _devices(self) -> Iterator[tuple[str, Any]]:
        for name in self._link.device_names:
            yield name, self._link.testbed.devices[name]

    def _stood(self) -> Iterator[Undo]:
        for name, device in self._devices():
            for setting in sorted(actuators.SETTINGS):
                with suppress(MissingCapabilityError):  # not of its role, or not of its model
                    yield Undo(name, setting, actuators.read(device, setting))

    @property
    def lit(self) -> bool:
        """Whether there is light, and bias; a black box need not show either."""
        for device, word in ((self._link.emitter, "emitting"), *((each, "biased") for each in self._link.receivers)):
            with suppress(MissingCapabilityError):
                if not actuators.read(device, word):
                    return False
        return True

    def _read(self) -> _Reading:
        reading = _Reading()
        for receiver in self._link.receivers:
            reading.counts |= _counts(self._link, receiver)
        for name, device in self._devices():
            with suppress(MissingCapabilityError):
                if hasattr(device, "power_w"):
                    reading.powers_w[name] = float(device.power_w())
            for temperature in ("temperature_c", "stage_temperature_c"):
                with suppress(MissingCapabilityError):
                    reading.temperatures_c[f"{name} {temperature.removesuffix('_c')}"] = actuators.read(device, temperature)
            with suppress(MissingCapabilityError):
                off_k = actuators.read(device, "setpoint_c") - actuators.read(device, "temperature_c")
                reading.regulated = reading.regulated and abs(off_k) <= TOLERANCE_K
        return reading


def _agree(was_w: float | None, is_w: float) -> bool:
    return was_w is not None and abs(is_w - was_w) <= SHARE / 2.0 * was_w


def _counts(link: Link, receiver: Any) -> dict[str, tuple[float, float]]:
    """Clicks and live seconds since power-up, by detector; of a black box what it claims of one second."""
    try:
        counters = receiver.counters()
    except MissingCapabilityError:
        with suppress(MissingCapabilityError):
            return {receiver.name: (float(receiver.telemetry()["counts_hz"]) * _CLAIMED_S, _CLAIMED_S)}
        return {}
    live_s = counters.live_s
    return {name: (float(count), live_s) for name, count in zip(link.detector_names(receiver), counters.counts, strict=True)}


def _clicks(first: _Reading, last: _Reading) -> dict[str, tuple[float, float]]:
    found = {}
    for name, (count, live_s) in last.counts.items():
        was, was_s = first.counts.get(name, (0.0, 0.0))
        claimed = live_s == was_s == _CLAIMED_S
        found[name] = (count, live_s) if claimed else (count - was, live_s - was_s)
    # a device that restarted counts from nothing again
    return {name: (clicks, live_s) for name, (clicks, live_s) in found.items() if live_s > 0.0 and clicks >= 0.0}
