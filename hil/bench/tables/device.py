"""What every device of a bench file may say."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.quantities import Actual, Envelope, Pause, Table

__all__ = ["Calibration", "DeviceTable", "Reading"]

Reading = Literal["temperature_c", "stage_temperature_c", "power_w", "counts_hz"]
"""What a device may be watched by; ``counts_hz`` are all clicks of a receiver."""


class Calibration(Table, frozen=True, kw_only=True):
    """``[device.X.calibration.Y]``: value of a quantity with expanded uncertainty (coverage factor ``k``) and its dates."""

    value: float
    expanded_uncertainty: float
    k: float = 2.0
    on: date
    due: date
    certificate: str = ""


class DeviceTable(Table, frozen=True, kw_only=True):
    """What every device may say."""

    driver: str
    twin: str = ""
    """Name of its simulated twin; empty means the one with the driver's name."""
    address: str = ""
    data_address: str = ""
    firmware: str = ""
    """A PEP 440 range its firmware version has to satisfy, checked before the first test."""
    serial: str = ""
    site: str = ""
    region: str = ""
    envelope: Envelope = {}
    """Setting to its allowed interval, with units; once loaded, SI floats by attribute name (``attenuation_db``)."""
    actual: Actual = {}
    """Twins only: what the device is really like where it differs from its declaration, by the same keys; once loaded, SI
    floats by attribute name (``dark_count_rate_hz``)."""
    chaos: Literal["", "allow"] = ""
    chaos_per_hour: Annotated[int, Meta(ge=1)] | None = None
    """How many faults may move it in an hour, on hardware those of all runs of this machine together."""
    chaos_cool_down_s: Pause = field(name="chaos_cool_down", default=0.0)
    """Least time from the healing of a fault to the next one that moves it."""
    chaos_slew: Actual = {}
    """Most that a fault may change a setting in one second, by setting; healing is never held up."""
    chaos_abort: dict[Reading, tuple[float, ...]] = {}
    """Readings and the interval they must stay in while any fault is in; outside, everything is healed and the test ends."""
    calibration: dict[str, Calibration] = {}
