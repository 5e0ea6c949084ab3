"""Reads OpenSLO v1 documents: SLOs with inline or named indicators, and our decision rule where they carry it.

A file is a YAML stream. Every SLO with a mistake is named, each with its first one. What the other kinds of objects say is
checked for its frame alone: data sources and alert policies are this project's own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec

from hil.errors import Mistake, OperationsFileError, UsageError
from hil.operations.objective import Decision, NoData, Ratio, ServiceObjective, Threshold
from hil.operations.openslo_model import API_VERSION, PREFIX, IndicatorSpec, Metadata, SloSpec, TimeWindow
from hil.operations.windows import Calendar, Duration, Rolling, time_zone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hil.operations.objective import Method
    from hil.operations.openslo_model import Metric, ObjectiveSpec
    from hil.operations.windows import Window

__all__ = ["parse", "read"]

_SAID = {"indicator", "decision-rule", "confidence", "limit", "unit", "limit-source", "no-data"}
_KINDS = ("DataSource", "SLO", "SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "Service")


def read(path: Path) -> tuple[ServiceObjective, ...]:
    """The objectives of a file; UsageError where it cannot be read, OperationsFileError for what is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); expected a file of OpenSLO documents in YAML") from None
    return parse(text, str(path))


def parse(text: str, file: str = "OpenSLO") -> tuple[ServiceObjective, ...]:
    """The same of a text; ``file`` is its name in messages."""
    import yaml

    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise OperationsFileError(file, (Mistake("file", "no YAML", f"a stream of YAML documents ({error})"),)) from None
    mistakes: list[Mistake] = []
    objects = [_framed(number, document, mistakes) for number, document in enumerate(documents, 1)]
    named = {found[1].name: found[2] for found in objects if found and found[0] == "SLI"}
    objectives: list[ServiceObjective] = []
    for found in objects:
        if found and found[0] == "SLO":
            where = f"SLO {found[1].name}"
            try:
                objectives += _objectives(found[1], msgspec.convert(found[2], SloSpec), named)
            except (msgspec.ValidationError, UsageError) as error:
                mistakes.append(Mistake(where, "something else", str(error)))
    names = [objective.name for objective in objectives]
    mistakes += [
        Mistake(f"SLO {name}", "a second one of that name", "each name once")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if not objectives and not mistakes:
        mistakes.append(Mistake("file", f"{len(documents)} documents, none of kind SLO", "an SLO"))
    if mistakes:
        raise OperationsFileError(file, tuple(mistakes))
    return tuple(objectives)


def _framed(number: int, document: object, mistakes: list[Mistake]) -> tuple[str, Metadata, Any] | None:
    """Kind, metadata and spec of an object."""
    where = f"document {number}"
    if not isinstance(document, dict) or document.get("apiVersion") != API_VERSION or document.get("kind") not in _KINDS:
        found = (
            f"{document.get('apiVersion')} {document.get('kind')}" if isinstance(document, dict) else type(document).__name__
        )
        mistakes.append(Mistake(where, found, f"apiVersion: {API_VERSION} and a kind of {', '.join(_KINDS)}"))
        return None
    if unknown := [str(key) for key in document if key not in {"apiVersion", "kind", "metadata", "spec"}]:
        mistakes.append(Mistake(where, ", ".join(unknown), "apiVersion, kind, metadata, spec and nothing else"))
    try:
        metadata = msgspec.convert(document.get("metadata"), Metadata)
    except msgspec.ValidationError as error:
        mistakes.append(Mistake(f"{where}, metadata", "something else", str(error)))
        return None
    return document["kind"], metadata, document.get("spec")


def _objectives(metadata: Metadata, spec: SloSpec, named: Mapping[str, Any]) -> list[ServiceObjective]:
    if spec.budgeting_method == "RatioTimeslices":
        raise UsageError(
            "budgetingMethod Occurrences or Timeslices; RatioTimeslices averages the success ratios of slices whatever was seen"
            " in them, so that no interval and no verdict follows from it"
        )
    if any(one.indicator or one.indicator_ref or one.composite_weight != 1.0 for one in spec.objectives):
        raise UsageError("one indicator for the SLO, in spec; composite SLOs are not read: declare an SLO for each part")
    indicator = _indicator(spec, named)
    several = len(spec.objectives) > 1
    return [
        _objective(metadata, spec, one, indicator, f"-{number}" if several else "")
        for number, one in enumerate(spec.objectives, 1)
    ]


def _indicator(spec: SloSpec, named: Mapping[str, Any]) -> IndicatorSpec:
    if bool(spec.indicator) == bool(spec.indicator_ref):
        raise UsageError("either an indicator or an indicatorRef")
    if spec.indicator:
        return spec.indicator.spec
    if spec.indicator_ref not in named:
        raise UsageError(f"an SLI named {spec.indicator_ref!r} in the same file; it has {', '.join(named) or 'none'}")
    return msgspec.convert(named[spec.indicator_ref], IndicatorSpec)


def _objective(
    metadata: Metadata, spec: SloSpec, one: ObjectiveSpec, indicator: IndicatorSpec, suffix: str
) -> ServiceObjective:
    method = cast("Method", spec.budgeting_method)
    slices = method == "Timeslices"
    if slices and (one.time_slice_window is None or one.time_slice_target is None):
        raise UsageError("timeSliceTarget and timeSliceWindow, which Timeslices need")
    return ServiceObjective(
        name=f"{metadata.name[: 63 - len(suffix)]}{suffix}",
        title=one.display_name or metadata.display_name or metadata.name,
        service=spec.service,
        method=method,
        target=_target(one),
        window=_window(spec.time_window),
        metric=_metric(indicator, one),
        slice_s=_slice_s(one.time_slice_window) if slices else 60.0,
        slice_target=one.time_slice_target if slices and one.time_slice_target is not None else 1.0,
        decision=_decision(metadata.annotations, method),
        labels={key: value if isinstance(value, str) else ",".join(value) for key, value in metadata.labels.items()},
    )


def _target(one: ObjectiveSpec) -> float:
    if isinstance(one.target, float) == isinstance(one.target_percent, float):
        raise UsageError("either a target or a targetPercent")
    return one.target if isinstance(one.target, float) else round(cast("float", one.target_percent) / 100.0, 12)


def _slice_s(given: str | float | None) -> float:
    """A bare number is in minutes."""
    return Duration.parse(given).seconds if isinstance(given, str) else 60.0 * cast("float", given)


def _metric(indicator: IndicatorSpec, one: ObjectiveSpec) -> Threshold | Ratio:
    threshold, ratio = indicator.threshold_metric, indicator.ratio_metric
    if (threshold is None) == (ratio is None):
        raise UsageError("either a thresholdMetric or a ratioMetric")
    if threshold is not None:
        if one.op is None or one.value is None:
            raise UsageError("op and value, which a thresholdMetric needs")
        return Threshold(_query(threshold), one.op, one.value)
    assert ratio is not None
    if ratio.raw is not None:
        raise UsageError("good or bad, and total; a raw ratio has lost how many events it is of, and so every interval")
    if ratio.counter is False:
        raise UsageError("counter: true; good, bad and total are read as counters here")
    good, bad, total = (_query(metric) if metric else "" for metric in (ratio.good, ratio.bad, ratio.total))
    return Ratio(total=total, good=good, bad=bad)


def _query(metric: Metric) -> str:
    query = metric.metric_source.spec.get("query")
    if not isinstance(query, str) or not query.strip():
        raise UsageError("metricSource.spec.query: PromQL as a text")
    return query.strip()


def _window(given: list[TimeWindow]) -> Window:
    if not given:
        return Rolling()
    if len(given) > 1:
        raise UsageError(f"exactly one timeWindow, not {len(given)}")
    (one,) = given
    duration = Duration.parse(one.duration)
    if one.calendar is None:
        if not one.is_rolling:
            raise UsageError("a timeWindow with isRolling: true, or with a calendar")
        return Rolling(duration)
    if one.is_rolling:
        raise UsageError("a timeWindow that is rolling or has a calendar, not both")
    time_zone(one.calendar.time_zone)
    return Calendar(duration, _start(one.calendar.start_time), one.calendar.time_zone)


def _start(given: object) -> datetime:
    try:
        found = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    except ValueError:
        raise UsageError(f"calendar.startTime such as 2026-11-01 00:00:00, not {given!r}") from None
    if found.tzinfo is not None:
        raise UsageError("calendar.startTime without a time zone; timeZone says which")
    return found


def _decision(annotations: Mapping[str, str], method: Method) -> Decision:
    """Our extension; without it 95 %, and silence counts as bad in slices."""
    own = {key.removeprefix(PREFIX): value for key, value in annotations.items() if key.startswith(PREFIX)}
    no_data = own.get("no-data", "bad" if method == "Timeslices" else "exclude")
    if no_data not in {"bad", "exclude"}:
        raise UsageError(f"annotation {PREFIX}no-data: bad or exclude, not {no_data!r}; silence is never good")
    try:
        confidence, limit = float(own.get("confidence", "0.95")), float(own["limit"]) if "limit" in own else None
    except ValueError:
        raise UsageError(f"annotations {PREFIX}confidence and {PREFIX}limit: numbers as texts, such as '0.95'") from None
    return Decision(
        indicator=own.get("indicator", ""),
        rule=own.get("decision-rule", ""),
        confidence=confidence,
        limit=limit,
        unit=own.get("unit", ""),
        limit_source=own.get("limit-source", ""),
        no_data=cast("NoData", no_data),
        settings={name: value for name, value in own.items() if name not in _SAID},
    )
