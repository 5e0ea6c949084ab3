"""The documents of OpenSLO v1 that are read and written here, field by field as the specification has them.

Source: OpenSLO v1 (README of OpenSLO/OpenSLO), read 2026-11. What an implementation may choose itself (``spec`` of a
metric source) is any table; of annotations, which are the place for extensions, ours have the prefix ``qkd-hil/``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = [
    "API_VERSION",
    "PREFIX",
    "CalendarSpec",
    "Indicator",
    "IndicatorSpec",
    "Metadata",
    "Metric",
    "MetricSource",
    "ObjectiveSpec",
    "RatioMetric",
    "SloSpec",
    "TimeWindow",
]

API_VERSION = "openslo/v1"
PREFIX = "qkd-hil/"
"""Of the annotations that are this project's extension."""

_Key = Annotated[str, Meta(pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
_Text = Annotated[str, Meta(max_length=1050)]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A table with the fields of the specification and no others."""


class Metadata(_Table, frozen=True, kw_only=True):
    """Of every object."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    display_name: str = ""
    labels: dict[_Key, str | list[str]] = {}
    annotations: dict[_Key, str] = {}


class MetricSource(_Table, frozen=True, kw_only=True):
    """Where a metric comes from; ``spec`` is that system's own."""

    metric_source_ref: str = ""
    type: str = ""
    spec: dict[str, Any] = {}


class Metric(_Table, frozen=True, kw_only=True):
    """A source, one level down."""

    metric_source: MetricSource


class RatioMetric(_Table, frozen=True, kw_only=True):
    """``good`` or ``bad`` of ``total``; or a ratio that was computed already, ``raw``."""

    counter: bool | None = None
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    raw_type: Literal["success", "failure", ""] = ""
    raw: Metric | None = None


class IndicatorSpec(_Table, frozen=True, kw_only=True):
    """One of the two kinds of metric."""

    description: _Text = ""
    threshold_metric: Metric | None = None
    ratio_metric: RatioMetric | None = None


class Indicator(_Table, frozen=True, kw_only=True):
    """An SLI, inline."""

    metadata: Metadata | None = None
    spec: IndicatorSpec


class CalendarSpec(_Table, frozen=True, kw_only=True):
    """When the first period began; YAML reads such a time as a ``datetime``."""

    start_time: Any
    time_zone: str


class TimeWindow(_Table, frozen=True, kw_only=True):
    """Rolling, or of a calendar."""

    duration: str
    is_rolling: bool | None = None
    calendar: CalendarSpec | None = None


class ObjectiveSpec(_Table, frozen=True, kw_only=True):
    """One target."""

    display_name: str = ""
    op: Literal["lt", "lte", "gt", "gte"] | None = None
    value: float | None = None
    target: float | UnsetType = UNSET
    target_percent: float | UnsetType = UNSET
    time_slice_target: float | None = None
    time_slice_window: str | int | float | None = None
    indicator: Indicator | None = None
    indicator_ref: str = ""
    composite_weight: float = 1.0


class SloSpec(_Table, frozen=True, kw_only=True):
    """``spec`` of ``kind: SLO``; its alert policies are read as they are and made anew."""

    description: _Text = ""
    service: str
    indicator: Indicator | None = None
    indicator_ref: str = ""
    time_window: list[TimeWindow] = []
    budgeting_method: Literal["Occurrences", "Timeslices", "RatioTimeslices"]
    objectives: Annotated[list[ObjectiveSpec], Meta(min_length=1)]
    alert_policies: list[dict[str, Any]] | None = None
