r"""Simulated DiCon MEMS 1x8 fibre-optic switch module (serial 115200).

A command ends with ``\r``; an answer is a newline, the text, and ``\r\n``. ``CF?`` tells what it is and how many
channels, ``I1 3`` goes to channel 3, ``I1?`` tells it, ``PK`` (and ``I1 0``) parks: no light passes. Settings have no
answer, and neither has what it does not know, as far as open drivers show.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.bench.model import SwitchDevice
from hil.device_sims.spec import Endpoint, Reply, TwinSpec

from ._lines import LineBuffer
from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "DiconMemsSession"]

FIRMWARE = "2.04"
_CHANNELS, _PARKED = 8, 0
_SELECT = re.compile(r"I1\s*(\d{1,3})")


class DiconMemsSession:
    """The serial line of one switch."""

    def __init__(self, world: World, device: str) -> None:
        self._world, self._device = world, device
        self._serial = serial_number(world, device, "DM")
        self._buffer = LineBuffer(b"\r", longest=80)

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Carry out every command that is complete."""
        told = []
        for line in self._buffer.lines(data):
            command = "" if line is None else line.decode("ascii", errors="replace").strip().upper()
            if answer := self._answer(command, now_ns):
                told.append(Reply(f"\n{answer}\r\n".encode("ascii")))
        return told

    def _answer(self, command: str, now_ns: int) -> str:
        if command == "CF?":
            return f"MEMS 1x{_CHANNELS},{_CHANNELS}"
        if command == "ID?":
            return f"DiCon Fiberoptics Inc, MEMS 1x{_CHANNELS}, {self._serial}, {FIRMWARE}"
        if command == "I1?":
            return str(self._world.switch_channel(self._device, now_ns))
        selected = _SELECT.fullmatch(command)
        channel = _PARKED if command == "PK" else int(selected[1]) if selected else -1
        if _PARKED <= channel <= _CHANNELS:
            self._world.set_switch_channel(self._device, channel, now_ns)
        return ""


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, SwitchDevice)
    return (Endpoint("control", "pty", lambda: DiconMemsSession(world, device), baud_rate=115_200),)


SPEC = TwinSpec(name="dicon-mems", roles=("switch",), title="DiCon MEMS 1x8 fibre-optic switch (serial)", build=_build)
