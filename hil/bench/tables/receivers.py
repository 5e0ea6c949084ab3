"""``[device.X]`` of what detects it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.device import DeviceTable
from hil.bench.tables.quantities import (
    Celsius,
    Decibels,
    Degrees,
    Hertz,
    PositiveRatio,
    Ratio,
    Seconds,
    SomeSeconds,
    Table,
    Watts,
)

__all__ = ["AfterpulseFamily", "ReceiverDevice"]


class AfterpulseFamily(Table, frozen=True, kw_only=True):
    """One more family of traps: chance that a click leaves an afterpulse, and its decay time."""

    probability: Ratio
    decay_s: SomeSeconds = field(name="decay")


class ReceiverDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="receiver"):
    """Single-photon receiver."""

    detectors: tuple[str, ...] = ("z0", "z1", "x0", "x1")
    efficiency: PositiveRatio
    efficiency_ratio: PositiveRatio = 1.0
    """Least efficiency of a detector over the greatest, whatever light arrives; key lengths hold down to it."""
    insertion_loss_db: Decibels = field(name="insertion_loss", default=0.0)
    dark_count_rate_hz: Hertz = field(name="dark_count_rate")
    """Per detector, without afterpulses, at the declared temperature."""
    dead_time_s: Seconds = field(name="dead_time")
    afterpulse_probability: Ratio = 0.0
    afterpulse_decay_s: SomeSeconds = field(name="afterpulse_decay", default=1e-6)
    dead_time_kind: Literal["non-paralysable", "paralysable"] = "non-paralysable"
    """``paralysable``: what arrives in the dead time prolongs it."""
    recovery_time_s: Seconds = field(name="recovery_time", default=0.0)
    """After the dead time the efficiency comes back as 1 - exp(-t / this); 0: at once."""
    afterpulse_hold_off_s: Seconds = field(name="afterpulse_hold_off", default=0.0)
    """The detector is off for this long after a click, and traps that empty in it do not count; with it, afterpulse
    probabilities are those of an unheld detector, without it those that are seen."""
    further_afterpulses: tuple[AfterpulseFamily, ...] = ()
    """Families of traps beside ``afterpulse_probability`` and ``afterpulse_decay``."""
    jitter_sigma_s: Seconds = field(name="jitter_sigma", default=0.0)
    """Standard deviation of the time of a click about its pulse."""
    jitter_tail_s: Seconds = field(name="jitter_tail", default=0.0)
    jitter_tail_share: Ratio = 0.0
    """This share of the clicks is late by an exponential time of mean ``jitter_tail`` besides."""
    gate_width_s: Seconds = field(name="gate_width", default=0.0)
    """The detector sees what falls within this time about a pulse; 0: free-running."""
    gate_period_s: Seconds = field(name="gate_period", default=0.0)
    """Time between gates, whole pulse periods; 0: a gate for every pulse."""
    latch_rate_hz: Hertz = field(name="latch_rate", default=0.0)
    """A nanowire whose click comes within 1 / this of the one before latches; 0: never."""
    latch_reset_s: Seconds = field(name="latch_reset", default=0.0)
    """How long it is silent then."""
    dark_count_activation_ev: Annotated[float, Meta(ge=0.0)] = 0.0
    """Activation energy of the dark counts in eV (Arrhenius); 0: they double every ``dark_count_doubling``."""
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
    efficiency_offset_s: Seconds = field(name="efficiency_offset", default=0.0)
    """Between the times of arrival at which the detectors of bit 0 and bit 1 see best; bit 0 the earlier."""
    efficiency_width_s: SomeSeconds = field(name="efficiency_width", default=5e-10)
    """Full width at half maximum of a detector's efficiency over the time of arrival (Gaussian)."""
    blinding_threshold_w: Watts = field(name="blinding_threshold", default=1e-3)
    """Continuous light at the receiver's detectors' splitter from which on they are blind and click for bright pulses only."""
    latching_threshold_w: Watts = field(name="latching_threshold", default=0.0)
    """Light there that latches superconducting detectors until their bias is taken; 0: they do not latch."""
    damage_threshold_w: Watts = field(name="damage_threshold", default=1e-3)
    """Most continuous light that one of its detectors bears. 1 mW is the absolute maximum rating that makers of single-photon
    InGaAs avalanche photodiodes give (lontenoe.com, cooled butterfly module, "input optical power (continuous)")."""
    efficiency_ageing: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0
    """Share of the efficiency that is lost in 1000 hours."""
    dark_count_ageing: Annotated[float, Meta(ge=0.0)] = 0.0
    """Relative growth of the dark counts in 1000 hours."""
    timing: Literal["indices", "tags"] = "indices"
    """Whether its electronics assign pulse indices, or tell when each click was by a clock of their own."""
    tick_s: SomeSeconds = field(name="tick", default=125e-12)
    """Of that clock; taken as the exact decimal number."""
    window_s: SomeSeconds = field(name="window", default=600e-12)
    """With tags: full width around a pulse's centre in which clicks count."""
    clock_offset_s: Seconds = field(name="clock_offset", default=0.0)
    """What its clock reads at power-up."""
    clock_error_ppm: float = 0.0
    clock_drift_ppm_per_h: float = 0.0
    clock_noise: Ratio = 0.0
    """Allan deviation of its flicker floor."""
    level: Literal["L0", "L1", "L2", "L3"] = "L3"
