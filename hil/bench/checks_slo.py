"""Limits of service level indicators: names that exist, values in the indicator's unit, rules that can be applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil import discovery, units
from hil.bench.wording import nearest, show
from hil.errors import Mistake, UsageError
from hil.ports.objective import GUARD_BAND, guard_band

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.walk import Walked
    from hil.ports.spec import IndicatorSpec

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
        spec: IndicatorSpec = discovery.find("indicator", name)
        yield from _check_values(limit, f"slo.{key}", spec)
        yield from _check_rule(limit, f"slo.{key}", spec)


def _check_values(limit: Walked, where: str, spec: IndicatorSpec) -> Iterator[Mistake]:
    """The side that is limited, and ``"100 ms"`` into the indicator's unit; a plain number is in it already."""
    wrong, right = _SIDES.get(spec.direction, ("", ""))
    for side in ("max", "min", "acceptable"):
        value = limit.get(side)
        if not isinstance(value, str | float | int):
            continue
        if side == wrong:
            yield Mistake(f"{where}.{side}", show(value), f"{right}: {spec.name} is good {spec.direction} its limit")
        elif isinstance(value, str):
            try:
                limit.values[side] = units.convert(value, spec.unit)
            except UsageError:
                quantity = units.quantity_of_unit(spec.unit)
                wanted = units.accepted(quantity) if quantity else "a plain number"
                yield Mistake(f"{where}.{side}", show(value), f"{wanted}; a plain number is in {spec.unit or 'no unit'}")


def _check_rule(limit: Walked, where: str, spec: IndicatorSpec) -> Iterator[Mistake]:
    """A rule that the indicator knows, with what it takes; a guard band that can be read."""
    rule, band = limit.get("rule"), limit.get("guard_band")
    kinds = ("fixed", *spec.rules)
    if isinstance(rule, str) and rule and rule not in kinds:
        yield Mistake(f"{where}.rule", show(rule), f"{nearest(rule, kinds)}; {spec.name} can be decided in no other way")
    acceptable = limit.get("acceptable")
    given = isinstance(acceptable, str | float | int)
    if rule == "sprt" and not given:
        yield Mistake(f"{where}.acceptable", "nothing", "the better of the two hypotheses that rule 'sprt' tells apart")
    if given and rule != "sprt":
        yield Mistake(f"{where}.acceptable", show(acceptable), "rule = 'sprt' beside it: no other rule has a second hypothesis")
    if isinstance(band, str | float | int):
        try:
            _, factor = guard_band(band, spec.unit)
        except UsageError:
            yield Mistake(f"{where}.guard_band", show(band), GUARD_BAND)
        else:
            if factor != 1.0 and rule in {"sequential", "sprt"}:
                yield Mistake(f"{where}.guard_band", show(band), f"a number: rule {rule!r} keeps its error rate at '1 U' alone")
