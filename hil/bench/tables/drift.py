"""How a link changes by itself over days: ``[link.X.drift]`` and ``[[link.X.maintenance]]``. Twins only."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.quantities import Actual, Decibels, Seconds, SomeSeconds, Table

__all__ = ["Drift", "Maintenance"]

NotNegative = Annotated[float, Meta(ge=0.0)]


class Drift(Table, frozen=True, kw_only=True):
    """``[link.X.drift]``. Bench time zero is midnight; what is declared elsewhere is meant at the site's mean temperature."""

    day_night_k: NotNegative = 0.0
    """Half of the difference between the warmest and the coldest hour of a day."""
    warmest_s: Seconds = field(name="warmest", default=54_000.0)
    """Time of day."""
    weather_k: NotNegative = 0.0
    """Root mean square of the slow change of the weather, beyond day and night."""
    weather_scale_s: SomeSeconds = field(name="weather_scale", default=172_800.0)
    """After which the weather's correlation is 1/e."""
    fibre_coupling: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.3
    """Share of the site's temperature that reaches the fibre: its delay follows."""
    detector_coupling: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0
    """Share that reaches the detectors: their dark counts follow."""
    misalignment_per_k: NotNegative = 0.0
    """Added misalignment per kelvin away from the mean."""
    misalignment_per_day: NotNegative = 0.0
    """Added misalignment per day since the last recalibration."""
    loss_db_per_k: NotNegative = 0.0
    """Loss per kelvin away from the mean."""
    laser_db: Annotated[float, Meta(ge=0.0, le=3.0)] = 0.0
    """Root mean square of the wander of the transmitter's power, in decibels."""
    laser_scale_s: SomeSeconds = field(name="laser_scale", default=21_600.0)
    laser_loss_per_day_db: Decibels = field(name="laser_loss_per_day", default=0.0)
    """Ageing: what the transmitter's power loses a day."""
    actual: Actual = {}


class Maintenance(Table, frozen=True, kw_only=True):
    """``[[link.X.maintenance]]``: times at which no light passes, regularly or once."""

    first_s: Seconds = field(name="first")
    lasts_s: SomeSeconds = field(name="lasts")
    every_s: Seconds = field(name="every", default=0.0)
    """From one to the next; 0 for once."""
    work: Literal["inspection", "recalibration"] = "inspection"
    """After a recalibration, misalignment and laser power are as declared again."""
