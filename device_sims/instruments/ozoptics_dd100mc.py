r"""Simulated OZ Optics DD-100-MC variable optical attenuator (serial 9600).

A command ends with ``\r``; lines of the answer with ``\r\n``, the last two being ``Done`` and an empty one. ``A12.00`` moves,
``D`` displays position and attenuation, ``H`` homes, ``CD`` displays the configuration. The light follows a move at once, the
answer comes when the motor stands. How the device words its configuration, and refusals, is not known; here a refusal is
a line ``Error`` in place of the position.

The motor counts 100 steps a decibel, so that its position carries all that a command says. Home is the position of least
attenuation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.bench.model import AttenuatorDevice
from hil.device_sims.spec import Endpoint, Reply, TwinSpec

from ._lines import LineBuffer
from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "OzOpticsDd100McSession"]

FIRMWARE = "1.8"

_LEAST_DB, _MOST_DB = 0.0, 60.0
_STEPS_PER_DB = 100
_STEPS_PER_S = 12_000
_MOVE = re.compile(r"A(\d{1,3}(?:\.\d{0,4})?)")


class OzOpticsDd100McSession:
    """The serial line of one attenuator."""

    def __init__(self, world: World, device: str) -> None:
        self._world = world
        self._device = device
        self._serial = serial_number(world, device, "DD")
        self._buffer = LineBuffer(b"\r", longest=80)

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every command that is complete; an empty one has no answer."""
        commands = (None if line is None else line.strip(b"\n ") for line in self._buffer.lines(data))
        return [self._answer(command, now_ns) for command in commands if command != b""]

    def _answer(self, command: bytes | None, now_ns: int) -> Reply:
        text = "" if command is None else command.decode("ascii", errors="replace")
        if text == "D":
            steps = self._steps(now_ns)
            return _lines(f"DPos:{steps}", f"ATTEN:{steps / _STEPS_PER_DB:.2f}")
        if text == "CD":
            return _lines("OZ Optics DD-100-MC", f"S/N: {self._serial}", f"Firmware: {FIRMWARE}", "Baud: 9600")
        if text == "H":
            return self._moved(_LEAST_DB, now_ns)
        if match := _MOVE.fullmatch(text):
            attenuation_db = float(match[1])
            if _LEAST_DB <= attenuation_db <= _MOST_DB:
                return self._moved(attenuation_db, now_ns)
        return _lines("Error")

    def _moved(self, attenuation_db: float, now_ns: int) -> Reply:
        before = self._steps(now_ns)
        steps = round(attenuation_db * _STEPS_PER_DB)
        self._world.set_attenuation_db(self._device, steps / _STEPS_PER_DB, now_ns)
        return _lines(f"Pos:{steps}", delay_s=abs(steps - before) / _STEPS_PER_S)

    def _steps(self, now_ns: int) -> int:
        return round(self._world.attenuation_db(self._device, now_ns) * _STEPS_PER_DB)


def _lines(*lines: str, delay_s: float = 0.0) -> Reply:
    return Reply("".join(f"{line}\r\n" for line in (*lines, "Done", "")).encode("ascii"), delay_s)


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, AttenuatorDevice)
    return (Endpoint("control", "pty", lambda: OzOpticsDd100McSession(world, device), baud_rate=9600),)


SPEC = TwinSpec(
    name="ozoptics-dd100mc",
    roles=("attenuator",),
    title="OZ Optics DD-100-MC variable optical attenuator (serial)",
    build=_build,
)
