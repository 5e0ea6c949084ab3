"""Numbers with units as a lab engineer writes them: 1.31 %, 412 kbit/s, 61.2 cps, 0.8 ms."""

from __future__ import annotations

import math

__all__ = ["count", "quantity", "seconds", "size", "spread", "symbol_for"]

_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "ratio": ((1e-2, "%"),),
    "bit/s": ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1.0, "bit/s")),
    "cps": ((1e9, "Gcps"), (1e6, "Mcps"), (1e3, "kcps"), (1.0, "cps")),
    "Hz": ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz")),
    "W": ((1.0, "W"), (1e-3, "mW"), (1e-6, "µW"), (1e-9, "nW"), (1e-12, "pW"), (1e-15, "fW")),
    "s": (
        *((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s")),
        *((1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"), (1e-12, "ps")),
    ),
}
_SPELLINGS = {"bps": "bit/s", "hz": "Hz", "w": "W", "counts/s": "cps"}
_DASH = "–"


def symbol_for(unit: str, magnitude: float) -> tuple[float, str]:
    """The factor to divide by and the unit to write for a number of this magnitude in ``unit``."""
    unit = _SPELLINGS.get(unit, unit)
    scales = _SCALES.get(unit)
    if scales is None:
        return 1.0, unit
    for factor, symbol in scales:
        enough = 2.0 if symbol in {"min", "h", "d"} else 1.0  # 90 s rather than 1.5 min
        if magnitude >= enough * factor * (1 - 1e-12):
            return factor, symbol
    return (1.0, unit) if magnitude == 0 and unit != "ratio" else scales[-1]


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """A number to so many significant digits, with its unit; a dash for None."""
    if value is None:
        return _DASH
    factor, symbol = symbol_for(unit, abs(value))
    return f"{_significant(value / factor, digits)} {symbol}".rstrip()


def spread(estimate: float | None, low: float | None, high: float | None, unit: str) -> tuple[str, str]:
    """Estimate with unit, and its interval, both in one unit and to two digits of the interval's width.

    An interval open on one side reads ``≤ 2.1`` or ``≥ 400``; without bounds it is empty.
    """
    known = [value for value in (estimate, low, high) if value is not None]
    if not known:
        return _DASH, ""
    reference = known[0] or max(known, key=abs)
    factor, symbol = symbol_for(unit, abs(reference))
    width = (high - low) / factor if low is not None and high is not None else 0.0
    decimals = _decimals(width, max(abs(value) for value in known) / factor)
    said = [None if value is None else _decimal(value / factor, decimals) for value in (estimate, low, high)]
    estimated = _DASH if said[0] is None else f"{said[0]} {symbol}".rstrip()
    if said[1] is not None and said[2] is not None:
        return estimated, f"{said[1]} to {said[2]}"
    if said[2] is not None:
        return estimated, f"≤ {said[2]}"
    return estimated, f"≥ {said[1]}" if said[1] is not None else ""


def seconds(duration_s: float) -> str:
    """A duration: 0.8 ms, 12.3 s, 2 min 5 s."""
    if duration_s >= 60:
        whole = round(duration_s)
        parts = [(whole // 86_400, "d"), (whole // 3_600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
        return " ".join(f"{number} {unit}" for number, unit in parts if number)
    return quantity(duration_s, "s")


def count(number: int) -> str:
    """1,234,567 up to ten million, then 12.3 M, 4.56 G."""
    for factor, letter in ((1e9, "G"), (1e6, "M")):
        if abs(number) >= 10 * factor or (letter == "G" and abs(number) >= factor):
            return f"{_significant(number / factor, 3)} {letter}"
    return f"{number:,}"


def size(size_bytes: int) -> str:
    """A file's size: 812 B, 14.1 kB."""
    for factor, symbol in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= factor:
            return f"{_significant(size_bytes / factor, 3)} {symbol}"
    return f"{size_bytes} B"


def _decimals(width: float, largest: float) -> int | None:
    """Decimals that show two digits of the width (three of the number where there is none); None for scientific."""
    if largest and not 1e-3 <= largest < 1e7:
        return None
    if width > 0:
        return min(6, max(0, 1 - math.floor(math.log10(width))))
    return min(6, max(0, 2 - math.floor(math.log10(largest)))) if largest else 0


def _decimal(value: float, decimals: int | None) -> str:
    return f"{value:.3g}" if decimals is None else f"{value:,.{decimals}f}"


def _significant(value: float, digits: int) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if not 1e-3 <= abs(value) < 1e7:
        return f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
