"""The decision every indicator shares: an interval against a limit, and the verdict that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hil.errors import UsageError
from hil.slo._words import percent
from hil.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.ports.spec import IndicatorSpec
    from hil.statistics.interval import Interval

__all__ = ["Finding", "above", "below", "declared_rule", "each", "required_limit", "verdict", "within"]

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """What an indicator found about one subject; ``limit`` and ``unit`` only where they are not the objective's."""

    subject: str
    outcome: Outcome
    reason: str
    simulated: bool
    interval: Interval | None = None
    limit: float | None = None
    unit: str = ""


def below(interval: Interval, limit: float) -> Outcome:
    """PASS when the upper bound lies below the limit, FAIL when the lower bound does not, else INCONCLUSIVE."""
    if interval.high < limit:
        return Outcome.PASS
    return Outcome.FAIL if interval.low >= limit else Outcome.INCONCLUSIVE


def above(interval: Interval, limit: float) -> Outcome:
    """PASS when the lower bound reaches the limit, FAIL when the upper bound does not, else INCONCLUSIVE."""
    if interval.low >= limit:
        return Outcome.PASS
    return Outcome.FAIL if interval.high < limit else Outcome.INCONCLUSIVE


def within(interval: Interval, lowest: float, highest: float) -> Outcome:
    """PASS when the interval lies inside, FAIL when it lies outside altogether, else INCONCLUSIVE."""
    if interval.low >= lowest and interval.high <= highest:
        return Outcome.PASS
    return Outcome.FAIL if interval.high < lowest or interval.low > highest else Outcome.INCONCLUSIVE


def verdict(spec: IndicatorSpec, objective: Objective, found: Finding) -> Verdict:
    """The finding as a verdict; bounds and estimates that the data cannot give are None."""
    interval = found.interval
    return Verdict(
        indicator=spec.name,
        subject=found.subject,
        outcome=found.outcome,
        reason=found.reason,
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
    )


def declared_rule(spec: IndicatorSpec, objective: Objective) -> str:
    """The decision rule in words, as it stands before anything is measured."""
    rule = spec.rule
    if spec.tolerance and objective.limit is not None:
        rule = rule.replace("the tolerance", spec.tolerance.format(limit=percent(objective.limit)))
    return f"{rule}; each bound at {objective.confidence * 100:g} % confidence"


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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
