"""Thorlabs ITC4001 laser diode and TEC controller over USB (USBTMC), and whatever carries its lines.

SCPI, a newline both ways: laser on output 1, cooler on output 2, as open drivers of the 4000 series have it. The laser is not
switched on while the cooler is off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.bench.model import LaserDevice
from hil.drivers._scpi_instrument import ScpiInstrument
from hil.drivers._setting import slowly
from hil.errors import InstrumentError
from hil.ports.identity import Capabilities
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import Laser
    from hil.transports import Transport

__all__ = ["SPEC", "ThorlabsItc4001"]

CAPABILITIES = Capabilities(
    features=frozenset({"tec"}), ranges={"current_a": (0.0, 1.0), "setpoint_c": (-55.0, 150.0)}, settle_s=10.0
)


class ThorlabsItc4001(ScpiInstrument):
    """Laser driver whose own current limit is never above the bench file's."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        super().__init__(settings, CAPABILITIES, transport)
        if isinstance(settings.declared, LaserDevice):
            least_a, most_a = self.capabilities.ranges["current_a"]
            ranges = {**self.capabilities.ranges, "current_a": (least_a, min(most_a, settings.declared.limit_a))}
            self.capabilities = replace(self.capabilities, ranges=ranges)

    def park(self) -> None:
        """Laser off; the cooler goes on holding its temperature."""
        self.set_emitting(emitting=False)

    def emitting(self) -> bool:
        """Whether laser current flows."""
        return self._switched("OUTP1:STATE?")

    def set_emitting(self, *, emitting: bool) -> None:
        """Laser current on or off; InstrumentError for a laser whose cooler is off."""
        self._settings.before_move("emitting", float(emitting))
        with self._transport.lock:
            if emitting and not self._switched("OUTP2:STATE?"):
                raise InstrumentError(self.name, "its cooler is off, so the laser stays off; switch the TEC on first (OUTP2)")
            self._carry_out(f"OUTP1:STATE {emitting:d}")
            if self.emitting() is not emitting:
                raise InstrumentError(self.name, "its laser does not follow; check interlock and key switch")

    def current_a(self) -> float:
        """The set current."""
        return self._number("SOUR:CURR:AMPL?")

    def set_current_a(self, current_a: float) -> None:
        """Set the current; it flows once the laser is on."""
        self._move("current_a", current_a, f"SOUR:CURR:AMPL {current_a:.6f}", self.current_a, tolerance=2e-6)

    def temperature_c(self) -> float:
        """What the cooler's sensor reads."""
        return self._number("MEAS:TEMP?")

    def setpoint_c(self) -> float:
        """What the cooler holds."""
        return self._number("SOUR2:TEMP:SPO?")

    @slowly
    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Set what the cooler holds; returns once that is accepted."""
        self._move("setpoint_c", setpoint_c, f"SOUR2:TEMP:SPO {setpoint_c:.3f}", self.setpoint_c, tolerance=0.01)

    def _prepare(self) -> None:
        """Lower the device's own current limit to the bench file's where it is above."""
        super()._prepare()
        limit_a = self.capabilities.ranges["current_a"][1]
        if self._number("SOUR:CURR:LIM?") > limit_a:
            self._carry_out(f"SOUR:CURR:LIM {limit_a:.6f}")


def build(settings: DeviceSettings) -> Laser:
    """The driver for one controller; nothing is opened yet."""
    return ThorlabsItc4001(settings)


SPEC = DriverSpec(
    name="thorlabs-itc4001",
    role="laser",
    title="Thorlabs ITC4001 laser diode and TEC controller (SCPI)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="SCPI lines over USB or a stream, newline both ways",
)
