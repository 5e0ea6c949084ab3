"""``[device.X]`` of what detects it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.device import DeviceTable
from hil.bench.tables.quantities import Celsius, Decibels, Degrees, Hertz, PositiveRatio, Ratio, Seconds, SomeSeconds

__all__ = ["ReceiverDevice"]


class ReceiverDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="receiver"):
    """Single-photon receiver."""

    detectors: tuple[str, ...] = ("z0", "z1", "x0", "x1")
    efficiency: PositiveRatio
    insertion_loss_db: Decibels = field(name="insertion_loss", default=0.0)
    dark_count_rate_hz: Hertz = field(name="dark_count_rate")
    """Per detector, without afterpulses, at the declared temperature."""
    dead_time_s: Seconds = field(name="dead_time")
    afterpulse_probability: Ratio = 0.0
    afterpulse_decay_s: SomeSeconds = field(name="afterpulse_decay", default=1e-6)
    misalignment: Ratio = 0.0
    basis_choice: Literal["active", "passive"] = "passive"
    key_basis_probability: PositiveRatio
    angles_deg: tuple[Degrees, ...] = field(name="angles", default=(0.0, 45.0))
    """Entangled links: polariser angle of each setting, two detectors each; key basis, test basis, then a CHSH test's."""
    angle_probabilities: tuple[float, ...] = ()
    """How often each angle is measured; without it, two settings by ``key_basis_probability``."""
    detector_temperature_c: Celsius = field(name="detector_temperature", default=-40.0)
    dark_count_doubling_k: Annotated[float, Meta(gt=0.0)] = 10.0
    """Kelvin of warming that double the dark counts."""
    misalignment_per_k: float = 0.0
    """Added misalignment per kelvin that the controlled stage is away from its set point in the bench file."""
    level: Literal["L0", "L1", "L2", "L3"] = "L3"
