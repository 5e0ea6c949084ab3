"""``[device.X]`` of what stands beside a path: what drives a source, looks at a receiver's detectors, or feeds devices."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from hil.bench.tables.device import DeviceTable
from hil.bench.tables.quantities import Amperes, Celsius, KelvinsPerMinute, Nanometres, SomeAmperes, SomeSeconds, Volts

__all__ = ["DetectorDevice", "LaserDevice", "PowerOutletDevice", "TimeTaggerDevice"]


class LaserDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="laser"):
    """Driver of the laser behind a transmitter or a pair source; ``current`` and ``setpoint`` are its operating point."""

    drives: str
    """Transmitter or pair source whose light it makes: none without it, less with less current."""
    current_a: Amperes = field(name="current")
    threshold_a: Amperes = field(name="threshold", default=0.0)
    """Below this current there is no light; above it, light grows in proportion."""
    limit_a: SomeAmperes = field(name="limit")
    setpoint_c: Celsius = field(name="setpoint", default=25.0)
    """Of its thermo-electric cooler."""
    time_constant_s: SomeSeconds = field(name="time_constant", default=2.0)
    ambient_c: Celsius = field(name="ambient", default=22.0)
    slew_k_per_min: KelvinsPerMinute = field(name="slew", default=0.0)
    """How fast its set point may move, whoever moves it; zero: as fast as it likes."""
    wavelength_nm: Nanometres = field(name="wavelength", default=1550.0)


class DetectorDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="detector"):
    """Control unit of one detector of a receiver: its bias, cooler and counter."""

    of: str
    """The receiver."""
    channel: str
    """Name of the detector among the receiver's."""
    bias_v: Volts = field(name="bias", default=210.0)
    """At which the detector has its declared efficiency."""
    setpoint_c: Celsius = field(name="setpoint", default=-20.0)


class TimeTaggerDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="time-tagger"):
    """Counter or time tagger on the outputs of detectors."""

    inputs: tuple[str, ...]
    """The detector at each input in order, as ``receiver.detector``."""
    window_s: SomeSeconds = field(name="window", default=2e-9)
    """Full width within which clicks at two inputs are a coincidence."""


class PowerOutletDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="power-outlet"):
    """One outlet of a power distribution unit."""

    outlet: Annotated[int, Meta(ge=1)] = 1
    feeds: tuple[str, ...]
    """Devices that are without power while it is off."""
    user: str = "admin"
    password_file: str = ""
    """A file that holds the password and nothing else; without one, the maker's default."""
