"""Types of a bench file's values: strings with a unit, ratios, intervals; and the base of its tables."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

__all__ = [
    "ABOVE_ZERO",
    "Actual",
    "Amperes",
    "BitsPerSecond",
    "Celsius",
    "Decibels",
    "DecibelsPerKm",
    "Degrees",
    "Envelope",
    "Hertz",
    "KelvinsPerMinute",
    "Kilometres",
    "Nanometres",
    "Pause",
    "PositiveRatio",
    "Ratio",
    "Seconds",
    "SomeAmperes",
    "SomeHertz",
    "SomeSeconds",
    "Table",
    "Volts",
    "Watts",
    "quantity",
]


def quantity(name: str) -> Meta:
    """Marks a number that the file gives as a string with a unit of this quantity."""
    return Meta(extra={"quantity": name})


ABOVE_ZERO = Meta(gt=0.0)

Seconds = Annotated[float, quantity("time")]
Pause = Annotated[float, Meta(extra={"quantity": "time", "setting": False})]
"""A time that is about a device's use and is nothing it could be set to."""
SomeSeconds = Annotated[Seconds, ABOVE_ZERO]
Hertz = Annotated[float, quantity("rate")]
SomeHertz = Annotated[Hertz, ABOVE_ZERO]
Decibels = Annotated[float, quantity("loss")]
DecibelsPerKm = Annotated[float, quantity("loss per length")]
Kilometres = Annotated[float, quantity("length")]
Watts = Annotated[float, quantity("power")]
Celsius = Annotated[float, quantity("temperature")]
KelvinsPerMinute = Annotated[float, quantity("temperature slew")]
BitsPerSecond = Annotated[float, quantity("bit rate")]
Amperes = Annotated[float, quantity("current")]
SomeAmperes = Annotated[Amperes, ABOVE_ZERO]
Volts = Annotated[float, quantity("voltage")]
Degrees = Annotated[float, quantity("angle")]
Nanometres = Annotated[float, quantity("wavelength"), ABOVE_ZERO]
Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
PositiveRatio = Annotated[float, Meta(gt=0.0, le=1.0)]
Envelope = Annotated[dict[str, tuple[float | str, float | str]], Meta(extra={"settings": "interval"})]
Actual = Annotated[dict[str, float | str | tuple[float, ...]], Meta(extra={"settings": "value"})]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of a bench file."""
