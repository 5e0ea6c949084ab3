"""The simulated Thorlabs PM100D behind its commands: what is set, and how a reading comes about."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from ._power_meter import OVERLOAD
from ._scpi import ScpiDevice
from ._scpi_tree import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ._power_meter import PowerReading

__all__ = ["Meter"]

_SAMPLE_S = 3e-4
_MEASURED = 0x0200
_LEAST_SHOWN_W = 1e-15
_BRIGHTEST_ZERO_FLOORS = 100.0


class Meter(ScpiDevice):
    """One meter: what is set, and what was measured last."""

    def __init__(self, identity: str, reading: PowerReading, clock: Callable[[int], datetime]) -> None:
        super().__init__(identity)
        self.reading = reading
        self.clock_set = timedelta()
        self._clock = clock
        self.restore()

    def restore(self) -> None:
        """Settings as at power-up."""
        self.wavelength_nm = self.reading.declared.wavelength_nm
        self.manual_range_w: float | None = None
        self.averages = 1
        self.in_dbm = False
        self.zero_w = 0.0
        self.correction_db = 0.0
        self.beam_mm = 9.5
        self.line_hz = 50
        self.configured = "POW"
        self.last: str | None = None

    def time_of_day(self, now_ns: int) -> datetime:
        """What its clock shows, which knows no zone, as it was last set."""
        return self._clock(now_ns).replace(tzinfo=None) + self.clock_set

    def range_w(self, now_ns: int) -> float:
        """The range in use."""
        return self.manual_range_w if self.manual_range_w is not None else self.reading.automatic_range_w(now_ns)

    def power_w(self, now_ns: int) -> float:
        """One acquisition, corrected."""
        self.busy_s += self.averages * _SAMPLE_S if self.averages > 1 else 0.0
        measured_w = self.reading.power_w(now_ns, self.range_w(now_ns), self.averages)
        self.operation.pulse(_MEASURED)
        return measured_w if measured_w == OVERLOAD else (measured_w - self.zero_w) * 10.0 ** (self.correction_db / 10.0)

    def measure(self, now_ns: int) -> str:
        """Acquire what is configured and keep it for ``FETCh?``."""
        power_w = self.power_w(now_ns)
        if power_w == OVERLOAD:
            value = OVERLOAD
        elif self.configured == "CURR":
            value = power_w * self.reading.sensor.response_a_per_w
        elif self.in_dbm:
            value = 10.0 * math.log10(max(power_w, _LEAST_SHOWN_W) * 1e3)
        else:
            value = power_w
        self.last = f"{value:.6E}"
        return self.last

    def adjust_zero(self, now_ns: int) -> None:
        """Take what is read now for darkness; refused in the light."""
        self.zero_w = 0.0
        dark_w = self.reading.power_w(now_ns, self.range_w(now_ns), 100)
        if dark_w > _BRIGHTEST_ZERO_FLOORS * self.reading.declared.floor_w:
            raise ScpiError(-200)
        self.zero_w = dark_w

    def response_a_per_w(self) -> float:
        """Response of the sensor, at any wavelength."""
        return self.reading.sensor.response_a_per_w
