"""OpenSLO documents: there and back, as the specification has them, and what is wrong in one."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from hil.bench import load
from hil.errors import OperationsFileError, UsageError
from hil.operations.objective import Decision, Ratio, Threshold
from hil.operations.openslo_read import parse, read
from hil.operations.openslo_write import documents, dump
from hil.operations.standing import labels_of, objectives_of
from hil.operations.windows import Calendar, Duration, Rolling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.operations.objective import ServiceObjective

# written by hand after the README of OpenSLO v1, sections SLO, SLI and Objectives
FOREIGN = """
apiVersion: openslo/v1
kind: SLI
metadata: {name: web-ok}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {type: Prometheus, spec: {query: 'hits_total{code="200"}'}}}
    total: {metricSource: {type: Prometheus, spec: {query: hits_total}}}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: web
  displayName: The web
  labels: {team: [identity, rbac]}
  annotations: {openslo.com/key1: value1}
spec:
  service: web
  indicatorRef: web-ok
  timeWindow:
  - duration: 1M
    isRolling: false
    calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}
  budgetingMethod: Timeslices
  objectives:
  - {displayName: internal, targetPercent: 99.5, timeSliceTarget: 0.99, timeSliceWindow: 5}
  - {displayName: SLA, target: 0.99, timeSliceTarget: 0.99, timeSliceWindow: 1m}
  alertPolicies:
