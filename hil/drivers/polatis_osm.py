"""Polatis (HUBER+SUHNER) optical matrix switches as a 1xN switch: ingress port 1 to an egress port, over LAN (port 5025).

SCPI lines, a newline both ways: ``:oxc:swit:conn:add (@1),(@9)``; a set command has no answer. As open drivers have it. Other
light paths of the same matrix stay: only what starts at port 1 or ends at the chosen egress port is moved.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.bench.model import SwitchDevice
from hil.drivers._lines import ask
from hil.drivers._scpi_instrument import ScpiInstrument
from hil.drivers._setting import check_envelope, narrowed
from hil.errors import ReplyError
from hil.ports.identity import Capabilities
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import SerialLine

if TYPE_CHECKING:
    from hil.ports.roles import OpticalSwitch
    from hil.transports import Transport

__all__ = ["SPEC", "PolatisOsm"]

_INGRESS = 1
_WIDEST = 384
_SIZE = re.compile(r"(\d+),(\d+)")
_PEER = re.compile(r'"?(\d*)"?')

CAPABILITIES = Capabilities(features=frozenset({"dark-port"}), ranges={"channel": (1, _WIDEST)}, settle_s=0.05)


class PolatisOsm(ScpiInstrument):
    """Switch; its channel n is the n-th egress port, 0 where ingress port 1 is connected to nothing."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        super().__init__(settings, CAPABILITIES, transport, SerialLine(38_400))
        self._ingress_ports = 0

    def park(self) -> None:
        """To the dark channel of the bench file; without one, no connection at all."""
        declared = self._settings.declared
        if isinstance(declared, SwitchDevice):
            self.select(declared.dark_channel)
        else:
            self._carry_out(f":oxc:swit:port:dis (@{_INGRESS})")

    def channel(self) -> int:
        """The channel that is on."""
        query = f":oxc:swit:conn:port? {_INGRESS}"
        reply = ask(self._transport, query, idempotent=True)
        found = _PEER.fullmatch(reply)
        if found is None:
            raise ReplyError(self.name, f"{query}: expected the number of a port, got {reply[:60]!r}")
        return int(found[1]) - self._ingress_ports if found[1] else 0

    def select(self, channel: int) -> None:
        """Switch, and see that it did."""
        check_envelope(self._settings, self.capabilities, "channel", channel)
        command = f":oxc:swit:conn:add (@{_INGRESS}),(@{self._ingress_ports + int(channel)})"
        self._move("channel", channel, command, self.channel, tolerance=0, settle_s=self.capabilities.settle_s)

    def _prepare(self) -> None:
        """Learn how many ports it has."""
        super()._prepare()
        reply = ask(self._transport, ":oxc:swit:size?", idempotent=True)
        found = _SIZE.fullmatch(reply)
        if found is None:
            raise ReplyError(self.name, f":oxc:swit:size?: expected two numbers of ports, got {reply[:60]!r}")
        self._ingress_ports = int(found[1])
        hardware = (1, int(found[2]))
        self.capabilities = replace(CAPABILITIES, ranges={"channel": narrowed(hardware, self._settings.envelope, "channel")})


def build(settings: DeviceSettings) -> OpticalSwitch:
    """The driver for one switch; nothing is opened yet."""
    return PolatisOsm(settings)


SPEC = DriverSpec(
    name="polatis-osm",
    role="switch",
    title="Polatis optical matrix switch (SCPI)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="SCPI lines over TCPIP::…::SOCKET or serial 38400, newline both ways",
)
