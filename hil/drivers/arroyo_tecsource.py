r"""Arroyo TECSource temperature controllers (5235, 5305, 5240) and kin of the same commands, on a serial line (38400 baud).

Commands end with ``\r\n`` and so do answers: ``TEC:T 25``, ``TEC:SET:T?``, ``TEC:T?``, ``TEC:OUT 1``, as open drivers
have it. The set point moves by absolute values only: ``TEC:INC`` and ``TEC:DEC`` are relative, could not be repeated, and
are never sent.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.bench.model import TemperatureControllerDevice
from hil.drivers._lines import decoded
from hil.drivers._setting import check_envelope, move, narrowed, number, slowly
from hil.errors import InstrumentError, ReplyError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import Marker, SerialLine, Transport, Until, over_raw

if TYPE_CHECKING:
    from hil.ports.roles import TemperatureController

__all__ = ["SPEC", "ArroyoTecsource"]

logger = logging.getLogger("hil.drivers")

_LINE = Until(b"\r\n")
_NUMBER = re.compile(rb"\s*[-+]?\d+(\.\d+)?\s*")
_ACCEPT_S = 0.1
_TIME_CONSTANTS = 5.0

CAPABILITIES = Capabilities(features=frozenset({"cooling", "enable"}), ranges={"setpoint_c": (-99.0, 199.0)}, settle_s=100.0)

# a name and a mode are told from any late number, and from each other
MARKERS = (
    Marker(b"*IDN?\r\n", _LINE, lambda reply: b" " in reply.strip()),
    Marker(b"TEC:MODE?\r\n", _LINE, lambda reply: b" " not in reply.strip() and not _NUMBER.fullmatch(reply)),
)


class ArroyoTecsource:
    """Cooler and heater of one stage. Parking holds the temperature."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        declared = settings.declared
        stage = isinstance(declared, TemperatureControllerDevice)
        self.capabilities = replace(
            CAPABILITIES,
            ranges={"setpoint_c": narrowed(CAPABILITIES.ranges["setpoint_c"], settings.envelope, "setpoint_c")},
            settle_s=_TIME_CONSTANTS * declared.time_constant_s if stage else CAPABILITIES.settle_s,
        )
        self._settings = settings
        self._transport = transport or over_raw(
            settings.name, settings.resource, timeout_s=settings.timeout_s, line=SerialLine(38_400), markers=MARKERS
        )

    def open(self) -> None:
        """Connect, report errors from before we came, and cut our range to the limits of its front panel."""
        self._transport.open()
        try:
            if (old := self._ask("ERR?", idempotent=False)) != "0":
                logger.warning("%s: errors from before we came: %s", self.name, old)
            self._narrow()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """``*IDN?``: maker, model, serial number and version, separated by spaces."""
        words = self._ask("*IDN?").replace(",", " ").split()
        if len(words) < 4:
            raise ReplyError(self.name, f"*IDN? answered {' '.join(words)!r}; expected maker, model, serial number, version")
        return Identity(words[0], f"TECSource {words[1]}", words[2], words[3].removeprefix("V"))

    def park(self) -> None:
        """Temperatures are held."""

    def temperature_c(self) -> float:
        """What the sensor reads."""
        return self._number("TEC:T?")

    def setpoint_c(self) -> float:
        """What it regulates to."""
        return self._number("TEC:SET:T?")

    @slowly
    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Regulate to this; returns once it is accepted, not once the stage is there."""
        check_envelope(self._settings, self.capabilities, "setpoint_c", setpoint_c)
        with self._transport.lock:
            move(
                self._settings,
                setting="setpoint_c",
                value=setpoint_c,
                write=lambda: self._tell(f"TEC:T {setpoint_c:.3f}"),
                read=self.setpoint_c,
                settle_s=_ACCEPT_S,
                tolerance=0.01,
            )

    def enabled(self) -> bool:
        """Whether it regulates."""
        reply = self._ask("TEC:OUT?")
        if reply not in {"0", "1"}:
            raise ReplyError(self.name, f"TEC:OUT?: expected 0 or 1, got {reply[:60]!r}")
        return reply == "1"

    def set_enabled(self, *, enabled: bool) -> None:
        """Regulate, or let the stage go to ambient temperature."""
        with self._transport.lock:
            self._tell(f"TEC:OUT {enabled:d}")
            self._settings.clock.sleep(_ACCEPT_S)
            if self.enabled() is not enabled:
                raise InstrumentError(self.name, "its output does not follow; look for an alarm on its front panel")

    def _narrow(self) -> None:
        low_c, high_c = self._number("TEC:LIM:TLO?"), self._number("TEC:LIM:THI?")
        widest = CAPABILITIES.ranges["setpoint_c"]
        allowed = narrowed((max(low_c, widest[0]), min(high_c, widest[1])), self._settings.envelope, "setpoint_c")
        self.capabilities = replace(self.capabilities, ranges={"setpoint_c": allowed})

    def _number(self, query: str) -> float:
        return number(self.name, query, self._ask(query))

    def _ask(self, query: str, *, idempotent: bool = True) -> str:
        reply = self._transport.query(query.encode("ascii") + b"\r\n", _LINE, idempotent=idempotent)
        return decoded(self.name, reply).strip()

    def _tell(self, command: str) -> None:
        """One line out and nothing back; InstrumentError with its error numbers when it refuses. Never repeated."""
        self._transport.write(command.encode("ascii") + b"\r\n")
        if (errors := self._ask("ERR?", idempotent=False)) != "0":
            raise InstrumentError(self.name, f"refused {command!r}: error {errors} of its manual")


def build(settings: DeviceSettings) -> TemperatureController:
    """The driver for one controller; nothing is opened yet."""
    return ArroyoTecsource(settings)


SPEC = DriverSpec(
    name="arroyo-tecsource",
    role="temperature-controller",
    title="Arroyo TECSource temperature controller (serial)",
    build=build,
    capabilities=CAPABILITIES,
    protocol=r"serial 38400 8N1; lines end with \r\n",
)
