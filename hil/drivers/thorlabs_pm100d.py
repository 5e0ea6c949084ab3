"""Thorlabs PM100D optical power meter, and its kin of the same SCPI (PM100USB, PM101, PM16, PM103E over the network).

Lines end with a newline both ways. A PM103E drops a client that was silent for 120 s: over a socket, the driver connects
anew after 100 s of silence, and the meter keeps what was set. Command set as in QMI's ``pm100d`` and PyMeasure's
``thorlabspm100usb``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from hil.bench.model import PowerMeterDevice
from hil.drivers._lines import ask, check_errors, drain_errors, over_lines, scpi_identity, tell
from hil.drivers._setting import check_envelope, move, narrowed, number
from hil.errors import InstrumentError, MissingCapabilityError, ReplyError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.ports.time_of_day import TimeOfDay

if TYPE_CHECKING:
    from hil.ports.roles import PowerMeter
    from hil.transports import Transport

__all__ = ["SPEC", "ThorlabsPm100d"]

_ANY_WAVELENGTH_NM = (150.0, 12_000.0)
_OVERLOAD_W = 1e30
"""SCPI says 9.9E37 for a reading beyond the range."""

_SILENT_S = 100.0
_WITH_A_CALENDAR = {"PM100A", "PM100D"}
"""As the open driver ThorlabsPM100 has it; others would not answer, which is a timeout."""
_THREE = re.compile(r"[+]?(\d+)\D+(\d+)\D+(\d+)(?:\.\d*)?")

CAPABILITIES = Capabilities(
    features=frozenset({"wavelength"}),
    ranges={"wavelength_nm": _ANY_WAVELENGTH_NM},
    settle_s=0.05,
)


class ThorlabsPm100d:
    """Power meter whose wavelength correction follows the bench file."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._settings = settings
        self._transport = transport or over_lines(settings)
        self._spoken_ns: int | None = None

    def open(self) -> None:
        """Connect, clear old errors, learn the sensor's range, and bring the wavelength to the one the bench file declares."""
        self._transport.open()
        self._spoken_ns = self._settings.clock.now_ns()
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the port."""
        self._spoken_ns = None
        self._transport.close()

    def identity(self) -> Identity:
        """``*IDN?``."""
        return scpi_identity(self._line)

    def park(self) -> None:
        """A meter harms nothing."""

    def power_w(self) -> float:
        """One reading in watts; InstrumentError when the sensor is overloaded. An acquisition: never repeated by itself."""
        power_w = number(self.name, "MEAS:POW?", ask(self._line, "MEAS:POW?"))
        if power_w > _OVERLOAD_W:
            raise InstrumentError(self.name, "the power is above the sensor's range; attenuate before the sensor is damaged")
        return power_w

    def time_of_day(self) -> TimeOfDay:
        """Its calendar, in the local time that it was set to; MissingCapabilityError of models that have none."""
        if (model := self.identity().model.upper()) not in _WITH_A_CALENDAR:
            raise MissingCapabilityError(f"{self.name}: a {model} tells no time of day")
        date = self._three("SYST:DATE?")
        time = self._three("SYST:TIME?")
        if (later := self._three("SYST:DATE?")) != date:  # midnight came between the two
            date, time = later, self._three("SYST:TIME?")
        try:
            return TimeOfDay(datetime(*date, *time), 1.0)  # noqa: DTZ001  (it knows no zone)
        except ValueError:
            raise ReplyError(self.name, f"shows {date} {time}, which is no date") from None

    def wavelength_nm(self) -> float:
        """The wavelength the sensor's response is corrected for."""
        return self._wavelength_nm("SENS:CORR:WAV?")

    def set_wavelength_nm(self, wavelength_nm: float) -> None:
        """Correct the sensor's response for this wavelength."""
        check_envelope(self._settings, self.capabilities, "wavelength_nm", wavelength_nm)
        command = f"SENS:CORR:WAV {wavelength_nm:.1f}"

        def write() -> None:
            tell(self._line, command)
            check_errors(self._line, command)

        with self._transport.lock:
            move(
                self._settings,
                setting="wavelength_nm",
                value=wavelength_nm,
                write=write,
                read=self.wavelength_nm,
                settle_s=self.capabilities.settle_s,
                tolerance=0.5,
            )

    @property
    def _line(self) -> Transport:
        """The line, connected anew where the device may have dropped it for our silence."""
        if self._spoken_ns is not None:
            now_ns = self._settings.clock.now_ns()
            if now_ns - self._spoken_ns > _SILENT_S * 1e9 and self._settings.resource.upper().startswith("TCPIP"):
                self._transport.reopen()
            self._spoken_ns = now_ns
        return self._transport

    def _prepare(self) -> None:
        drain_errors(self._line)
        sensor = ask(self._line, "SYST:SENS:IDN?", idempotent=True)
        if sensor.lower().startswith("no sensor"):
            raise InstrumentError(self.name, "no sensor is plugged into the power meter")
        hardware = self._wavelength_nm("SENS:CORR:WAV? MIN"), self._wavelength_nm("SENS:CORR:WAV? MAX")
        self.capabilities = replace(
            CAPABILITIES, ranges={"wavelength_nm": narrowed(hardware, self._settings.envelope, "wavelength_nm")}
        )
        declared = self._settings.declared
        if isinstance(declared, PowerMeterDevice) and abs(self.wavelength_nm() - declared.wavelength_nm) > 0.5:
            self.set_wavelength_nm(declared.wavelength_nm)

    def _three(self, query: str) -> tuple[int, int, int]:
        reply = ask(self._line, query, idempotent=True)
        if (found := _THREE.fullmatch(reply)) is None:
            raise ReplyError(self.name, f"{query}: expected three whole numbers, got {reply[:40]!r}")
        return int(found[1]), int(found[2]), int(found[3])

    def _wavelength_nm(self, query: str) -> float:
        return number(self.name, query, ask(self._line, query, idempotent=True))


def build(settings: DeviceSettings) -> PowerMeter:
    """The driver for one meter; nothing is opened yet."""
    return ThorlabsPm100d(settings)


SPEC = DriverSpec(
    name="thorlabs-pm100d",
    role="power-meter",
    title="Thorlabs PM100D optical power meter (SCPI)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="SCPI lines over TCPIP::…::SOCKET or USB, newline both ways",
)
