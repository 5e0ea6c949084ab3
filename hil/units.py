"""The one parser of human units, used where text enters: bench files, options, arguments of tests.

Everything inside works in SI floats whose unit stands in their name. A *quantity* is named by a word (``time``, ``rate``,
``loss``, ``loss per length``, ``length``, ``power``, ``temperature``, ``bit rate``, ``wavelength``, ``angle``, ``current``,
``voltage``, ``ratio``); each has one inner unit:

==================  ===============  =====================================================
quantity            parsed into      units accepted
==================  ===============  =====================================================
time                seconds          fs ps ns us µs ms s min h d
rate                hertz            Hz kHz MHz GHz cps kcps Mcps
loss                decibels         dB
loss per length     decibels per km  dB/km
length              kilometres       m km
power               watts            fW pW nW uW µW mW W dBm
temperature         degrees Celsius  degC °C K
bit rate            bits per second  bit/s kbit/s Mbit/s Gbit/s bps kbps Mbps Gbps
wavelength          nanometres       nm um µm
angle               degrees          deg
current             amperes          uA µA mA A
voltage             volts            mV V
ratio               a pure number    none, or %
==================  ===============  =====================================================
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NewType

from hil.errors import UsageError

__all__ = ["QUANTITIES", "Seconds", "accepted", "convert", "parse", "parse_duration", "pattern", "quantity_of_unit"]

Seconds = NewType("Seconds", float)

_ABSOLUTE_ZERO_C = -273.15
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LONGEST = 60
_TEXT = re.compile(rf"\s*({_NUMBER})\s*(\S*)\s*")


@dataclass(frozen=True)
class _Quantity:
    """Decimal factors to the inner unit (None: not a factor), an example, and the smallest value that makes sense."""

    units: dict[str, str | None]
    example: str
    minimum: float = 0.0
    floor: str = "of zero or more "


QUANTITIES: dict[str, _Quantity] = {
    "time": _Quantity(
        {
            "s": "1",
            "ms": "1e-3",
            "us": "1e-6",
            "ns": "1e-9",
            "ps": "1e-12",
            "fs": "1e-15",
            "min": "60",
            "h": "3600",
            "d": "86400",
        },
        "50 ns",
    ),
    "rate": _Quantity(
        {"Hz": "1", "kHz": "1e3", "MHz": "1e6", "GHz": "1e9", "cps": "1", "kcps": "1e3", "Mcps": "1e6"}, "60 cps"
    ),
    "loss": _Quantity({"dB": "1"}, "3 dB"),
    "loss per length": _Quantity({"dB/km": "1"}, "0.2 dB/km"),
    "length": _Quantity({"km": "1", "m": "1e-3"}, "25 km"),
    "power": _Quantity(
        {"W": "1", "mW": "1e-3", "uW": "1e-6", "nW": "1e-9", "pW": "1e-12", "fW": "1e-15", "dBm": None},
        "-20 dBm",
        floor="",
    ),
    "temperature": _Quantity({"degC": None, "°C": None, "K": None}, "-40 degC", _ABSOLUTE_ZERO_C, "above absolute zero "),
    "temperature slew": _Quantity({"K/min": "1", "K/s": "60"}, "2 K/min"),
    "bit rate": _Quantity(
        {
            "bit/s": "1",
            "kbit/s": "1e3",
            "Mbit/s": "1e6",
            "Gbit/s": "1e9",
            "bps": "1",
            "kbps": "1e3",
            "Mbps": "1e6",
            "Gbps": "1e9",
        },
        "0.4 Mbit/s",
    ),
    "wavelength": _Quantity({"nm": "1", "um": "1e3"}, "1550 nm"),
    "angle": _Quantity({"deg": "1"}, "22.5 deg", -math.inf, ""),
    "current": _Quantity({"A": "1", "mA": "1e-3", "uA": "1e-6"}, "30 mA"),
    "voltage": _Quantity({"V": "1", "mV": "1e-3"}, "210 V"),
    "ratio": _Quantity({"": "1", "%": "1e-2"}, "0.02"),
}


def parse(text: str | float, quantity: str) -> float:
    """The value of ``text`` in the inner unit of ``quantity``.

    UsageError, with the accepted form, for a missing or unknown unit, for what is no number, and for a value that makes no
    sense (nan, infinite, negative where only zero or more exists). A bare number is a ratio and nothing else.
    """
    known = QUANTITIES[quantity]
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise _refusal(text, quantity, "not a number with a unit")
    match = _TEXT.fullmatch(text if isinstance(text, str) else repr(text))
    if match is None or len(match[1]) > _LONGEST:
        raise _refusal(text, quantity, "not a finite number with a unit")
    unit = match[2].replace("µ", "u").replace("μ", "u")
    if unit not in known.units:
        raise _refusal(text, quantity, f"unknown unit {match[2]!r}" if unit else "no unit")
    value = _scaled(match[1], unit, known)
    if not math.isfinite(value) or value < known.minimum:
        raise _refusal(text, quantity, "out of range")
    return value


def _scaled(number: str, unit: str, known: _Quantity) -> float:
    """The value in the inner unit, computed in decimals: 50 ns and 0.05 us are the same float as 5e-8."""
    if math.isinf(float(number)):
        return math.inf
    if float(number) == 0.0:  # also what is too small for a float, and would be for a decimal
        number = "0"
    if unit == "dBm":  # decibels above a milliwatt; a float overflows beyond about 3000 dBm
        return 1e-3 * 10.0 ** (float(number) / 10.0) if float(number) < 1000 else math.inf
    if unit == "K":
        return float(Decimal(number) + Decimal("-273.15"))
    return float(Decimal(number) * Decimal(known.units[unit] or "1"))


def parse_duration(text: str | float) -> Seconds:
    """A length of time with its unit (``"60 s"``, ``"10 ms"``, ``"30 d"``) in seconds; UsageError as :func:`parse`."""
    return Seconds(parse(text, "time"))


def accepted(quantity: str) -> str:
    """The accepted form in words, for messages."""
    known = QUANTITIES[quantity]
    if quantity == "ratio":
        return "a pure number of zero or more, such as 0.02, or a percentage, such as '2 %'"
    return f"a {quantity} {known.floor}with its unit ({', '.join(known.units)}), such as {known.example!r}"


def pattern(quantity: str) -> str:
    """A regular expression for the accepted form, for the JSON schema of bench files."""
    units = sorted({spelling for unit in QUANTITIES[quantity].units for spelling in _spellings(unit)})
    sign = "[+-]?" if quantity in {"power", "temperature", "angle"} else r"\+?"
    number = _NUMBER.removeprefix("[+-]?").replace("(?:", "(")
    return rf"^\s*{sign}{number}\s*({'|'.join(units)})\s*$"


def quantity_of_unit(unit: str) -> str | None:
    """Which quantity a unit belongs to (None for a unit nobody knows); no unit belongs to two."""
    plain = unit.replace("µ", "u").replace("μ", "u")
    if plain == "ratio":
        return "ratio"
    return next((name for name, known in QUANTITIES.items() if plain in known.units), None)


def convert(text: str, unit: str) -> float:
    """The value of ``text`` in ``unit``, whatever unit it was written in; UsageError when they are different quantities."""
    quantity = quantity_of_unit(unit)
    if quantity is None:
        raise UsageError(f"{text!r} cannot be converted into {unit!r}, a unit nobody knows; give a plain number in {unit!r}")
    value = parse(text, quantity)
    if unit == "ratio":
        return value
    factor = QUANTITIES[quantity].units[unit.replace("µ", "u").replace("μ", "u")]
    if factor is not None:
        return float(Decimal(repr(value)) / Decimal(factor))
    if unit == "dBm":
        return 10.0 * math.log10(value / 1e-3) if value > 0 else -math.inf
    return value - _ABSOLUTE_ZERO_C if unit == "K" else value


def _spellings(unit: str) -> list[str]:
    return [unit, f"µ{unit[1:]}"] if unit.startswith("u") else [unit]


def _refusal(text: object, quantity: str, reason: str) -> UsageError:
    return UsageError(f"{text!r} is not a {quantity} ({reason}); expected {accepted(quantity)}")
