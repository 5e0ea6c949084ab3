"""The real devices of one bench, as a guardian sees them: nothing is open until they have to be made safe.

Then light and bias go first, on all devices at once; undos are carried out in the dark, last in, first out; and at last every
device is parked, whatever its undo did. Each device has a thread of its own, so that one that hangs keeps no other waiting.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from hil.bench.model import (
    KmeDevice,
    RecordingDevice,
)
from hil.bench.queries import envelope_of
from hil.clock import SystemClock
from hil.discovery import find
from hil.errors import HilError
from hil.ports.ramp import ramp_s
from hil.ports.spec import DeviceSettings
from hil.testbed import actuators
from hil.testbed.guard import safe
from hil.testbed.guard.hands import Hand, wait_for
from hil.testbed.interlock import Interlock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hil.bench.model import Bench
    from hil.ports.spec import Undo
    from hil.testbed.guard.hands import Task
    from hil.testbed.guard.journal import Held

__all__ = ["Outcome", "Ward", "guarded"]

logger = logging.getLogger("hil.guardian")

PATIENCE_S = 5.0
"""The connection of a holder that just died may take a moment to go."""
_PAUSE_S = 0.25
_DARK_WITHIN_S = 1.0
"""How long undos wait for all the light to be off; they go on then, and the interlock judges."""


def guarded(bench: Bench, simulated: Collection[str]) -> dict[str, str]:
    """Addresses of the real devices of a bench that can be left in a bad state, by name."""
    return {
        name: device.address
        for name, device in bench.device.items()
        if name not in simulated and not isinstance(device, KmeDevice | RecordingDevice) and device.address
    }


@dataclass
class Outcome:
    """What became of making a bench safe: in words what was healed, and the troubles by device."""

    healed: list[str] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)


class Ward:
    """Devices of one bench that can be healed and parked; each is tried again for ``patience_s`` seconds."""

    def __init__(self, bench: Bench, devices: Iterable[str], *, patience_s: float = PATIENCE_S) -> None:
        self._bench = bench
        self._clock = SystemClock()
        self._patience_s = patience_s
        self._until_ns = 0
        self._reached: dict[str, Any] = {}
        self._interlock = Interlock(bench, self._reached)
        self._drivers = {name: self._build(name) for name in safe.in_order(bench, devices)}

    def __contains__(self, device: str) -> bool:
        return device in self._drivers

    def make_safe(self, held: Iterable[Held]) -> Outcome:
        """Dark, healed, parked, and let go again; nothing is raised."""
        self._until_ns = self._clock.now_ns() + round(self._patience_s * 1e9)
        undos = [undo for each in reversed(list(held)) for undo in reversed(each.undos)]
        hands = {name: Hand(name) for name in self._drivers}
        outcome = Outcome()
        try:
            first = safe.first(self._bench, hands)
            for name in (name for name in hands if name not in first):
                hands[name].do(partial(self._reach, name))
            dark = [hands[name].do(partial(self._park, name)) for name in first]
            wait_for(dark, _DARK_WITHIN_S)
            healing = [(undo, hands[undo.device].do(partial(self._carry_out, undo))) for undo in undos]
            parking = {name: hands[name].do(partial(self._park, name)) for name in hands}
            until_s = time.monotonic() + safe.DEVICE_TIMEOUT_S
            for undo, task in healing:
                otherwise = f"should have {undo.setting} {undo.value}"
                self._settle(outcome, undo.device, task, until_s + self._ramp_s(undo), otherwise)
            for name, parked in parking.items():
                ramps_s = sum(self._ramp_s(undo) for undo in undos if undo.device == name)
                self._settle(outcome, name, parked, until_s + ramps_s, "was not parked")
            closing = [hand.do(partial(self._let_go, name)) for name, hand in hands.items()]
            wait_for(closing, _PAUSE_S)
        finally:
            for hand in hands.values():
                hand.close()
        return outcome

    def _settle(self, outcome: Outcome, name: str, task: Task[str], until_s: float, otherwise: str) -> None:
        """Wait for it, a device's time box at most, and keep what became of it."""
        wait_for([task], until_s - time.monotonic())
        if not task.done.is_set():
            trouble = f"{otherwise}: it does not come back within {safe.DEVICE_TIMEOUT_S:g} s"
        elif task.error is not None:
            trouble = f"{otherwise}: {task.error}"
        else:
            if task.result:
                outcome.healed.append(task.result)
            return
        logger.error("NOT safe: %s %s; see to it by hand", name, trouble)
        outcome.troubles.append((name, trouble))

    def _park(self, name: str) -> str:
        self._insist(name, lambda device: device.park())
        logger.info("parked: %s", name)
        return ""

    def _ramp_s(self, undo: Undo) -> float:
        """How long its setter may take at most, where the bench file says that it has to go slowly."""
        slew_k_per_min = getattr(self._bench.device[undo.device], "slew_k_per_min", 0.0)
        if undo.setting != "setpoint_c" or not slew_k_per_min:
            return 0.0
        lowest_c, highest_c = self._drivers[undo.device].capabilities.ranges["setpoint_c"]
        return ramp_s(lowest_c, highest_c, slew_k_per_min)

    def _carry_out(self, undo: Undo) -> str:
        logger.info("healing: %s goes to %s %s", undo.device, undo.setting, undo.value)
        found = self._insist(undo.device, lambda device: actuators.carry_out(device, undo))
        logger.info("healed: %s", found)
        return str(found)

    def _insist(self, name: str, do: Any) -> Any:
        """Do it with the open device, again and again while there is time."""
        while True:
            try:
                return do(self._reach(name))
            except (HilError, OSError) as error:
                logger.warning("%s: %s", name, error)
                self._let_go(name)
                if self._clock.now_ns() >= self._until_ns:
                    raise
            self._clock.sleep(_PAUSE_S)

    def _reach(self, name: str) -> Any:
        if name not in self._reached:
            self._drivers[name].open()
            self._reached[name] = self._drivers[name]
        return self._drivers[name]

    def _let_go(self, name: str) -> None:
        self._reached.pop(name, None)
        with suppress(HilError, OSError):
            self._drivers[name].close()

    def _build(self, name: str) -> Any:
        declared: Any = self._bench.device[name]
        settings = DeviceSettings(
            name=name,
            resource=declared.address,
            data_resource=declared.data_address,
            clock=self._clock,
            envelope=envelope_of(declared),
            declared=declared,
            before_move=partial(self._interlock.check, name),
        )
        return find("driver", declared.driver).build(settings)
