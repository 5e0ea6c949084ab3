"""A limit, resolved: bench file, then contract, then the indicator's default; and the rule by which it is decided."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from hil import units
from hil.errors import UsageError

__all__ = ["GUARD_BAND", "Insufficient", "Objective", "RuleKind", "guard_band"]

RuleKind = Literal["fixed", "sequential", "sprt"]
Insufficient = Literal["inconclusive", "fail"]

GUARD_BAND = "a number in the indicator's unit, zero or more, or multiples of the expanded uncertainty such as '1 U' or '0 U'"

_MULTIPLE = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*U\s*")


@dataclass(frozen=True)
class Objective:
    """What an indicator is held against, and how it is decided: declared before the measurement.

    ``limit`` is in the indicator's unit; ``confidence`` one-sided; ``source`` says where the limit comes from.

    ``rule``: ``fixed`` looks once, ``sequential`` after every block, ``sprt`` as well, between the limit and
    ``acceptable``. PASS takes a bound that is ``guard_band`` inside the limit, FAIL one that is as far beyond;
    ``guard_factor`` scales the distance from estimate to bound (0: simple acceptance by the estimate alone). ``n_max`` (in
    what the verdict's n counts) and ``duration_max_s`` (bench seconds) are the budget. ``insufficient_data`` is what an
    undecided one counts as; ``conditional`` names it by its estimate, as ILAC-G8:09/2019 does in section 4.2.3.
    """

    indicator: str
    limit: float | None
    unit: str
    confidence: float = 0.95
    source: Literal["bench", "contract", "default", "catalogue"] = "default"
    gate: bool = True
    rule: RuleKind = "fixed"
    acceptable: float | None = None
    guard_band: float = 0.0
    guard_factor: float = 1.0
    n_max: int | None = None
    duration_max_s: float | None = None
    insufficient_data: Insufficient = "inconclusive"
    conditional: bool = False


def guard_band(value: float | str, unit: str) -> tuple[float, float]:
    """Guard band in the unit, and the factor of the expanded uncertainty, of an :class:`Objective`; UsageError for neither."""
    if isinstance(value, str):
        if found := _MULTIPLE.fullmatch(value):
            return 0.0, float(found[1])
        value = units.convert(value, unit)
    if not (math.isfinite(value) and value >= 0.0):
        raise UsageError(f"a guard band of {value!r}; expected {GUARD_BAND}")
    return float(value), 1.0
