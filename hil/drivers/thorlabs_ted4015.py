"""Thorlabs TED4015 TEC controller over USB (USBTMC), and whatever carries its lines.

SCPI, a newline both ways: ``SOUR:TEMP 25C``, ``OUTP ON``, ``MEAS:SCAL:TEMP?``, as open drivers of the 4000 series have it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.bench.model import TemperatureControllerDevice
from hil.drivers._scpi_instrument import ScpiInstrument
from hil.drivers._setting import slowly
from hil.errors import InstrumentError
from hil.ports.identity import Capabilities
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import TemperatureController
    from hil.transports import Transport

__all__ = ["SPEC", "ThorlabsTed4015"]

CAPABILITIES = Capabilities(features=frozenset({"cooling"}), ranges={"setpoint_c": (-55.0, 150.0)}, settle_s=100.0)
_TIME_CONSTANTS = 5.0


class ThorlabsTed4015(ScpiInstrument):
    """Cooler and heater of one stage."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        super().__init__(settings, CAPABILITIES, transport)
        declared = settings.declared
        if isinstance(declared, TemperatureControllerDevice):
            self.capabilities = replace(self.capabilities, settle_s=_TIME_CONSTANTS * declared.time_constant_s)

    def park(self) -> None:
        """Temperatures are held."""

    def temperature_c(self) -> float:
        """What the sensor reads."""
        return self._number("MEAS:SCAL:TEMP?")

    def setpoint_c(self) -> float:
        """What it regulates to."""
        return self._number("SOUR:TEMP?")

    @slowly
    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Regulate to this; returns once it is accepted."""
        self._move("setpoint_c", setpoint_c, f"SOUR:TEMP {setpoint_c:.3f}C", self.setpoint_c, tolerance=0.01)

    def enabled(self) -> bool:
        """Whether it regulates."""
        return self._switched("OUTP?")

    def set_enabled(self, *, enabled: bool) -> None:
        """Regulate, or let the stage go to ambient temperature."""
        with self._transport.lock:
            self._carry_out("OUTP ON" if enabled else "OUTP OFF")
            if self.enabled() is not enabled:
                raise InstrumentError(self.name, "its output does not follow; look for an alarm on its front panel")


def build(settings: DeviceSettings) -> TemperatureController:
    """The driver for one controller; nothing is opened yet."""
    return ThorlabsTed4015(settings)


SPEC = DriverSpec(
    name="thorlabs-ted4015",
    role="temperature-controller",
    title="Thorlabs TED4015 TEC controller (SCPI)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="SCPI lines over USB or a stream, newline both ways",
)
