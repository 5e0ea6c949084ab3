"""The decision every indicator shares: an interval against a limit, and the verdict that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hil.errors import UsageError
from hil.slo._words import duration, percent
from hil.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.ports.spec import IndicatorSpec
    from hil.statistics.interval import Interval
    from hil.statistics.sequential.sprt import Decision

__all__ = ["Finding", "above", "below", "by_wald", "declared_rule", "each", "required_limit", "verdict", "within"]

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """What an indicator found about one subject; ``limit``, ``unit`` and ``margin`` only where they are not the objective's."""

    subject: str
    outcome: Outcome
    reason: str
    simulated: bool
    interval: Interval | None = None
    limit: float | None = None
    unit: str = ""
    margin: float | None = None


def below(interval: Interval, limit: float, objective: Objective) -> Outcome:
    """PASS when the upper bound lies below the limit, FAIL when the lower bound does not, else INCONCLUSIVE.

    The objective's guard band moves both limits apart, and its factor the bounds towards the estimate.
    """
    held = _scaled(interval, objective)
    if held.high < limit - objective.guard_band:
        return Outcome.PASS
    return Outcome.FAIL if held.low >= limit + objective.guard_band else Outcome.INCONCLUSIVE


def above(interval: Interval, limit: float, objective: Objective) -> Outcome:
    """PASS when the lower bound reaches the limit, FAIL when the upper bound does not, else INCONCLUSIVE; guarded likewise."""
    held = _scaled(interval, objective)
    if held.low >= limit + objective.guard_band:
        return Outcome.PASS
    return Outcome.FAIL if held.high < limit - objective.guard_band else Outcome.INCONCLUSIVE


def within(interval: Interval, middle: float, allowed: float, objective: Objective, scale: float = 1.0) -> Outcome:
    """PASS when the interval lies within ``allowed`` of the middle, FAIL when it lies outside altogether, else INCONCLUSIVE.

    ``scale`` turns the objective's guard band into the unit of the interval.
    """
    held, band = _scaled(interval, objective), objective.guard_band * scale
    if max(held.high - middle, middle - held.low) <= allowed - band:
        return Outcome.PASS
    return Outcome.FAIL if max(held.low - middle, middle - held.high) > allowed + band else Outcome.INCONCLUSIVE


def by_wald(decision: Decision) -> Outcome:
    """What Wald's test says, as an outcome."""
    return {"accept": Outcome.PASS, "refuse": Outcome.FAIL, "continue": Outcome.INCONCLUSIVE}[decision]


def verdict(spec: IndicatorSpec, objective: Objective, found: Finding) -> Verdict:
    """The finding as a verdict; bounds and estimates that the data cannot give are None."""
    interval = found.interval
    outcome, reason, grade = _graded(spec, objective, found)
    margin = _margin(spec, objective, found) if found.margin is None else found.margin
    return Verdict(
        indicator=spec.name,
        subject=found.subject,
        outcome=outcome,
        reason=reason,
        estimate=_finite(interval.estimate) if interval else None,
        low=_finite(interval.low) if interval else None,
        high=_finite(interval.high) if interval else None,
        n=interval.n if interval else 0,
        limit=objective.limit if found.limit is None else found.limit,
        unit=found.unit or spec.unit,
        rule=declared_rule(spec, objective),
        confidence=objective.confidence,
        limit_source=objective.source,
        time_base=spec.time_base,
        simulated=found.simulated,
        gate=objective.gate,
        k=interval.events if interval else None,
        margin=None if margin is None else _finite(margin),
        n_max=objective.n_max,
        grade=grade,
    )


