"""Limits of service level indicators: names that exist, values in the indicator's unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil import discovery, units
from hil.bench.wording import nearest
from hil.errors import Mistake, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.walk import Walked

__all__ = ["check_slo"]


def check_slo(limits: dict[str, Walked]) -> Iterator[Mistake]:
    """Every mistake of the ``[slo.X]`` tables; limits with a unit become numbers in the indicator's unit."""
    known = discovery.names("indicator")
    seen: dict[str, str] = {}
    for key, limit in limits.items():
        name = key.replace("_", "-")
        if name not in known and known:
            yield Mistake(f"slo.{key}", repr(key), nearest(key, [other.replace("-", "_") for other in known]))
            continue
        if name in seen:
            yield Mistake(f"slo.{key}", repr(key), f"each indicator once; {seen[name]!r} is the same one")
        seen[name] = key
        yield from _check_values(limit, f"slo.{key}", name)


def _check_values(limit: Walked, where: str, name: str) -> Iterator[Mistake]:
    """Convert ``"100 ms"`` into the indicator's unit; a plain number is in it already."""
    for side in ("max", "min"):
        value = limit.get(side)
        if not isinstance(value, str):
            continue
        unit = discovery.find("indicator", name).unit
        try:
            limit.values[side] = units.convert(value, unit)
        except UsageError:
            quantity = units.quantity_of_unit(unit)
            wanted = units.accepted(quantity) if quantity else f"a plain number in {unit}"
            yield Mistake(f"{where}.{side}", repr(value), f"{wanted}; a plain number is in {unit or 'no unit'}")
