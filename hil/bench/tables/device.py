"""What every device of a bench file may say."""

from __future__ import annotations

from datetime import date
from typing import Literal

from hil.bench.tables.quantities import Actual, Envelope, Table

__all__ = ["Calibration", "DeviceTable"]


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
    calibration: dict[str, Calibration] = {}
