"""SRS LDC500-series laser diode and TEC controllers (LDC500, LDC501, LDC502) over LAN, GPIB or RS232.

Four-letter commands, a newline both ways. ``LEXE?`` and ``LCME?`` tell the last execution and command error, each cleared by
reading, some 15 ms after the command. As in PyMeasure's ``LDC500Series``.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.bench.model import LaserDevice
from hil.drivers._lines import ask, over_lines, scpi_identity, tell
from hil.drivers._setting import check_envelope, move, narrowed, number, slowly
from hil.errors import InstrumentError, ReplyError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import Laser
    from hil.transports import Transport

__all__ = ["SPEC", "SrsLdc500"]

logger = logging.getLogger("hil.drivers")

CAPABILITIES = Capabilities(
    features=frozenset({"tec"}),
    ranges={"current_a": (0.0, 2.0), "setpoint_c": (-55.0, 150.0)},
    settle_s=10.0,
)
"""2 A is what the largest of the series gives."""

_LOGGED_AFTER_S = 0.015
_RESOLUTION_A, _RESOLUTION_K = 2e-6, 0.01


class SrsLdc500:
    """Laser driver whose own current limit is never above the bench file's."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        declared, envelope = settings.declared, settings.envelope
        least_a, most_a = narrowed(CAPABILITIES.ranges["current_a"], envelope, "current_a")
        if isinstance(declared, LaserDevice):
            most_a = min(most_a, declared.limit_a)
        ranges = {
            "current_a": (least_a, most_a),
            "setpoint_c": narrowed(CAPABILITIES.ranges["setpoint_c"], envelope, "setpoint_c"),
        }
        self.capabilities = replace(CAPABILITIES, ranges=ranges)
        self._settings = settings
        self._transport = transport or over_lines(settings)

    def open(self) -> None:
        """Connect, forget old errors, and lower the device's current limit to the bench file's where it is above."""
        self._transport.open()
        try:
            if old := self._take_errors():
                logger.warning("%s: errors from before we came: %s", self.name, old)
            limit_a = self.capabilities.ranges["current_a"][1]
            if self._number("SILM?") / 1e3 > limit_a:
                self._carry_out(f"SILM {limit_a * 1e3:g}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """``*IDN?``; serial number and version without their words."""
        said = scpi_identity(self._transport)
        return replace(said, serial=said.serial.removeprefix("s/n"), firmware=said.firmware.removeprefix("ver"))

    def park(self) -> None:
        """Laser off; the cooler goes on holding its temperature."""
        self.set_emitting(emitting=False)

    def emitting(self) -> bool:
        """Whether laser current flows."""
        return self._word("LDON?", {"ON": True, "OFF": False})

    def set_emitting(self, *, emitting: bool) -> None:
        """Laser current on or off; InstrumentError for a laser whose cooler is off or whose interlock is open."""
        self._settings.before_move("emitting", float(emitting))
        with self._transport.lock:
            if emitting:
                self._require_conditions()
            self._carry_out("LDON ON" if emitting else "LDON OFF")
            if self.emitting() is not emitting:
                raise InstrumentError(
                    self.name,
                    f"the laser was switched {'on' if emitting else 'off'} but reads back otherwise; check its interlock and"
                    " the voltage limit on its front panel",
                )

    def current_a(self) -> float:
        """The set current."""
        return self._number("SILD?") / 1e3

    def set_current_a(self, current_a: float) -> None:
        """Set the current; it flows once the laser is on."""
        check_envelope(self._settings, self.capabilities, "current_a", current_a)
        self._move("current_a", current_a, f"SILD {current_a * 1e3:.6g}", _RESOLUTION_A)

    def temperature_c(self) -> float:
        """What the cooler's sensor reads."""
        return self._number("TTRD?")

    def setpoint_c(self) -> float:
        """What the cooler holds."""
        return self._number("TEMP?")

    @slowly
    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Set what the cooler holds; returns once that is accepted."""
        check_envelope(self._settings, self.capabilities, "setpoint_c", setpoint_c)
        self._move("setpoint_c", setpoint_c, f"TEMP {setpoint_c:.6g}", _RESOLUTION_K)

    def _require_conditions(self) -> None:
        if not self._word("TEON?", {"1": True, "0": False, "ON": True, "OFF": False}):
            raise InstrumentError(self.name, "its cooler is off, so the laser stays off; switch the TEC on first (TEON)")
        if not self._word("ILOC?", {"CLOSED": True, "OPEN": False}):
            raise InstrumentError(self.name, "its interlock is open, so the laser stays off; close the interlock loop")

    def _move(self, setting: str, value: float, command: str, tolerance: float) -> None:
        reading = {"current_a": self.current_a, "setpoint_c": self.setpoint_c}[setting]
        with self._transport.lock:
            move(
                self._settings,
                setting=setting,
                value=value,
                write=lambda: self._carry_out(command),
                read=reading,
                settle_s=0.0,
                tolerance=tolerance,
            )

    def _carry_out(self, command: str) -> None:
        """Say it, and ask for its errors once the device has had time to log them."""
        tell(self._transport, command)
        self._settings.clock.sleep(_LOGGED_AFTER_S)
        if errors := self._take_errors():
            raise InstrumentError(self.name, f"refused {command!r}: {errors}")

    def _take_errors(self) -> str:
        """Both last errors in words, empty for none. Reading clears them, so it is never repeated."""
        found = {word: ask(self._transport, word) for word in ("LEXE?", "LCME?")}
        return ", ".join(f"{word} answered {code}" for word, code in found.items() if code.lstrip("+").lstrip("0"))

    def _number(self, query: str) -> float:
        return number(self.name, query, ask(self._transport, query, idempotent=True))

    def _word(self, query: str, meanings: dict[str, bool]) -> bool:
        reply = ask(self._transport, query, idempotent=True).upper()
        if reply not in meanings:
            raise ReplyError(self.name, f"{query}: expected {' or '.join(meanings)}, got {reply[:60]!r}")
        return meanings[reply]


def build(settings: DeviceSettings) -> Laser:
    """The driver for one controller; nothing is opened yet."""
    return SrsLdc500(settings)


SPEC = DriverSpec(
    name="srs-ldc500",
    role="laser",
    title="SRS LDC500 series laser diode and TEC controller",
    build=build,
    capabilities=CAPABILITIES,
    protocol="four-letter commands over TCPIP::…::SOCKET, GPIB or serial, newline both ways",
)
