"""Which limit holds: the bench file's, then the contract's, then the indicator's default. The source is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET

from hil import units
from hil.bench import slo_limit
from hil.errors import UsageError
from hil.ports.objective import Objective, guard_band

if TYPE_CHECKING:
    from hil.bench.model import Bench, SloLimit
    from hil.ports.objective import RuleKind
    from hil.ports.run import Prediction
    from hil.ports.spec import IndicatorSpec

__all__ = ["CONTRACTED_SHARE", "resolve", "ruled"]

CONTRACTED_SHARE = 0.8
"""Of the predicted key rate, where the bench file names no contract."""

MINIMUM_KEY_RATE_BPS = 100.0
"""No contract is for less: below it the link is of no use, and 80 % of a predicted zero would be met by nothing at all."""

_SIDES = {"below": "max", "above": "min", "within": "max"}


def resolve(
    bench: Bench, link: str, spec: IndicatorSpec, prediction: Prediction | None = None, rule: RuleKind = "fixed"
) -> Objective:
    """The objective of one indicator on one link, declared before anything is measured; ``rule`` where the bench names none.

    For an indicator that is judged ``within`` a tolerance of a declared value, the limit is that tolerance, a ratio.
    UsageError for a ``min`` where a ``max`` belongs and the other way round, and for a rule that cannot be applied.
    """
    own = slo_limit(bench, spec.name)
    limit, source = _limit(own, bench, link, spec, prediction)
    if own is None:
        return ruled(Objective(spec.name, limit, spec.unit, source=source, gate=spec.gate), spec, rule=rule)
    objective = Objective(
        spec.name,
        limit,
        spec.unit,
        confidence=own.confidence,
        source=source,
        gate=spec.gate and own.gate,
        n_max=own.n_max or None,
        duration_max_s=own.duration_max_s or None,
        insufficient_data=own.insufficient_data,
        conditional=own.conditional,
    )
    given = {"acceptable": own.acceptable, "guard_band": own.guard_band}
    return ruled(objective, spec, rule=own.rule or rule, **{key: value for key, value in given.items() if value is not UNSET})


def ruled(objective: Objective, spec: IndicatorSpec, **declared: Any) -> Objective:
    """The objective with parts of its decision rule declared otherwise, quantities as text or in the indicator's unit.

    UsageError, naming what is known or expected, for a part that a rule does not have and for parts that do not go together.
    """
    known = ("rule", "confidence", "acceptable", "guard_band", "n_max", "duration_max", "insufficient_data", "conditional")
    if unknown := [name for name in declared if name not in known]:
        raise UsageError(f"a decision rule has no {unknown[0]}; expected one of: {', '.join(known)}")
    if "guard_band" in declared:
        declared["guard_band"], declared["guard_factor"] = guard_band(declared["guard_band"], spec.unit)
    if isinstance(declared.get("acceptable"), str):
        declared["acceptable"] = units.convert(declared["acceptable"], spec.unit)
    if (duration := declared.pop("duration_max", None)) is not None:
        declared["duration_max_s"] = units.parse_duration(duration) if isinstance(duration, str) else float(duration)
    made = replace(objective, **declared)
    _check(made, spec)
    return made


def _check(made: Objective, spec: IndicatorSpec) -> None:
    kinds = ("fixed", *spec.rules)
    if made.rule not in kinds:
        raise UsageError(f"{spec.name} cannot be decided by rule {made.rule!r}; expected one of: {', '.join(kinds)}")
    if (made.rule == "sprt") != (made.acceptable is not None):
        raise UsageError(f"{spec.name}: rule 'sprt' and the 'acceptable' value it tells from the limit are declared together")
    if made.rule == "sprt" and made.acceptable is not None and made.limit is not None:
        better = made.acceptable < made.limit if spec.direction == "below" else made.acceptable > made.limit
        if not better:
            raise UsageError(f"{spec.name}: an acceptable value is {spec.direction} the limit of {made.limit:g} {spec.unit}")
    if made.guard_factor != 1.0 and made.rule != "fixed":
        raise UsageError(f"{spec.name}: rule {made.rule!r} keeps its error rate with a guard band of '1 U' alone, or a number")
    if not 0.5 < made.confidence < 1.0:
        raise UsageError(f"{spec.name}: a confidence level lies between 0.5 and 1, both excluded; got {made.confidence}")
    if made.insufficient_data not in {"inconclusive", "fail"}:
        raise UsageError(f"{spec.name}: too little data counts as 'inconclusive' or 'fail'; got {made.insufficient_data!r}")


def _limit(
    own: SloLimit | None, bench: Bench, link: str, spec: IndicatorSpec, prediction: Prediction | None
) -> tuple[float | None, Literal["bench", "contract", "default"]]:
    limit = _bench_limit(own, spec)
    if limit is not None:
        return limit, "bench"
    if spec.default_limit is None:
        return _contracted_bps(bench, link, prediction), "contract"
    return spec.default_limit, "default"


def _bench_limit(own: SloLimit | None, spec: IndicatorSpec) -> float | None:
    if own is None:
        return None
    side = _SIDES[spec.direction]
    other = "min" if side == "max" else "max"
    if getattr(own, other) is not UNSET:
        raise UsageError(f"slo.{spec.name}.{other}: {spec.title} has a {side}, no {other}")
    value = getattr(own, side)
    if value is UNSET:
        return None
    return units.convert(value, spec.unit) if isinstance(value, str) else float(value)


def _contracted_bps(bench: Bench, link: str, prediction: Prediction | None) -> float | None:
    """What the supplier promised, or the usual share of what the bench file lets expect; None when nothing says."""
    contract = bench.link[link].contract
    if contract is not None:
        return contract.key_rate_bps
    if prediction is None:
        return None
    return max(CONTRACTED_SHARE * prediction.key_rate_bps, MINIMUM_KEY_RATE_BPS)
