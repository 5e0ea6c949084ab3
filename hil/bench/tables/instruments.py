"""``[device.X]`` of the instruments in and beside an optical path."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from hil.bench.tables.device import DeviceTable
from hil.bench.tables.quantities import Celsius, Decibels, KelvinsPerMinute, Nanometres, PositiveRatio, SomeSeconds, Watts

__all__ = ["AttenuatorDevice", "PowerMeterDevice", "SwitchDevice", "TemperatureControllerDevice"]


class AttenuatorDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="attenuator"):
    """Variable optical attenuator in the path; ``attenuation`` is its operating point, insertion loss included."""

    attenuation_db: Decibels = field(name="attenuation")


class SwitchDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="switch"):
    """Optical switch in the path: one channel passes the link, another is dark."""

    through_channel: Annotated[int, Meta(ge=1)] = 1
    dark_channel: Annotated[int, Meta(ge=1)] = 2
    insertion_loss_db: Decibels = field(name="insertion_loss", default=0.7)
    isolation_db: Decibels = field(name="isolation", default=50.0)


class PowerMeterDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="power-meter"):
    """Power meter on a tap of the path: it sees the pilot light there."""

    tap_ratio: PositiveRatio = 0.1
    tap_loss_db: Decibels = field(name="tap_loss", default=0.5)
    wavelength_nm: Nanometres = field(name="wavelength", default=1550.0)
    floor_w: Watts = field(name="floor", default=1e-10)
    max_w: Watts = field(name="maximum", default=2e-2)


class TemperatureControllerDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="temperature-controller"):
    """Holds one stage of another device at a temperature."""

    controls: str
    """Device whose stage it holds."""
    setpoint_c: Celsius = field(name="setpoint")
    time_constant_s: SomeSeconds = field(name="time_constant", default=20.0)
    ambient_c: Celsius = field(name="ambient", default=22.0)
    slew_k_per_min: KelvinsPerMinute = field(name="slew", default=0.0)
    """How fast its set point may move, whoever moves it; zero: as fast as it likes."""
