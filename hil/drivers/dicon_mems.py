r"""DiCon MEMS 1xN fibre-optic switch modules on a serial line (115200 baud).

A command ends with ``\r``; an answer begins with a newline and ends with one. ``CF?`` tells how many channels there are,
``I1 3`` switches, ``I1?`` tells the channel, ``PK`` parks. As in photonmover's and other open drivers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hil.bench.model import SwitchDevice
from hil.drivers._lines import decoded
from hil.drivers._setting import check_envelope, move, narrowed
from hil.errors import ReplyError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import Marker, SerialLine, Transport, over_raw

if TYPE_CHECKING:
    from hil.ports.roles import OpticalSwitch
    from hil.transports.line import Line

__all__ = ["SPEC", "DiconMems"]

_WIDEST = 128


@dataclass(frozen=True)
class _Framed:
    """A newline, the text, a newline; a carriage return before it is not part of the text."""

    def read(self, line: Line, timeout_s: float | None) -> bytes:
        """Read one such reply."""
        before = line.read_until(b"\n", timeout_s)
        return before if before.strip() else line.read_until(b"\n", timeout_s).strip()


_ANSWER = _Framed()

CAPABILITIES = Capabilities(features=frozenset({"dark-port"}), ranges={"channel": (1, _WIDEST)}, settle_s=0.05)

# what it is has a comma, the channel it stands at is a number
MARKERS = (
    Marker(b"CF?\r", _ANSWER, lambda reply: b"," in reply),
    Marker(b"I1?\r", _ANSWER, bytes.isdigit),
)


class DiconMems:
    """Switch; its channel is 0 while it is parked."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = replace(
            CAPABILITIES, ranges={"channel": narrowed(CAPABILITIES.ranges["channel"], settings.envelope, "channel")}
        )
        self._settings = settings
        self._transport = transport or over_raw(
            settings.name, settings.resource, timeout_s=settings.timeout_s, line=SerialLine(115_200), markers=MARKERS
        )

    def open(self) -> None:
        """Connect, come into step, and learn how many channels there are."""
        self._transport.open()
        try:
            ranges = {"channel": narrowed((1, self._channels()), self._settings.envelope, "channel")}
            self.capabilities = replace(CAPABILITIES, ranges=ranges)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """``ID?``: maker, model, serial number and version, as far as it tells them."""
        fields = [field.strip() for field in self._ask("ID?").split(",")]
        model, serial, firmware = ([*fields[1:], "", "", ""])[:3]
        return Identity(fields[0], model or "MEMS switch", serial, firmware)

    def park(self) -> None:
        """To the dark channel of the bench file; without one, to the position that it parks at itself."""
        declared = self._settings.declared
        if isinstance(declared, SwitchDevice):
            self.select(declared.dark_channel)
        else:
            self._transport.write(b"PK\r")

    def channel(self) -> int:
        """The channel that is on."""
        reply = self._ask("I1?")
        if not reply.isdecimal():
            self._transport.distrust()
            raise ReplyError(self.name, f"I1?: expected the number of a channel, got {reply[:60]!r}")
        return int(reply)

    def select(self, channel: int) -> None:
        """Switch, and see that it did."""
        check_envelope(self._settings, self.capabilities, "channel", channel)
        with self._transport.lock:
            move(
                self._settings,
                setting="channel",
                value=channel,
                write=lambda: self._transport.write(f"I1 {int(channel)}\r".encode("ascii")),
                read=self.channel,
                settle_s=self.capabilities.settle_s,
                tolerance=0,
            )

    def _channels(self) -> int:
        reply = self._ask("CF?")
        channels = reply.rpartition(",")[2].strip()
        if not channels.isdecimal() or not 1 <= int(channels) <= _WIDEST:
            raise ReplyError(self.name, f"CF?: expected a number of channels in the second field, got {reply[:60]!r}")
        return int(channels)

    def _ask(self, query: str) -> str:
        reply = self._transport.query(query.encode("ascii") + b"\r", _ANSWER, idempotent=True)
        return decoded(self.name, reply).strip()


def build(settings: DeviceSettings) -> OpticalSwitch:
    """The driver for one switch; nothing is opened yet."""
    return DiconMems(settings)


SPEC = DriverSpec(
    name="dicon-mems",
    role="switch",
    title="DiCon MEMS 1xN fibre-optic switch (serial)",
    build=build,
    capabilities=CAPABILITIES,
    protocol=r"serial 115200 8N1; command \r, answer between newlines",
)
