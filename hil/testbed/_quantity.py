"""Lengths of time as tests write them."""

from __future__ import annotations

import math

from hil.errors import UsageError
from hil.units import accepted, parse_duration

__all__ = ["seconds"]


def seconds(value: str | float) -> float:
    """``"60 s"`` or a number of seconds as a float; UsageError for anything else."""
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise UsageError(f"{value!r} is no length of time; expected a number of seconds of zero or more, or {accepted('time')}")
    return float(value)