"""


@pytest.mark.parametrize("name", ["metro-25km", "relay-3", "repeater-2", "aerial-70km"])
def test_every_bench_comes_back_as_it_went(name: str) -> None:
    """Objectives, windows, rules and labels: of decoy-state links, chains, a repeater, a contract."""
    objectives = objectives_of(load(name, simulate=True))
    assert parse(dump(objectives)) == objectives
    assert objectives
    calendar = Calendar(Duration(1, "Q"), datetime(2026, 1, 1, 6), "Europe/Berlin")  # noqa: DTZ001
    quarterly = objectives_of(load(name, simulate=True), calendar, 300.0)
    assert parse(dump(quarterly)) == quarterly


def test_limits_of_a_bench_become_targets() -> None:
    """metro-25km: 99.9 % of minutes up and above 100 bit/s, 2 % of errors, one in twenty slower than its limit."""
    by_name = {one.name: one for one in objectives_of(load("metro-25km"))}
    assert {name: one.target for name, one in by_name.items()} == {
        "metro-link-availability": 0.999,
        "metro-key-rate": 0.999,
        "metro-qber": 0.98,
        "metro-key-ingestion": 0.95,
        "metro-auth-round-trip": 0.95,
    }
    rate, round_trip = by_name["metro-key-rate"], by_name["metro-auth-round-trip"]
    assert isinstance(rate.metric, Threshold)
    assert (rate.metric.op, rate.metric.value) == ("gte", 100.0)
    assert rate.metric.query == '8 * rate(qkd_secret_key_bytes_total{bench="metro-25km",link="metro"}[1m])'
    assert isinstance(round_trip.metric, Ratio)
    assert 'le="0.1"' in round_trip.metric.good
    assert by_name["metro-qber"].decision.limit_source == "bench"
    assert labels_of(load("metro-25km"), "metro") == {"bench": "metro-25km", "link": "metro", "site": "north-south"}
    with pytest.raises(UsageError, match="no link in operation"):
        objectives_of(load("recorded-pairs", simulate=True))


def test_a_rate_is_taken_over_long_blocks() -> None:
    """Two of them: of 20 s a minute holds three, of an hour it would hold none."""
    bench = load("field-tokyo45-2015")
    link = msgspec.structs.replace(bench.link["main"], block_s=3600.0)
    slow = msgspec.structs.replace(bench, link={"main": link})
    for given, back in ((bench, "[1m]"), (slow, "[2h]")):
        (rate,) = [one for one in objectives_of(given) if one.decision.indicator == "key_rate"]
        assert isinstance(rate.metric, Threshold)
        assert rate.metric.query.endswith(f"{back})")


def test_documents_have_the_frame_of_the_specification() -> None:
    """Kinds, references that lead somewhere, four burn conditions with one window each, extensions in annotations alone."""
    found = documents(objectives_of(load("metro-25km")))
    assert {one["apiVersion"] for one in found} == {"openslo/v1"}
    by_kind: dict[str, list[Any]] = {}
    for one in found:
        assert set(one) == {"apiVersion", "kind", "metadata", "spec"}
        by_kind.setdefault(one["kind"], []).append(one)
    policies = {one["metadata"]["name"]: one for one in by_kind["AlertPolicy"]}
    conditions = [one["spec"]["conditions"][0]["spec"] for one in policies.values()]
    burn = [(each["severity"], each["condition"]["threshold"], each["condition"]["lookbackWindow"]) for each in conditions]
    assert burn == [("page", 14.4, "1h"), ("page", 6.0, "6h"), ("ticket", 3.0, "1d"), ("ticket", 1.0, "3d")]
    shorts = [one["metadata"]["annotations"]["qkd-hil/short-window"] for one in policies.values()]
    assert shorts == ["5m", "30m", "2h", "6h"]
    assert {one["metadata"]["name"] for one in by_kind["AlertNotificationTarget"]} == {"page", "ticket"}
    for slo in by_kind["SLO"]:
        assert all(policy["alertPolicyRef"] in policies for policy in slo["spec"]["alertPolicies"])
        assert slo["spec"]["service"] in {one["metadata"]["name"] for one in by_kind["Service"]}
        assert all(key.startswith("qkd-hil/") for key in slo["metadata"]["annotations"])
    assert yaml.safe_load_all(dump(objectives_of(load("metro-25km"))))


def test_a_document_of_somebody_else_is_read() -> None:
    """Two objectives, a named indicator, a calendar, labels with several values; without our rule silence is bad."""
    internal, sla = parse(FOREIGN)
    assert (internal.name, internal.target, internal.slice_s) == ("web-1", 0.995, 300.0)
    assert (sla.name, sla.title, sla.target, sla.slice_s) == ("web-2", "SLA", 0.99, 60.0)
    assert sla.window == Calendar(Duration(1, "M"), datetime(2022, 1, 1, 12), "America/New_York")  # noqa: DTZ001
    assert sla.metric == Ratio(good='hits_total{code="200"}', total="hits_total")
    assert sla.labels == {"team": "identity,rbac"}
    assert (sla.decision.no_data, sla.decision.confidence) == ("bad", 0.95)


def test_whatever_a_decision_declares_goes_along() -> None:
    """Under its own name: whether it is a gate, and what the rule takes besides; an unknown one of ours comes back too."""
    by_name = {one.name: one for one in objectives_of(load("metro-25km"))}
    assert by_name["metro-qber"].decision.settings["gate"] == "true"
    assert by_name["metro-link-availability"].decision.settings["gate"] == "false"
    first, second = parse(FOREIGN.replace("openslo.com/key1: value1", "qkd-hil/guard-band: '0.002'"))
    assert first.decision.settings == second.decision.settings == {"guard-band": "0.002"}
    assert parse(dump([first, second])) == (first, second)


def test_every_part_of_a_decision_comes_back(up: Callable[..., ServiceObjective]) -> None:
    """None of them as it is when nothing is said, so that one which is lost on the way shows."""
    rule = Decision("qber", "at 99 %", 0.99, 0.015, "ratio", "contract", "exclude", {"guard-band": "0.002", "n-max": "5000"})
    plain = Decision()
    assert all(getattr(rule, part.name) != getattr(plain, part.name) for part in fields(Decision))
    (back,) = parse(dump([up(decision=rule)]))
    assert back.decision == rule


WRONG = {
    "RatioTimeslices averages": ("budgetingMethod: Timeslices", "budgetingMethod: RatioTimeslices"),
    "Invalid enum value 'Slices'": ("budgetingMethod: Timeslices", "budgetingMethod: Slices"),
    "timeSliceWIndow": ("timeSliceTarget: 0.99, timeSliceWindow: 5", "timeSliceTarget: 0.99, timeSliceWIndow: 5"),
    "which Timeslices need": (", timeSliceWindow: 1m", ""),
    "either a target or a targetPercent": ("target: 0.99,", "target: 0.99, targetPercent: 99,"),
    "no duration of OpenSLO": ("duration: 1M", "duration: 1 month"),
    "no time zone": ("America/New_York", "America/Gotham"),
    "startTime such as": ("2022-01-01 12:00:00", "soon"),
    "without a time zone": ("2022-01-01 12:00:00", "2022-01-01 12:00:00+02:00"),
    "not both": ("isRolling: false", "isRolling: true"),
    "an SLI named 'web-fine'": ("indicatorRef: web-ok", "indicatorRef: web-fine"),
    "composite SLOs are not read": ("{displayName: SLA,", "{compositeWeight: 2.0, displayName: SLA,"),
    "apiVersion: openslo/v1 and a kind": ("kind: SLO\n", "kind: Slo\n"),
    "counter: true": ("counter: true", "counter: false"),
    "PromQL as a text": ("query: hits_total}", "query: 5}"),
    "lies in": ("target: 0.99,", "target: 1.0,"),
    "silence is never good": ("openslo.com/key1: value1", "qkd-hil/no-data: good"),
    "numbers as texts": ("openslo.com/key1: value1", "qkd-hil/confidence: high"),
    "Expected `str` matching regex": ("metadata:\n  name: web", "metadata:\n  name: Web Site"),
    "a stream of YAML": ("metadata:\n  name: web", "metadata:\n name: web\n  x: {"),
}


@pytest.mark.parametrize("said", WRONG)
def test_a_mistake_is_named(said: str) -> None:
    """Where it stands, and what was expected there."""
    before, after = WRONG[said]
    assert before in FOREIGN
    with pytest.raises(OperationsFileError) as raised:
        parse(FOREIGN.replace(before, after), "web.yaml")
    assert said in str(raised.value)
    assert str(raised.value).startswith("web.yaml: ")


def test_every_objective_with_a_mistake_is_named(up: Callable[..., ServiceObjective]) -> None:
    """Not the first alone; and two of one name are a mistake too."""
    text = dump([up(), up(name="other")]).replace("duration: 30d", "duration: month")
    with pytest.raises(OperationsFileError, match="2 mistakes") as raised:
        parse(text)
    assert [mistake.where for mistake in raised.value.mistakes] == ["SLO metro-link-availability", "SLO other"]
    with pytest.raises(OperationsFileError, match="a second one of that name"):
        parse(dump([up(), up()]))
    with pytest.raises(OperationsFileError, match="none of kind SLO"):
        parse("apiVersion: openslo/v1\nkind: Service\nmetadata: {name: web}\nspec: {}\n")


def test_a_file_that_is_none(tmp_path: Path, up: Callable[..., ServiceObjective]) -> None:
    """Missing, or not text; a good one is read."""
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "binary.yaml")
    (tmp_path / "good.yaml").write_text(dump([up()]), encoding="utf-8")
    assert read(tmp_path / "good.yaml") == (up(),)
    assert replace(up(), window=Rolling(Duration(28, "d"))) == parse(dump([up(window=Rolling(Duration(28, "d")))]))[0]
