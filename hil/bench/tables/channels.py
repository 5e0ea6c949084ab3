"""What light goes through between two sites: a laid fibre, and passive parts.

A number whose unit no quantity has carries it in its key (``drift_rad_per_s``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.quantities import (
    ABOVE_ZERO,
    Actual,
    Celsius,
    Decibels,
    DecibelsPerKm,
    Hertz,
    Kilometres,
    Nanometres,
    Seconds,
    SomeSeconds,
    Table,
    Watts,
)

__all__ = ["Dispersion", "Element", "Fibre", "Polarisation", "Traffic"]

NotNegative = Annotated[float, Meta(ge=0.0)]


class Dispersion(Table, frozen=True, kw_only=True):
    """``[link.X.fibre.dispersion]``: pulses that spread over their detection window; widths are full ones at half maximum."""

    dispersion_ps_per_nm_km: float = 17.0
    line_width_nm: Nanometres = field(name="line_width")
    pulse_width_s: SomeSeconds = field(name="pulse_width")
    window_s: SomeSeconds = field(name="window")
    """Time around each slot's middle in which a click counts for it; at most a pulse period."""
    actual: Actual = {}


class Traffic(Table, frozen=True, kw_only=True):
    """``[link.X.fibre.traffic]``: classical light in the same fibre, whose Raman scattering reaches the detectors."""

    launch_power_w: Watts = field(name="launch_power")
    direction: Literal["co", "counter"] = "co"
    """Whether it travels with the quantum signal or against it."""
    raman_per_km_nm: NotNegative = 2e-9
    """Scattered share per kilometre of fibre and nanometre of receiver filter, at the quantum wavelength."""
    filter_width_nm: Nanometres = field(name="filter_width", default=0.8)
    wavelength_nm: Nanometres = field(name="wavelength", default=1550.0)
    """Of the quantum signal: what a scattered photon's energy is."""
    actual: Actual = {}


class Polarisation(Table, frozen=True, kw_only=True):
    """``[link.X.fibre.polarisation]``: the state of polarisation wanders, and a controller holds it back.

    Without a controller it wanders on from time zero.
    """

    drift_rad_per_s: NotNegative
    """Root mean square rotation after one second; it grows with the square root of time."""
    feedback_every_s: Seconds = field(name="feedback_every", default=0.0)
    """The controller realigns at once, at every whole multiple of this time."""
    feedback_bandwidth_hz: Hertz = field(name="feedback_bandwidth", default=0.0)
    """Or it corrects all the time, with this bandwidth."""
    actual: Actual = {}


class Fibre(Table, frozen=True, kw_only=True):
    """``[link.X.fibre]``."""

    length_km: Kilometres = field(name="length")
    attenuation_db_per_km: DecibelsPerKm = field(name="attenuation", default=0.2)
    excess_loss_db: Decibels = field(name="excess_loss", default=0.0)
    splices: Annotated[int, Meta(ge=0)] = 0
    splice_loss_db: Decibels = field(name="splice_loss", default=0.05)
    connectors: Annotated[int, Meta(ge=0)] = 0
    connector_loss_db: Decibels = field(name="connector_loss", default=0.3)
    group_index: Annotated[float, ABOVE_ZERO] = 1.468
    temperature_c: Celsius = field(name="temperature", default=20.0)
    """Light takes longer through a warmer fibre; it has its declared length at 20 degrees Celsius."""
    dispersion: Dispersion | None = None
    traffic: Traffic | None = None
    polarisation: Polarisation | None = None
    actual: Actual = {}
    """Twins only: what the laid fibre is really like (``actual = { length = "85 km" }``); its tables have their own."""


class Element(Table, frozen=True, kw_only=True):
    """``[link.X.element.NAME]``: a passive part of the path without a driver; it stands in the path by its name."""

    kind: Literal["connector", "filter", "splitter", "isolator", "multiplexer"] = "connector"
    loss_db: Decibels = field(name="loss")
    actual: Actual = {}
