"""``[device.X]`` of what sends light."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from hil.bench.tables.device import DeviceTable
from hil.bench.tables.quantities import PositiveRatio, SomeHertz, SomeSeconds, Watts

__all__ = ["TransmitterDevice"]


class TransmitterDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="transmitter"):
    """Decoy-state BB84 transmitter."""

    pulse_rate_hz: SomeHertz = field(name="pulse_rate")
    intensities: tuple[float, ...]
    intensity_probabilities: tuple[float, ...]
    key_basis_probability: PositiveRatio
    pilot_power_w: Watts = field(name="pilot_power", default=1e-5)
    """Bright synchronisation light launched beside the quantum signal; what a tap's power meter sees."""
    calibration_every_s: SomeSeconds = field(name="calibration_every", default=432_000.0)
    level: Literal["L0", "L1", "L2", "L3"] = "L3"
