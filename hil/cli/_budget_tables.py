"""Objectives and budgets as lines of text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hil.operations.objective import Threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hil.operations.budget import Budget, History
    from hil.operations.objective import ServiceObjective

__all__ = ["budget_lines", "objective_rows", "utc"]

_OPERATORS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_MOST_FIRINGS = 12


def objective_rows(objectives: Sequence[ServiceObjective]) -> list[list[str]]:
    """Name, target and window, method, decision rule, query."""
    rows = [["objective", "target", "window", "method", "no data", "decided by", "good when"]]
    for one in objectives:
        decision = one.decision
        rule = f"{decision.indicator} at {100 * decision.confidence:g} %" if decision.indicator else "no rule of ours"
        sliced = f" of {one.slice_s:g} s" if one.method == "Timeslices" else ""
        target = f"{100 * one.target:.6g} %"
        rows.append([one.name, target, str(one.window), f"{one.method}{sliced}", decision.no_data, rule, _good(one)])
    return rows


def budget_lines(objective: ServiceObjective, history: History | None, when: Callable[[float], str] | None = None) -> list[str]:
    """What is left, how fast it burns, and what would have fired; ``when`` spells a moment, by default as UTC."""
    from hil.operations.budget import budget
    from hil.operations.burning import BURN_ALERTS, burn_rates, firings

    head = f"{objective.name}: {100 * objective.target:.6g} % over {objective.window}, {objective.method}"
    if history is None or not history.total.sum():
        return [head, "  nothing seen in this run"]
    found = budget(objective, history)
    lines = [head, f"  {_spent(found)}"]
    for alert in BURN_ALERTS:
        long, short = (float(burn_rates(objective, history, window_s)[-1]) for window_s in (alert.long_s, alert.short_s))
        lines.append(
            f"  burn rate over {_hours(alert.long_s)} {long:.3g}, over {_hours(alert.short_s)} {short:.3g}"
            f" (a {alert.severity} above {alert.factor:g} in both)"
        )
    fired, said = firings(objective, history), when or utc
    for one in fired[:_MOST_FIRINGS]:
        until = "still firing at the end" if one.end_s is None else f"until {said(one.end_s)}"
        lines.append(f"  {one.alert.severity} at {said(one.start_s)}: {one.alert.factor:g}x, {until}")
    if len(fired) > _MOST_FIRINGS:
        lines.append(f"  and {len(fired) - _MOST_FIRINGS} more")
    return lines


def utc(unix_s: float) -> str:
    """``2026-11-24 13:31:00Z``."""
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%SZ}"


def _spent(found: Budget) -> str:
    slices = found.objective.method == "Timeslices"
    unit = "bad minutes" if slices and found.objective.slice_s == 60.0 else "bad slices" if slices else "bad events"
    share = found.left_ratio
    left = "nothing to spend" if share is None else f"{100 * share:.1f} % left"
    word = "slice" if slices else "event"
    seen = f"{found.seen:,.0f} {word if found.seen == 1 else f'{word}s'} seen"
    rate = "no burn rate" if found.burn_rate is None else f"burn rate {found.burn_rate:.3g}"
    silent = f", {found.silent:,} without data" if found.silent else ""
    return f"{found.bad:,.6g} of {found.allowed:,.6g} {unit} used: {left}; {seen}{silent}, {rate}"


def _good(objective: ServiceObjective) -> str:
    metric = objective.metric
    if isinstance(metric, Threshold):
        return f"{metric.query} {_OPERATORS[metric.op]} {metric.value:g}"
    return f"{metric.good or f'not {metric.bad}'} of {metric.total}"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"
