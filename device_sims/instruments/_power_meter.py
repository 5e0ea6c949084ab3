"""What a simulated optical power meter reads: a sensor with a floor, ranges and noise on the world's tap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.bench.model import PowerMeterDevice

from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from datetime import date

    from hil.device_sims.world.world import World

__all__ = ["OVERLOAD", "PowerReading", "Sensor", "sensor_of"]

OVERLOAD = 9.9e37
"""SCPI-99's positive infinity."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RELATIVE_NOISE = 2e-4
_RANGE_NOISE = 1e-5
_FLOOR_SIGMAS = 3.0
_POWER_SENSOR, _WAVELENGTH_SETTABLE = 1, 32


@dataclass(frozen=True)
class Sensor:
    """A sensor head: the wavelengths it is made for and its response there, taken as flat."""

    name: str
    low_nm: float
    high_nm: float
    kind: int
    response_a_per_w: float


_SENSORS = (
    Sensor("S155C", 800.0, 1700.0, 1, 0.9),
    Sensor("S150C", 350.0, 1100.0, 1, 0.45),
    Sensor("S302C", 150.0, 25_000.0, 2, 0.3),
)


def sensor_of(wavelength_nm: float) -> Sensor:
    """The first head made for a wavelength, or the widest one."""
    return next((sensor for sensor in _SENSORS if sensor.low_nm <= wavelength_nm <= sensor.high_nm), _SENSORS[-1])


class PowerReading:
    """Readings of one meter. The response is flat: the wavelength setting is kept and told, and corrects nothing.

    A reading is the tap's power with Gaussian noise whose standard deviation is a third of the bench file's floor, a share of
    the range in use and a share of the power, averaged down by the root of the averaging count.
    """

    def __init__(self, world: World, device: str) -> None:
        declared = declared_as(world, device, PowerMeterDevice)
        self.declared = declared
        self.sensor = sensor_of(declared.wavelength_nm)
        self._world = world
        self._device = device
        # decades from the most down to where the floor is a tenth of the range
        count = 1
        while declared.max_w * 10.0**-count >= 10.0 * declared.floor_w and count < 12:
            count += 1
        self.ranges_w = tuple(declared.max_w * 10.0**-step for step in reversed(range(count)))

    def power_w(self, now_ns: int, range_w: float, averages: int) -> float:
        """One reading in a range; :data:`OVERLOAD` beyond it."""
        true_w = self._world.tap_power_w(self._device, now_ns)
        if true_w > range_w:
            return OVERLOAD
        sigma_w = math.hypot(self.declared.floor_w / _FLOOR_SIGMAS, _RANGE_NOISE * range_w, _RELATIVE_NOISE * true_w)
        sigma_w /= math.sqrt(averages)
        return true_w + sigma_w * float(self._world.noise(f"{self._device}.power", now_ns).standard_normal())

    def range_for(self, power_w: float) -> float:
        """The smallest range that holds a power, or the largest there is."""
        return next((range_w for range_w in self.ranges_w if power_w <= range_w), self.ranges_w[-1])

    def automatic_range_w(self, now_ns: int) -> float:
        """The range that autoranging has come to."""
        return self.range_for(self._world.tap_power_w(self._device, now_ns))

    def sensor_identity(self) -> str:
        """Name, serial number, calibration, type, subtype and flags."""
        flags = _POWER_SENSOR | _WAVELENGTH_SETTABLE
        serial = serial_number(self._world, self._device, "S")
        return f"{self.sensor.name},{serial},{self.calibrated()},{self.sensor.kind},1,{flags}"

    def calibrated(self) -> str:
        """The day of the latest calibration that the bench file tells."""
        days = [calibration.on for calibration in self.declared.calibration.values()]
        return _dated(max(days)) if days else "uncalibrated"


def _dated(day: date) -> str:
    return f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year}"
