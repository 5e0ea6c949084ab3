"""Numbers as a lab engineer would say them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.statistics.interval import Interval

__all__ = ["bit_rate", "count", "duration", "percent", "plural", "rate", "spread"]

_TIMES = (
    (86_400.0, "d", 3.0),
    (3_600.0, "h", 2.0),
    (60.0, "min", 2.0),
    (1.0, "s", 1.0),
    (1e-3, "ms", 1.0),
    (1e-6, "µs", 1.0),
    (1e-9, "ns", 1.0),
)
_BITS = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))


def count(number: float) -> str:
    """1,234,567."""
    return f"{round(number):,}"


def plural(number: int, word: str) -> str:
    """1 block, 2 blocks."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def percent(ratio: float, digits: int = 3) -> str:
    """1.31 %."""
    return f"{_significant(100.0 * ratio, digits)} %"


def rate(hertz: float) -> str:
    """Clicks per second: 60.6 cps, 1,254,627 cps."""
    return f"{count(hertz)} cps" if abs(hertz) >= 1000 else f"{_significant(hertz)} cps"


def bit_rate(bits_per_second: float) -> str:
    """515 kbit/s."""
    for scale, unit in _BITS:
        if abs(bits_per_second) >= scale:
            return f"{_significant(bits_per_second / scale)} {unit}"
    return f"{_significant(bits_per_second)} bit/s"


def duration(seconds: float) -> str:
    """41 s, 49.9 h, 50.2 ns; minutes and hours from two of them on, days from three."""
    for scale, unit, fewest in _TIMES:
        if abs(seconds) >= scale * fewest:
            return f"{_significant(seconds / scale)} {unit}"
    return "0 s" if seconds == 0 else f"{seconds:.2g} s"


def spread(interval: Interval, say: Callable[[float], str]) -> str:
    """The interval in words, with the speller of its unit."""
    if math.isinf(interval.low) and math.isinf(interval.high):
        return "no interval"
    if math.isinf(interval.high):
        return f"at least {say(interval.low)}"
    if math.isinf(interval.low):
        return f"at most {say(interval.high)}"
    return f"{say(interval.low)} to {say(interval.high)}"


def _significant(value: float, digits: int = 3) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
