"""What light goes through between two sites."""

from __future__ import annotations

from msgspec import field

from hil.bench.tables.quantities import Actual, Celsius, Decibels, DecibelsPerKm, Kilometres, Table

__all__ = ["Fibre"]


class Fibre(Table, frozen=True, kw_only=True):
    """``[link.X.fibre]``."""

    length_km: Kilometres = field(name="length")
    attenuation_db_per_km: DecibelsPerKm = field(name="attenuation", default=0.2)
    excess_loss_db: Decibels = field(name="excess_loss", default=0.0)
    temperature_c: Celsius = field(name="temperature", default=20.0)
    """Light takes longer through a warmer fibre; it has its declared length at 20 degrees Celsius."""
    actual: Actual = {}
    """Twins only: what the laid fibre is really like (``actual = { length = "85 km" }``)."""
