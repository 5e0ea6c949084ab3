"""``[link.X.free_space]``: light through the air, over a fixed distance or from a satellite that passes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.quantities import ABOVE_ZERO, Actual, Decibels, Kilometres, Nanometres, Seconds, SomeSeconds, Table

__all__ = ["Background", "FreeSpace", "Orbit"]

Above = Annotated[float, ABOVE_ZERO]
NotNegative = Annotated[float, Meta(ge=0.0)]
Elevation = Annotated[float, Meta(gt=0.0, le=90.0)]


class Orbit(Table, frozen=True, kw_only=True):
    """``[link.X.free_space.orbit]``: passes of a satellite on a circular orbit; light only above ``min_elevation_deg``."""

    altitude_km: Annotated[Kilometres, ABOVE_ZERO] = field(name="altitude")
    max_elevation_deg: Elevation = 90.0
    """At culmination."""
    min_elevation_deg: Elevation = 10.0
    culmination_s: Seconds = field(name="culmination")
    """Bench time of the first one."""
    every_s: Seconds = field(name="every", default=0.0)
    """From one pass to the next; 0 for a single one."""


class Background(Table, frozen=True, kw_only=True):
    """``[link.X.free_space.background]``: light of the sky in the receiver's telescope."""

    day_radiance_w_per_m2_sr_nm: NotNegative = 0.0
    night_radiance_w_per_m2_sr_nm: NotNegative = 0.0
    field_of_view_urad: Above
    """Full angle."""
    filter_width_nm: Nanometres = field(name="filter_width")
    wavelength_nm: Nanometres = field(name="wavelength")
    sunrise_s: Seconds = field(name="sunrise", default=21_600.0)
    """Time of day; bench time zero is midnight."""
    sunset_s: Seconds = field(name="sunset", default=64_800.0)
    actual: Actual = {}


class FreeSpace(Table, frozen=True, kw_only=True):
    """``[link.X.free_space]``."""

    range_km: Kilometres = field(name="range", default=0.0)
    """Of a fixed link; a satellite's follows from its orbit."""
    transmit_aperture_m: Above
    receive_aperture_m: Above
    divergence_urad: Above
    """Half angle of the far field at 1/e² of the intensity."""
    pointing_jitter_urad: NotNegative = 0.0
    """Root mean square of each of two axes; faster than any count, so that its mean loss acts."""
    atmosphere_loss_db: Decibels = field(name="atmosphere_loss", default=0.0)
    """Of the whole path of a fixed link; from the zenith for a satellite."""
    optics_loss_db: Decibels = field(name="optics_loss", default=0.0)
    fading: Literal["none", "log-normal", "gamma-gamma"] = "none"
    scintillation_index: Annotated[float, Meta(ge=0.0, le=4.0)] = 0.0
    """Log-normal: variance of the normalised intensity."""
    rytov_variance: Annotated[float, Meta(ge=0.0, le=100.0)] = 0.0
    """Gamma-gamma: strength of the turbulence for a plane wave."""
    coherence_time_s: SomeSeconds = field(name="coherence_time", default=0.01)
    """After which the fading's correlation is 1/e."""
    orbit: Orbit | None = None
    background: Background | None = None
    actual: Actual = {}
