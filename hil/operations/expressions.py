"""PromQL of an objective: whether a slice was bad, and which share of a window was.

Series are recorded under Sloth's names (``slo:sli_error:ratio_rate5m``), so that dashboards made for it show them too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.operations.objective import Ratio, Threshold
from hil.operations.windows import prometheus_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.operations.objective import ServiceObjective

__all__ = ["EVALUATED", "SLICE_BAD", "error_ratio", "labels_for", "matchers", "number", "recorded", "slice_bad", "sliced"]

SLICE_BAD = "slo:slice_bad:bool"
EVALUATED = "slo:objective:ratio"
"""Is recorded with every evaluation."""

_LOOKS = 4
"""How often a threshold is looked at within a slice."""

_BEGINNING = 5
"""Slices."""

_OPERATORS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def sliced(objective: ServiceObjective) -> bool:
    """Whether slices, or looks at a threshold, are recorded one by one before they are added up."""
    return objective.method == "Timeslices" or isinstance(objective.metric, Threshold)


def slice_bad(objective: ServiceObjective, speed: float) -> str:
    """1 where the last slice was bad and 0 where it was good; nothing where it counts for nothing.

    A ratio over no events would be nan, of which no comparison is true: total is filtered, so that it is no data instead.
    Silence is bad from five slices after Prometheus began to look: that it was started, and finds its targets after a while, is
    nobody's outage.
    """
    slice_s = objective.slice_s / speed
    span = prometheus_duration(slice_s)
    if isinstance(objective.metric, Threshold):
        metric = objective.metric
        met = f"({metric.query}) {_OPERATORS[metric.op]} bool {number(metric.value)}"
        looked = f"avg_over_time(({met})[{span}:{prometheus_duration(slice_s / _LOOKS)}])"
        share = f"min({looked if objective.method == 'Timeslices' else met})"
        bad = f"{share} < bool {number(objective.slice_target)}"
    else:
        bad = f"{_bad_share(objective.metric, span)} > bool {number(round(1.0 - objective.slice_target, 12))}"
    if objective.decision.no_data == "exclude":
        return bad
    begun = prometheus_duration(_BEGINNING * slice_s)
    evaluated = f"{EVALUATED}{{{matchers(objective)}}} offset {begun}"
    return f"({bad}) or (vector(1) and on() {evaluated})"


def error_ratio(objective: ServiceObjective, window_s: float, speed: float) -> str:
    """The share of a window that was bad: of slices against all it has room for, of events against those that came.

    Ranges of Prometheus 2 hold the samples at both their ends, those of Prometheus 3 at one: half a slice less holds as many in
    either.
    """
    if not sliced(objective):
        assert isinstance(objective.metric, Ratio)
        return _bad_share(objective.metric, prometheus_duration(window_s / speed))
    slice_s = objective.slice_s / speed
    slots = max(round(window_s / objective.slice_s), 1)
    inside = prometheus_duration(slice_s * (slots - 0.5))
    series = f"{SLICE_BAD}{{{matchers(objective)}}}[{inside}]"
    if objective.method == "Occurrences":
        return f"avg_over_time({series})"
    return f"sum_over_time({series}) / {slots}"


def recorded(window_s: float) -> str:
    """Name of the recorded share of a window; windows are named as they are without a speed."""
    return f"slo:sli_error:ratio_rate{prometheus_duration(window_s)}"


def labels_for(objective: ServiceObjective) -> dict[str, str]:
    """Labels of everything recorded of an objective: its own, as Prometheus allows them, and ``slo``."""
    own = {re.sub(r"[^a-zA-Z0-9_]", "_", name): value for name, value in objective.labels.items()}
    return {**own, "slo": objective.name}


def matchers(objective: ServiceObjective) -> str:
    """What selects those series."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(_identity(labels_for(objective)).items()))


def number(value: float) -> str:
    """A number as PromQL reads it: ``1``, ``0.001``."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _identity(labels: Mapping[str, str]) -> dict[str, str]:
    """Bench, link and objective tell every series from every other."""
    return {name: value for name, value in labels.items() if name in {"bench", "link", "slo"}}


def _bad_share(metric: Ratio, span: str) -> str:
    total = f"(sum(rate({metric.total}[{span}])) > 0)"
    if metric.bad:
        return f"sum(rate({metric.bad}[{span}])) / {total}"
    return f"1 - sum(rate({metric.good}[{span}])) / {total}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
