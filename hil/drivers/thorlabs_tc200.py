r"""Thorlabs TC200 heater controller on a serial line (115200 baud).

A command ends with ``\r``; the device echoes it, answers, and ends with the prompt ``"> "``, which is therefore the
terminator of everything (``stat?`` has no ``\r`` before it). ``ens`` toggles the output: the state is read first and
afterwards, and the toggle is never repeated. Command set as in QMI's ``tc200``. Raw serial, because an echo and a prompt
are no VISA messages.
"""

from __future__ import annotations

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

__all__ = ["SPEC", "ThorlabsTc200"]

_PROMPT = Until(b"> ")
_OUTPUT_ON = 0x01
_SENSOR_ALARM = 0x40
_ACCEPT_S = 0.1
"""Until the controller shows a new set point; the stage follows in its own time (``capabilities.settle_s``)."""
_TIME_CONSTANTS = 5.0
_UNDECLARED_SETTLE_S = 100.0

CAPABILITIES = Capabilities(
    features=frozenset({"enable", "sensor-alarm"}),
    ranges={"setpoint_c": (20.0, 200.0)},
    settle_s=_UNDECLARED_SETTLE_S,
)

# the echo tells every reply from any other
MARKERS = tuple(
    Marker(query + b"\r", _PROMPT, lambda reply, query=query: reply.startswith(query + b"\r"))  # type: ignore[misc]
    for query in (b"id?", b"pid?")
)


class ThorlabsTc200:
    """Heater of one stage. Parking holds the temperature: a stage that cools for safety is a stage to recalibrate."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        declared = settings.declared
        stage = isinstance(declared, TemperatureControllerDevice)
        self.capabilities = replace(
            CAPABILITIES,
            ranges={"setpoint_c": narrowed(CAPABILITIES.ranges["setpoint_c"], settings.envelope, "setpoint_c")},
            settle_s=_TIME_CONSTANTS * declared.time_constant_s if stage else _UNDECLARED_SETTLE_S,
        )
        self._settings = settings
        self._transport = transport or over_raw(
            settings.name, settings.resource, timeout_s=settings.timeout_s, line=SerialLine(115_200), markers=MARKERS
        )

    def open(self) -> None:
        """Connect and come into step."""
        self._transport.open()

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """``id?``: vendor, model, the word VERSION and the version; it tells no serial number."""
        text = self._ask("id?", idempotent=True)
        words = text.split()
        if len(words) < 3:
            raise ReplyError(self.name, f"id? answered {text!r}; expected e.g. THORLABS TC200 VERSION 2.0")
        return Identity(words[0], words[1], "", words[-1])

    def park(self) -> None:
        """Held as it is."""

    def temperature_c(self) -> float:
        """Temperature of the stage, measured."""
        return self._celsius("tact?")

    def setpoint_c(self) -> float:
        """Temperature it regulates to."""
        return self._celsius("tset?")

    @slowly
    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Regulate to another temperature, rounded to 0.1 degrees; returns once it is accepted, not once the stage is there."""
        check_envelope(self._settings, self.capabilities, "setpoint_c", setpoint_c)
        with self._transport.lock:
            move(
                self._settings,
                setting="setpoint_c",
                value=setpoint_c,
                write=lambda: self._command(f"tset={setpoint_c:.1f}"),
                read=self.setpoint_c,
                settle_s=_ACCEPT_S,
                tolerance=0.06,
            )

    def enabled(self) -> bool:
        """Whether the heater's output is on."""
        return bool(self._status() & _OUTPUT_ON)

    def set_enabled(self, *, enabled: bool) -> None:
        """Toggle the output if, and only if, it is not as wanted, and see that it became so."""
        with self._transport.lock:
            status = self._status()
            if bool(status & _OUTPUT_ON) == enabled:
                return
            if enabled and status & _SENSOR_ALARM:
                raise InstrumentError(self.name, "sensor alarm: the heater stays off; check the temperature sensor's cable")
            move(
                self._settings,
                setting="enabled",
                value=float(enabled),
                write=lambda: self._command("ens"),
                read=lambda: float(self.enabled()),
                settle_s=_ACCEPT_S,
                tolerance=0,
            )

    def _status(self) -> int:
        text = self._ask("stat?", idempotent=True)
        try:
            return int(text, 16)
        except ValueError:
            raise ReplyError(self.name, f"stat? answered {text!r}; expected a hexadecimal byte") from None

    def _celsius(self, query: str) -> float:
        text = self._ask(query, idempotent=True)
        value, _, unit = text.partition(" ")
        if not unit.strip().upper().startswith("C"):
            raise ReplyError(self.name, f"{query} answered {text!r}; set the unit on its front panel to Celsius")
        return number(self.name, query, value)

    def _command(self, command: str) -> None:
        if answer := self._ask(command):
            raise InstrumentError(self.name, f"refused {command!r}: {answer}")

    def _ask(self, command: str, *, idempotent: bool = False) -> str:
        reply = decoded(self.name, self._transport.query(command.encode() + b"\r", _PROMPT, idempotent=idempotent))
        echo, _, answer = reply.partition("\r")
        if echo.strip() != command:
            self._transport.distrust()
            raise ReplyError(self.name, f"echoed {echo!r} to {command!r}; something else talks on this line")
        answer = answer.strip()
        if answer.startswith("CMD_"):
            raise InstrumentError(self.name, f"refused {command!r}: {answer}")
        return answer


def build(settings: DeviceSettings) -> TemperatureController:
    """The driver for one controller; nothing is opened yet."""
    return ThorlabsTc200(settings)


SPEC = DriverSpec(
    name="thorlabs-tc200",
    role="temperature-controller",
    title="Thorlabs TC200 heater controller (serial)",
    build=build,
    capabilities=CAPABILITIES,
    protocol=r"serial 115200 8N1; command \r, echo, answer, prompt",
)
