"""Lengths of time as tests write them."""

from __future__ import annotations

import math

from hil.errors import UsageError
from hil.units import accepted, parse_duration

__all__ = ["seconds"]


def seconds(value: str | float, what: str = "duration") -> float:
    """``"60 s"`` or a number of seconds as a float; UsageError, which names ``what`` it was given for, for anything else."""
    expected = f"expected a number of seconds of zero or more, or {accepted('time')}"
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except UsageError:
            raise UsageError(f"{what} = {value!r}: {expected}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise UsageError(f"{what} = {value!r}: {expected}")
    return float(value)
