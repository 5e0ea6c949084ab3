"""Objectives as OpenSLO v1 documents in YAML: service, data source, SLOs with our decision rule, alert policies, targets.

OpenSLO has no field for a confidence, a rule or time without data: they are annotations ``qkd-hil/...`` of each SLO. Of two
burn windows its alert condition holds the long one; the short one is an annotation of the policy.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hil.operations.burning import BURN_ALERTS
from hil.operations.objective import Threshold
from hil.operations.openslo_model import (
    API_VERSION,
    PREFIX,
    CalendarSpec,
    Indicator,
    IndicatorSpec,
    Metadata,
    Metric,
    MetricSource,
    ObjectiveSpec,
    RatioMetric,
    SloSpec,
    TimeWindow,
)
from hil.operations.windows import Duration, Rolling

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hil.operations.burning import BurnAlert
    from hil.operations.objective import Decision, ServiceObjective
    from hil.operations.windows import Window

__all__ = ["documents", "dump"]

_SOURCE = "prometheus"
_TARGETS = {"page": "Wakes whoever is on call.", "ticket": "Is looked at on the next working day."}


def dump(objectives: Sequence[ServiceObjective]) -> str:
    """All documents of these objectives as one YAML stream."""
    import yaml

    text: str = yaml.safe_dump_all(documents(objectives), sort_keys=False, allow_unicode=True, width=1000, explicit_start=True)
    return text


def documents(objectives: Sequence[ServiceObjective]) -> list[dict[str, Any]]:
    """The same as plain tables."""
    found = [
        _object("DataSource", Metadata(name=_SOURCE), {"type": "Prometheus", "connectionDetails": {}}),
        *(_object("Service", Metadata(name=name), {}) for name in dict.fromkeys(one.service for one in objectives)),
        *(_object("AlertNotificationTarget", Metadata(name=name), _target(name)) for name in _TARGETS),
        *(_policy(alert) for alert in BURN_ALERTS),
    ]
    return found + [_slo(objective) for objective in objectives]


def _object(kind: str, metadata: Metadata, spec: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": _plain(metadata), "spec": _plain(spec)}


def _plain(table: Any) -> Any:
    return msgspec.to_builtins(table, builtin_types=(datetime,))


def _target(name: str) -> dict[str, str]:
    return {"target": name, "description": _TARGETS[name]}


def _policy(alert: BurnAlert) -> dict[str, Any]:
    condition = {
        "kind": "AlertCondition",
        "metadata": {"name": f"{alert.name}-condition"},
        "spec": {
            "severity": alert.severity,
            "condition": {
                "kind": "burnrate",
                "op": "gt",
                "threshold": alert.factor,
                "lookbackWindow": str(Duration.of(alert.long_s)),
                "alertAfter": "0m",
            },
        },
    }
    short = str(Duration.of(alert.short_s))
    spec = {
        "description": f"The budget burns more than {alert.factor:g} times too fast, over the last {short} too.",
        "alertWhenBreaching": True,
        "alertWhenResolved": True,
        "alertWhenNoData": False,
        "conditions": [condition],
        "notificationTargets": [{"targetRef": alert.severity}],
    }
    return _object("AlertPolicy", Metadata(name=alert.name, annotations={f"{PREFIX}short-window": short}), spec)


def _slo(objective: ServiceObjective) -> dict[str, Any]:
    slices = objective.method == "Timeslices"
    target = ObjectiveSpec(
        display_name=objective.title,
        op=objective.metric.op if isinstance(objective.metric, Threshold) else None,
        value=objective.metric.value if isinstance(objective.metric, Threshold) else None,
        target=objective.target,
        time_slice_target=objective.slice_target if slices else None,
        time_slice_window=str(Duration.of(objective.slice_s)) if slices else None,
    )
    spec = SloSpec(
        description=objective.decision.rule,
        service=objective.service,
        indicator=Indicator(
            metadata=Metadata(name=f"{objective.name[:59]}-sli"),
            spec=_indicator(objective),
        ),
        time_window=[_window(objective.window)],
        budgeting_method=objective.method,
        objectives=[target],
        alert_policies=[{"alertPolicyRef": alert.name} for alert in BURN_ALERTS],
    )
    metadata = Metadata(
        name=objective.name,
        display_name=objective.title,
        labels=dict(objective.labels),
        annotations=dict(_annotations(objective.decision)),
    )
    return _object("SLO", metadata, spec)


def _indicator(objective: ServiceObjective) -> IndicatorSpec:
    metric = objective.metric
    if isinstance(metric, Threshold):
        return IndicatorSpec(threshold_metric=_source(metric.query))
    ratio = RatioMetric(
        counter=True,
        good=_source(metric.good) if metric.good else None,
        bad=_source(metric.bad) if metric.bad else None,
        total=_source(metric.total),
    )
    return IndicatorSpec(ratio_metric=ratio)


def _source(query: str) -> Metric:
    return Metric(metric_source=MetricSource(metric_source_ref=_SOURCE, type="Prometheus", spec={"query": query}))


def _window(window: Window) -> TimeWindow:
    if isinstance(window, Rolling):
        return TimeWindow(duration=str(window.duration), is_rolling=True)
    calendar = CalendarSpec(start_time=window.start, time_zone=window.zone)
    return TimeWindow(duration=str(window.duration), is_rolling=False, calendar=calendar)


def _annotations(decision: Decision) -> Iterator[tuple[str, str]]:
    told = {
        "indicator": decision.indicator,
        "decision-rule": decision.rule,
        "confidence": f"{decision.confidence!r}",
        "limit": "" if decision.limit is None else f"{decision.limit!r}",
        "unit": decision.unit,
        "limit-source": decision.limit_source,
        "no-data": decision.no_data,
        **decision.settings,
    }
    return ((f"{PREFIX}{key}", value) for key, value in told.items() if value)
