"""Prometheus rules of objectives: recorded shares, budget left, and burn alerts that page or make a ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.operations.burning import BURN_ALERTS
from hil.operations.expressions import (
    EVALUATED,
    SLICE_BAD,
    error_ratio,
    labels_for,
    matchers,
    number,
    recorded,
    slice_bad,
    sliced,
)
from hil.operations.objective import Ratio
from hil.operations.windows import Rolling, prometheus_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.operations.burning import BurnAlert
    from hil.operations.objective import ServiceObjective

__all__ = ["BURN", "group", "rules"]

BURN = "QkdErrorBudgetBurn"
"""Name of every burn alert; the label ``burn`` says how fast."""

Rule = dict[str, Any]


def rules(objectives: Iterable[ServiceObjective], more: Iterable[Rule] = (), speed: float = 1.0) -> Rule:
    """A rules file: a group for each objective, and groups that are made elsewhere. ``speed``: every time that much shorter."""
    return {"groups": [*(group(objective, speed) for objective in objectives), *more]}


def group(objective: ServiceObjective, speed: float = 1.0) -> Rule:
    """One objective's rules, in the order of evaluation: slices, shares of windows, budget, alerts."""
    windows_s = sorted({window_s for alert in BURN_ALERTS for window_s in (alert.short_s, alert.long_s)})
    found: list[Rule] = []
    if sliced(objective):
        found.append(_record(objective, SLICE_BAD, slice_bad(objective, speed)))
    found += [_record(objective, recorded(window_s), error_ratio(objective, window_s, speed)) for window_s in windows_s]
    found.append(_record(objective, EVALUATED, f"vector({number(objective.target)})"))
    if isinstance(objective.window, Rolling):  # PromQL knows no months
        share = error_ratio(objective, objective.window.duration.seconds, speed)
        left = f"1 - ({share}) / {number(objective.allowed)}"
        found.append(_record(objective, "slo:period_error_budget_remaining:ratio", left))
    found += [_alert(objective, alert, speed) for alert in BURN_ALERTS]
    name = "-".join(["slo", *(objective.labels[label] for label in ("bench",) if label in objective.labels), objective.name])
    return {"name": name, "interval": prometheus_duration(objective.slice_s / speed), "rules": found}


def _record(objective: ServiceObjective, name: str, expression: str) -> Rule:
    return {"record": name, "expr": expression, "labels": labels_for(objective)}


def _alert(objective: ServiceObjective, alert: BurnAlert, speed: float) -> Rule:
    limit = f"({number(alert.factor)} * {number(objective.allowed)})"
    both = [f"{recorded(window_s)}{{{matchers(objective)}}} > {limit}" for window_s in (alert.long_s, alert.short_s)]
    expression = " and ".join(both)
    if isinstance(objective.metric, Ratio) and objective.fewest_events:
        seen = f"sum(increase({objective.metric.total}[{prometheus_duration(alert.long_s / speed)}]))"
        expression += f" and on() ({seen} >= {number(round(objective.fewest_events, 6))})"
    return {
        "alert": BURN,
        "expr": expression,
        "labels": {**labels_for(objective), "severity": alert.severity, "burn": f"{alert.factor:g}x"},
        "annotations": {
            "summary": f"{objective.title}: the error budget burns more than {alert.factor:g} times too fast",
            "description": (
                f"Of {objective.title}, {{{{ $value | humanizePercentage }}}} was bad over the last"
                f" {prometheus_duration(alert.long_s)}; {100 * objective.allowed:g} % may be, over {objective.window}."
            ),
        },
    }
