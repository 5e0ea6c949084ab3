"""``[device.X]`` of what sends light."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.device import DeviceTable
from hil.bench.tables.quantities import ABOVE_ZERO, Decibels, Nanometres, PositiveRatio, Ratio, SomeHertz, SomeSeconds, Watts

__all__ = ["PairSourceDevice", "TransmitterDevice"]


class PairSourceDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="pair-source"):
    """Source of photon pairs entangled in polarisation, between the two receivers of its link.

    The pairs of one pulse are independent of each other. A source that is pumped continuously has coincidence slots for pulses.
    """

    pulse_rate_hz: SomeHertz = field(name="pulse_rate")
    mean_pairs: Annotated[float, ABOVE_ZERO]
    """Pairs per pulse that leave the source."""
    statistics: Literal["poisson", "thermal"] = "poisson"
    modes: Annotated[int, Meta(ge=1)] = 1
    """Thermal pairs only: modes of equal brightness that share them."""
    visibility_key: Ratio = 1.0
    """Visibility of the pairs in the key basis, as they leave the source."""
    visibility_test: Ratio = 1.0
    wavelength_nm: Nanometres = field(name="wavelength", default=1550.0)
    pilot_power_w: Watts = field(name="pilot_power", default=1e-5)
    """Synchronisation light launched into each arm; what a tap's power meter sees."""
    calibration_every_s: SomeSeconds = field(name="calibration_every", default=432_000.0)


class TransmitterDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="transmitter"):
    """Prepare-and-measure BB84 transmitter."""

    pulse_rate_hz: SomeHertz = field(name="pulse_rate")
    source: Literal["weak-coherent", "single-photon"] = "weak-coherent"
    intensities: tuple[float, ...]
    """Mean photon numbers of a pulse, strongest first."""
    intensity_probabilities: tuple[float, ...]
    intensity_uncertainty: Annotated[float, Meta(ge=0.0, lt=0.5)] = 0.0
    """Relative: an intensity of 0.5 to 0.01 is anything from 0.495 to 0.505, and key lengths hold for all of it."""
    g2: Ratio = 0.0
    """Of a single-photon source: second-order correlation at zero delay, 2 P(two photons) / mean²."""
    key_basis_probability: PositiveRatio
    bit_one_probability: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.5
    intensity_fluctuation: Annotated[float, Meta(ge=0.0, le=0.25)] = 0.0
    """Relative standard deviation of a pulse's intensity."""
    intensity_correlation: Annotated[float, Meta(ge=-0.5, le=0.5)] = 0.0
    """How much stronger, relatively, a pulse is after the strongest intensity than after an empty pulse."""
    preparation_error: tuple[Annotated[float, Meta(ge=0.0, le=0.5)], ...] = ()
    """Share of a state's light that is in the opposite state of its basis: one for all, one a basis, or one a state."""
    encoding: Literal["polarisation", "time-bin"] = "polarisation"
    extinction_db: Decibels = field(name="extinction", default=30.0)
    """Time-bin only: how far the empty bin of the key basis lies below the full one."""
    phase: Literal["randomised", "constant"] = "randomised"
    pilot_power_w: Watts = field(name="pilot_power", default=1e-5)
    """Bright synchronisation light launched beside the quantum signal; what a tap's power meter sees."""
    calibration_every_s: SomeSeconds = field(name="calibration_every", default=432_000.0)
    level: Literal["L0", "L1", "L2", "L3"] = "L3"
