"""Devices of a link that restart by themselves: noticed by their own clocks, waited for, and brought back to their work."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hil.errors import DeviceError, HilError

if TYPE_CHECKING:
    from hil.testbed.link import Link
    from hil.testbed.steps import Steps

__all__ = ["Restarts", "came_back"]

_LOOK_S = 0.25
_DRIFT = 1e-3
_READING_NS = 1_000_000
"""A device's clock may be off by a thousandth, and reading it may take a millisecond of its time."""


class Restarts:
    """Of one link's emitter and receivers, since it was brought up."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._seen: dict[str, tuple[int, int]] = {}

    def note(self) -> None:
        """As they run now is how they should go on."""
        for device in self._devices():
            with suppress(HilError):
                self._seen[device.name] = self._now_ns(), device.device_time_ns()

    def found(self) -> tuple[str, ...]:
        """Names of those whose clocks stand at less than they should; one that does not answer is none of them."""
        found = []
        for device in self._devices():
            if device.name in self._seen:
                then_ns, told_ns = self._seen[device.name]
                with suppress(HilError):
                    due_ns = told_ns + (self._now_ns() - then_ns) * (1.0 - _DRIFT) - _READING_NS
                    if device.device_time_ns() < due_ns:
                        found.append(device.name)
        return tuple(found)

    def _devices(self) -> list[Any]:
        link = self._link
        return [device for device in (link.emitter, *link.receivers) if hasattr(device, "device_time_ns")]

    def _now_ns(self) -> int:
        return self._link.testbed.clock.now_ns()


def came_back(link: Link, error: DeviceError) -> Steps[None]:
    """Wait until the device in trouble answers again; raises ``error`` where it does not in the time it takes to boot."""
    device: Any = link.testbed.devices.get(error.device)
    if not hasattr(device, "device_time_ns"):
        raise error
    until_s = link.testbed.now_s() + device.capabilities.boot_s
    while True:
        try:
            device.device_time_ns()
        except DeviceError:
            if link.testbed.now_s() >= until_s:
                raise error from None
            yield _LOOK_S
        else:
            return
