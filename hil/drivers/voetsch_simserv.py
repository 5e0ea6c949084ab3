"""Voetsch and Weiss thermal chambers behind SIMSERV (S!MPAC controllers), TCP port 2049.

Fields are separated by a byte 0xB6, a request ends with a carriage return, an answer with CR LF and begins with 1 where all is
well. Command numbers as an open driver has them: 11001 and 11002 set point, 11004 actual value, 14001 and 14003 manual mode.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.bench.model import TemperatureControllerDevice
from hil.drivers._setting import check_envelope, move, narrowed, number, slowly
from hil.errors import InstrumentError, ReplyError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import Transport, Until, over_raw

if TYPE_CHECKING:
    from hil.ports.roles import TemperatureController

__all__ = ["SPEC", "VoetschSimserv"]

CAPABILITIES = Capabilities(features=frozenset({"cooling", "enable"}), ranges={"setpoint_c": (-70.0, 180.0)}, settle_s=1800.0)
_TIME_CONSTANTS = 5.0
_SEPARATOR = b"\xb6"
_LINE = Until(b"\r\n")
_CHAMBER, _TEMPERATURE, _START = "1", "1", "1"


class VoetschSimserv:
    """The chamber around a device."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        hardware = CAPABILITIES.ranges["setpoint_c"]
        declared = settings.declared
        stage = isinstance(declared, TemperatureControllerDevice)
        self.capabilities = replace(
            CAPABILITIES,
            ranges={"setpoint_c": narrowed(hardware, settings.envelope, "setpoint_c")},
            settle_s=_TIME_CONSTANTS * declared.time_constant_s if stage else CAPABILITIES.settle_s,
        )
        self._settings = settings
        self._transport = transport or over_raw(settings.name, settings.resource, timeout_s=settings.timeout_s)

    def open(self) -> None:
        """Connect."""
        self._transport.open()

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """The words of the chamber's information: model, serial number, version."""
        words = self._ask("99997").split()
        model, serial, version = ([*words[1:], "", "", ""])[:3]
        return Identity("Voetsch", model or "SIMSERV", serial, version)

    def park(self) -> None:
        """Temperatures are held."""

    def temperature_c(self) -> float:
        """What the chamber's sensor reads."""
        return number(self.name, "11004", self._ask("11004", _TEMPERATURE))

    def setpoint_c(self) -> float:
        """What it regulates to."""
        return number(self.name, "11002", self._ask("11002", _TEMPERATURE))

    @slowly
    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Regulate to this; returns once it is accepted."""
        check_envelope(self._settings, self.capabilities, "setpoint_c", setpoint_c)
        with self._transport.lock:
            move(
                self._settings,
                setting="setpoint_c",
                value=setpoint_c,
                write=lambda: self._tell("11001", _TEMPERATURE, f"{setpoint_c:.1f}"),
                read=self.setpoint_c,
                settle_s=0.0,
                tolerance=0.06,
            )

    def enabled(self) -> bool:
        """Whether manual mode runs."""
        return self._ask("14003", _START) == "1"

    def set_enabled(self, *, enabled: bool) -> None:
        """Start or stop manual mode."""
        with self._transport.lock:
            self._tell("14001", _START, f"{enabled:d}")
            if self.enabled() is not enabled:
                raise InstrumentError(self.name, "its manual mode does not follow; look for an alarm on its panel")

    def _ask(self, command: str, *arguments: str) -> str:
        fields = self._exchange(command, arguments, idempotent=True)
        if len(fields) < 2:
            raise ReplyError(self.name, f"{command}: answered without a value")
        return fields[1]

    def _tell(self, command: str, *arguments: str) -> None:
        self._exchange(command, arguments, idempotent=False)

    def _exchange(self, command: str, arguments: tuple[str, ...], *, idempotent: bool) -> list[str]:
        request = _SEPARATOR.join(part.encode("ascii") for part in (command, _CHAMBER, *arguments)) + b"\r"
        reply = self._transport.query(request, _LINE, idempotent=idempotent)
        fields = [part.decode("ascii", errors="replace") for part in reply.split(_SEPARATOR)]
        if fields[0] != "1":
            raise InstrumentError(
                self.name, f"refused {command} {' '.join(arguments)}: answered {fields[0][:20]!r}, expected 1"
            )
        return fields


def build(settings: DeviceSettings) -> TemperatureController:
    """The driver for one chamber; nothing is opened yet."""
    return VoetschSimserv(settings)


SPEC = DriverSpec(
    name="voetsch-simserv",
    role="temperature-controller",
    title="Voetsch thermal chamber (SIMSERV)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="TCP port 2049; fields between bytes 0xB6",
)
