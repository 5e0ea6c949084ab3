"""Agiltron fibre-optic 1x4 switch (CL-LB driver board) on a serial line (9600 8N1).

Four bytes each way and no terminator: ``01 11 00 00`` asks, the last byte of the answer is the channel; ``01 12 00 <ch>``
moves and is echoed exactly. As in QMI's ``Agiltron_Ff1x4``. Raw serial, because a reply of four bytes has no end that VISA
could wait for.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.bench.model import SwitchDevice
from hil.drivers._setting import check_envelope, move, narrowed
from hil.errors import InstrumentError, ReplyError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import Exactly, Marker, SerialLine, Transport, over_raw

if TYPE_CHECKING:
    from hil.ports.roles import OpticalSwitch

__all__ = ["SPEC", "AgiltronFf1x4"]

logger = logging.getLogger("hil.drivers")

_CHANNELS = 4
_FRAME = Exactly(4)
_ASK = b"\x01\x11\x00\x00"
_SET = b"\x01\x12\x00"

CAPABILITIES = Capabilities(
    features=frozenset({"dark-port"}),
    ranges={"channel": (1, _CHANNELS)},
    settle_s=0.05,
)

# a late echo of a move is told apart by its second byte
MARKERS = (Marker(_ASK, _FRAME, lambda reply: not reply.startswith(_SET) and 1 <= reply[3] <= _CHANNELS),)


class AgiltronFf1x4:
    """Switch; parks on the dark channel of the bench file."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        hardware = CAPABILITIES.ranges["channel"]
        self.capabilities = replace(CAPABILITIES, ranges={"channel": narrowed(hardware, settings.envelope, "channel")})
        self._settings = settings
        self._transport = transport or over_raw(
            settings.name, settings.resource, timeout_s=settings.timeout_s, line=SerialLine(9600), markers=MARKERS
        )

    def open(self) -> None:
        """Connect and come into step."""
        self._transport.open()

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """The board tells nothing about itself but its channel; that it answers with one is all that can be asked."""
        self.channel()
        return Identity("Agiltron", f"FF 1x{_CHANNELS}", "", "")

    def park(self) -> None:
        """To the dark channel; without one in the bench file the switch stays where it is, and that is logged."""
        declared = self._settings.declared
        if isinstance(declared, SwitchDevice):
            self.select(declared.dark_channel)
        else:
            logger.warning("%s: no dark channel is declared; parking leaves the switch where it is", self.name)

    def channel(self) -> int:
        """The channel that is on."""
        reply = self._transport.query(_ASK, _FRAME, idempotent=True)
        if not 1 <= reply[3] <= _CHANNELS:
            self._transport.distrust()
            raise ReplyError(self.name, f"answered {reply.hex(' ')}; expected a channel of 1 to {_CHANNELS} in the last byte")
        return reply[3]

    def select(self, channel: int) -> None:
        """Switch, and see that it did."""
        check_envelope(self._settings, self.capabilities, "channel", channel)
        with self._transport.lock:
            move(
                self._settings,
                setting="channel",
                value=channel,
                write=lambda: self._switch_to(channel),
                read=self.channel,
                settle_s=self.capabilities.settle_s,
                tolerance=0,
            )

    def _switch_to(self, channel: int) -> None:
        command = _SET + bytes([channel])
        reply = self._transport.query(command, _FRAME)
        if reply != command:
            self._transport.distrust()
            raise InstrumentError(self.name, f"refused channel {channel}: answered {reply.hex(' ')}, expected its exact echo")


def build(settings: DeviceSettings) -> OpticalSwitch:
    """The driver for one switch; nothing is opened yet."""
    return AgiltronFf1x4(settings)


SPEC = DriverSpec(
    name="agiltron-ff1x4",
    role="switch",
    title="Agiltron 1x4 fibre-optic switch (serial, binary)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="serial 9600 8N1; frames of four bytes",
)