def declared_rule(spec: IndicatorSpec, objective: Objective) -> str:
    """The decision rule in words, as it stands before anything is measured."""
    rule = spec.rule if objective.rule == "fixed" else spec.rules[objective.rule]
    if spec.tolerance and objective.limit is not None:
        rule = rule.replace("the tolerance", spec.tolerance.format(limit=percent(objective.limit)))
    parts = [rule]
    if objective.acceptable is not None:
        parts.append(f"acceptable {objective.acceptable:g} {spec.unit}, each error {(1.0 - objective.confidence) * 100:.3g} %")
    parts.append(f"each bound at {objective.confidence * 100:g} % confidence")
    if objective.guard_factor == 0.0:
        parts.append("simple acceptance: the estimate stands for both bounds")
    elif objective.guard_factor != 1.0:
        parts.append(
            f"guard band {objective.guard_factor:g} U: bounds {objective.guard_factor:g} times as far from the estimate"
        )
    if objective.guard_band:
        parts.append(f"guard band {objective.guard_band:g} {spec.unit} on either side of the limit")
    if objective.n_max is not None or objective.duration_max_s is not None:
        most = [] if objective.n_max is None else [f"n up to {objective.n_max:,}"]
        most += [] if objective.duration_max_s is None else [duration(objective.duration_max_s)]
        parts.append(f"budget {' or '.join(most)}")
    if objective.insufficient_data == "fail":
        parts.append("undecided counts as FAIL")
    if objective.conditional:
        parts.append("undecided is a conditional pass or fail by its estimate")
    return "; ".join(parts)


def each(observation: Any, kind: type[T], name: str) -> tuple[T, ...]:
    """One observation or several as a tuple; UsageError, naming what is expected, for anything of another type."""
    several = tuple(observation) if isinstance(observation, list | tuple) else (observation,)
    for one in several:
        if not isinstance(one, kind):
            raise UsageError(
                f"indicator {name} judges {kind.__name__} of hil.ports.run, one or a list; got {type(one).__name__}"
            )
    if not several:
        raise UsageError(f"indicator {name} got no observation at all; it judges {kind.__name__}, one or a list")
    return several


def required_limit(objective: Objective) -> float:
    """The limit; UsageError for an objective without one."""
    if objective.limit is None:
        raise UsageError(f"objective {objective.indicator} has no limit; set [slo.{objective.indicator}] in the bench file")
    return objective.limit


def _scaled(interval: Interval, objective: Objective) -> Interval:
    """Bounds moved towards the estimate, or away from it, by the factor of the guard band."""
    factor, estimate = objective.guard_factor, interval.estimate
    if factor == 1.0 or math.isnan(estimate):
        return interval
    low, high = (
        estimate if factor == 0.0 else estimate + factor * (bound - estimate) for bound in (interval.low, interval.high)
    )
    return replace(interval, low=low, high=high)


def _graded(spec: IndicatorSpec, objective: Objective, found: Finding) -> tuple[Outcome, str, str]:
    """The outcome as the rule counts an undecided one, what is said of it, and its name after ILAC-G8."""
    outcome, reason, grade = found.outcome, found.reason, ""
    if outcome is not Outcome.INCONCLUSIVE:
        return outcome, reason, grade
    limit = objective.limit if found.limit is None else found.limit
    known = found.interval is not None and math.isfinite(found.interval.estimate) and limit is not None
    if objective.conditional and known and found.interval is not None and limit is not None and spec.direction != "within":
        better = (found.interval.estimate < limit) is (spec.direction == "below")
        grade = "conditional pass" if better else "conditional fail"
        reason = f"{reason}; {grade} by the estimate"
    if objective.insufficient_data == "fail":
        outcome, reason = Outcome.FAIL, f"{reason}; undecided, which the rule counts as FAIL"
    return outcome, reason, grade


def _margin(spec: IndicatorSpec, objective: Objective, found: Finding) -> float | None:
    limit = objective.limit if found.limit is None else found.limit
    if found.interval is None or limit is None or spec.direction == "within":
        return None
    held = _scaled(found.interval, objective)
    distance = limit - held.high if spec.direction == "below" else held.low - limit
    return distance - objective.guard_band


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
