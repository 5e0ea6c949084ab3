"""Limits of service level indicators: names that exist, values in the indicator's unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil import discovery, units
from hil.bench.wording import nearest, show
from hil.errors import Mistake, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.walk import Walked

__all__ = ["check_slo"]

_SIDES = {"below": ("min", "max"), "above": ("max", "min")}


def check_slo(limits: dict[str, Walked], known: list[str]) -> Iterator[Mistake]:
    """Every mistake of the ``[slo.X]`` tables; limits with a unit become numbers in the indicator's unit."""
    seen: dict[str, str] = {}
    for key, limit in limits.items():
        name = key.replace("_", "-")
        if not known:  # no indicator is installed
            return
        if name not in known:
            yield Mistake(f"slo.{key}", repr(key), nearest(key, [other.replace("-", "_") for other in known]))
            continue
        if name in seen:
            yield Mistake(f"slo.{key}", repr(key), f"each indicator once; {seen[name]!r} is the same one")
        seen[name] = key
        yield from _check_values(limit, f"slo.{key}", name)


def _check_values(limit: Walked, where: str, name: str) -> Iterator[Mistake]:
    """The side that is limited, and ``"100 ms"`` into the indicator's unit; a plain number is in it already."""
    given = {side: limit.get(side) for side in ("max", "min") if isinstance(limit.get(side), str | float | int)}
    if not given:
        return
    spec = discovery.find("indicator", name)
    wrong, right = _SIDES.get(spec.direction, ("", ""))
    for side, value in given.items():
        if side == wrong:
            yield Mistake(f"{where}.{side}", show(value), f"{right}: {spec.name} is good {spec.direction} its limit")
        elif isinstance(value, str):
            try:
                limit.values[side] = units.convert(value, spec.unit)
            except UsageError:
                quantity = units.quantity_of_unit(spec.unit)
                wanted = units.accepted(quantity) if quantity else "a plain number"
                yield Mistake(f"{where}.{side}", show(value), f"{wanted}; a plain number is in {spec.unit or 'no unit'}")
