"""The guardian's own process: ``python -m hil.testbed.guarding``, started by :class:`hil.testbed.guardian.Guardian`.

Lines of JSON come in (the bench and its holder first, then what to hold and to release) and are confirmed. When the pipe ends,
or the holder's process does (a child of it may keep the pipe open), every undo it still holds is carried out, last in, first
out, and it ends.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from hil.bench.model import Bench
from hil.bench.queries import envelope_of
from hil.clock import SystemClock
from hil.discovery import find
from hil.errors import HilError
from hil.ports.spec import DeviceSettings, Undo
from hil.testbed import actuators
from hil.testbed.interlock import Interlock

__all__ = ["Ward", "main"]

logger = logging.getLogger("hil.guardian")

_ATTEMPTS = 20
_PAUSE_S = 0.25
"""The holder's connection to a device may take a moment to go."""


class Ward:
    """Devices of one bench that the guardian could heal, and what it holds for them."""

    def __init__(self, bench: Bench, devices: list[str]) -> None:
        self._clock = SystemClock()
        self._reached: dict[str, Any] = {}
        self._interlock = Interlock(bench, self._reached)
        self._drivers = {name: self._build(name, bench) for name in devices}
        self._opened: set[str] = set()
        self._held: dict[int, list[Undo]] = {}

    def hold(self, number: int, undos: list[Undo]) -> None:
        """Keep the undos of one fault; KeyError for a device it cannot heal."""
        for undo in undos:
            if undo.device not in self._drivers:
                raise KeyError(undo.device)
        self._held[number] = undos

    def release(self, number: int) -> None:
        """Forget one fault."""
        self._held.pop(number, None)

    def heal(self) -> bool:
        """Carry out everything that is held, the last fault first; whether all of it is healed."""
        healed = True
        for undos in reversed(list(self._held.values())):
            for undo in reversed(undos):
                healed = self._carry_out(undo) and healed
        self._held.clear()
        for name in self._opened:
            with suppress(HilError, OSError):
                self._drivers[name].close()
        return healed

    def _carry_out(self, undo: Undo) -> bool:
        device = self._drivers[undo.device]
        for attempt in range(_ATTEMPTS):
            try:
                if undo.device not in self._opened:
                    device.open()
                    self._opened.add(undo.device)
                    self._reached[undo.device] = device
                logger.info("healed: %s", actuators.carry_out(device, undo))
            except (HilError, OSError) as error:
                logger.warning("%s, attempt %d: %s", undo.device, attempt + 1, error)
                with suppress(HilError, OSError):
                    device.close()
                self._opened.discard(undo.device)
                self._clock.sleep(_PAUSE_S)
            else:
                return True
        logger.error("NOT healed: %s should have %s %s; see to it by hand", undo.device, undo.setting, undo.value)
        return False

    def _build(self, name: str, bench: Bench) -> Any:
        declared: Any = bench.device[name]
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


def main() -> int:
    """Guard until the holder is gone; 0 when nothing was left to heal or all of it was healed."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # whoever ends the holder must not end the guardian
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    first = sys.stdin.buffer.readline()
    if not first:
        return 0
    hello = msgspec.json.decode(first)
    ward = Ward(msgspec.convert(hello["bench"], Bench), hello["devices"])
    _preload()
    _answer({"ready": os.getpid()})
    inbox: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_hear, args=(inbox,), daemon=True).start()
    threading.Thread(target=_watch, args=(int(hello["holder"]), inbox), daemon=True).start()
    while (line := inbox.get()) is not None:
        _answer(_obey(ward, msgspec.json.decode(line)))
    return 0 if ward.heal() else 1


def _obey(ward: Ward, words: dict[str, Any]) -> dict[str, Any]:
    if "release" in words:
        ward.release(words["release"])
        return {"released": words["release"]}
    try:
        ward.hold(words["hold"], [Undo(**each) for each in words["undos"]])
    except KeyError as error:
        return {"error": f"it does not guard {error.args[0]}"}
    return {"held": words["hold"]}


def _answer(words: dict[str, Any]) -> None:
    with suppress(OSError):  # the holder is gone, which the pipe will say
        sys.stdout.buffer.write(msgspec.json.encode(words) + b"\n")
        sys.stdout.buffer.flush()


def _hear(inbox: queue.Queue[bytes | None]) -> None:
    for line in sys.stdin.buffer:
        inbox.put(line)
    inbox.put(None)


def _watch(holder: int, inbox: queue.Queue[bytes | None]) -> None:
    """Say when the holder's process ends, on systems that tell."""
    with suppress(AttributeError, OSError):
        handle = os.pidfd_open(holder)  # type: ignore[attr-defined,unused-ignore]
        select.select([handle], [], [])
        inbox.put(None)


def _preload() -> None:
    """Import what opening a device would import, while there is time."""
    with suppress(ImportError):
        import pyvisa

        pyvisa.ResourceManager("@py").close()


if __name__ == "__main__":
    sys.exit(main())
