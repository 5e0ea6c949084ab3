"""Simulated Agiltron 1x4 fibre-optic switch on its CL-LB driver board (serial 9600 8N1).

Frames of four bytes and no terminator: ``01 11 00 00`` is answered ``01 11 00 <channel>``; ``01 12 00 <channel>`` switches
and is echoed. What the board does with anything else is not known; here a channel it does not have is answered with the
one that is on, and bytes that cannot begin a frame are skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import SwitchDevice
from hil.device_sims.spec import Endpoint, Reply, TwinSpec

from ._nameplate import declared_as

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "AgiltronFf1x4Session"]

_CHANNELS = 4
_FRAME = 4
_ASK = b"\x01\x11\x00\x00"
_SET = b"\x01\x12\x00"


class AgiltronFf1x4Session:
    """The serial line of one switch."""

    def __init__(self, world: World, device: str) -> None:
        self._world = world
        self._device = device
        self._buffer = bytearray()

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every frame that is complete, coming into step at the next byte that can begin one."""
        self._buffer += data
        replies, at = [], 0
        while at + _FRAME <= len(self._buffer):
            answer = self._answer(bytes(self._buffer[at : at + _FRAME]), now_ns)
            if answer is None:
                at += 1
            else:
                replies.append(Reply(answer))
                at += _FRAME
        del self._buffer[:at]
        return replies

    def _answer(self, frame: bytes, now_ns: int) -> bytes | None:
        if frame == _ASK:
            return _ASK[:3] + bytes([self._world.switch_channel(self._device, now_ns)])
        if not frame.startswith(_SET):
            return None
        if 1 <= frame[3] <= _CHANNELS:
            self._world.set_switch_channel(self._device, frame[3], now_ns)
        return _SET + bytes([self._world.switch_channel(self._device, now_ns)])


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, SwitchDevice)
    return (Endpoint("control", "pty", lambda: AgiltronFf1x4Session(world, device), baud_rate=9600),)


SPEC = TwinSpec(
    name="agiltron-ff1x4", roles=("switch",), title="Agiltron 1x4 fibre-optic switch (serial, binary)", build=_build
)
