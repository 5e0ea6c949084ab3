"""Rules and routes as data: names, labels, severities, times; what promtool and amtool say of them is in the system tests."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hil.bench import load
from hil.errors import UsageError
from hil.operations.expressions import error_ratio, slice_bad
from hil.operations.objective import Ratio
from hil.operations.routes import Calibration, Receivers, alertmanager
from hil.operations.rule_tests import rule_tests
from hil.operations.rules import BURN, group, rules
from hil.operations.standing import objectives_of
from hil.operations.watching import watch_groups
from hil.telemetry.openmetrics import HELP

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.operations.objective import ServiceObjective

    Objective = Callable[..., ServiceObjective]


def _alerts(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for rule in made["rules"] if "alert" in rule]


def test_a_group_records_shares_and_alerts_on_two_windows(up: Objective) -> None:
    """Seven windows, each by its name; four alerts with labels to route by."""
    made = group(up())
    assert (made["name"], made["interval"]) == ("slo-north-metro-link-availability", "1m")
    recorded = [rule["record"] for rule in made["rules"] if "record" in rule]
    assert recorded[:2] == ["slo:slice_bad:bool", "slo:sli_error:ratio_rate5m"]
    assert [name for name in recorded if name.startswith("slo:sli_error")] == [
        f"slo:sli_error:ratio_rate{window}" for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
    ]
    alerts = _alerts(made)
    assert [(one["alert"], one["labels"]["severity"], one["labels"]["burn"]) for one in alerts] == [
        (BURN, "page", "14.4x"),
        (BURN, "page", "6x"),
        (BURN, "ticket", "3x"),
        (BURN, "ticket", "1x"),
    ]
    assert all({"bench", "link", "site", "slo"} <= set(one["labels"]) for one in alerts)
    assert "ratio_rate1h{" in alerts[0]["expr"]
    assert "ratio_rate5m{" in alerts[0]["expr"]
    assert alerts[0]["expr"].count("> (14.4 * 0.001)") == 2


def test_slices_add_up_over_half_a_slice_less(up: Objective) -> None:
    """Both ends of a range count in Prometheus 2, one in 3: 4 min 30 s hold five minutes' samples in both."""
    assert error_ratio(up(), 300.0, 1.0).endswith("[4m30s]) / 5")
    assert error_ratio(up(), 86_400.0, 1.0).endswith("[23h59m30s]) / 1440")
    assert error_ratio(up(), 300.0, 60.0).endswith("[4s500ms]) / 5")


def test_silence_is_bad_or_nothing_but_never_good(up: Objective, bits: Objective) -> None:
    """Of a ratio over no events a comparison with nan would be false, which is good: the total is filtered instead."""
    assert " or (vector(1) and on() slo:objective:ratio{" in slice_bad(up(), 1.0)
    excluded = replace(up().decision, no_data="exclude")
    assert "vector" not in slice_bad(up(decision=excluded), 1.0)
    ratio = bits(method="Timeslices", slice_target=0.99)
    assert slice_bad(ratio, 1.0).endswith("> bool 0.01")
    assert "[1m])) > 0)" in slice_bad(ratio, 1.0)
    good = replace(ratio, metric=Ratio(good="hits", total="all"))
    assert slice_bad(good, 1.0).startswith("1 - sum(rate(hits[1m])) / (sum(rate(all[1m])) > 0)")


def test_few_events_do_not_alert(bits: Objective) -> None:
    """50 bits before 2 % of them can be said to be used up."""
    assert all(one["expr"].endswith(">= 50)") for one in _alerts(group(bits())))


def test_a_drill_is_shorter_in_every_time(up: Objective) -> None:
    """60 times: a minute is a second, the windows keep their names."""
    made = rules([up()], watch_groups(load("metro-25km"), 60.0), 60.0)
    assert [one["interval"] for one in made["groups"]] == ["1s", "250ms", "1s"]
    text = str(made)
    assert "ratio_rate1h" in text
    assert not re.search(r"'for': '\d+m", text)


def test_limits_of_a_link_page_or_make_a_ticket_and_wait() -> None:
    """What stops the key wakes somebody, what is beyond a limit waits for the day; none of them at the first look.

    Urgency: docs/how-to/alert-on-a-link.md. Limits: metro-25km (2 % of errors, 8 % in its proof), indicators.md (100 cps, 7 d).
    """
    quiet, watch = watch_groups(load("metro-25km"))
    found = {
        rule["alert"]: (rule["labels"]["severity"], rule.get("for", ""), rule["expr"].rpartition(" > ")[2])
        for rule in watch["rules"]
    }
    assert found.pop("QkdLinkSilent")[:2] == ("ticket", "5m")
    assert found == {
        "QkdQberAboveLimit": ("ticket", "2m", "0.02"),
        "QkdNoKeyFromErrors": ("page", "2m", "0.08"),
        "QkdDarkCountsHigh": ("ticket", "2m", "100"),
        "QkdCalibrationOverdue": ("ticket", "", f"{7 * 86_400}"),  # a clock that only grows needs no second look
    }
    assert {rule["labels"]["severity"] for rule in quiet["rules"]} == {"none"}


def test_alerts_speak_of_known_series() -> None:
    """Every metric that a rule of a shipped bench reads is one that the telemetry can have, or is recorded here."""
    for name in ("metro-25km", "entangled-metro", "repeater-2"):
        bench = load(name, simulate=True)
        text = str(rules(objectives_of(bench), watch_groups(bench)))
        read = {re.sub(r"_(bucket|count)$", "", found) for found in re.findall(r"\bqkd_\w+", text)}
        assert read <= set(HELP), read - set(HELP)


def test_pages_and_tickets_part() -> None:
    """Game days and calibrations reach nobody; what no link claims goes by its severity alone."""
    made = alertmanager(Receivers("http://a.example/p", "http://a.example/t"), [("north", "metro")])
    routes = made["route"]["routes"]
    assert [one["receiver"] for one in routes] == ["nobody", "page", "ticket", "page", "ticket"]
    assert routes[1]["matchers"] == ['severity="page"', 'bench="north"', 'link="metro"']
    assert made["route"]["group_by"] == ["bench", "site", "link"]
    assert [one["source_matchers"] for one in made["inhibit_rules"]] == [
        ['alertname="GameDayActive"'],
        ['alertname="CalibrationActive"'],
        ['severity="page"', 'slo!=""'],  # where both lack the label it counts as equal
    ]
    assert made["inhibit_rules"][2]["equal"] == ["bench", "link", "slo"]


def test_calibrations_mute_their_link() -> None:
    """One of a link, one of every link; in their time zone."""
    calibrations = [Calibration.parse("metro: sunday 02:00-04:00", "Europe/Berlin"), Calibration.parse("daily 23:30-24:00")]
    made = alertmanager(Receivers(), [("north", "metro"), ("north", "ring")], calibrations)
    first, second = made["time_intervals"]
    assert first["time_intervals"] == [
        {"weekdays": ["sunday"], "times": [{"start_time": "02:00", "end_time": "04:00"}], "location": "Europe/Berlin"}
    ]
    assert second["time_intervals"] == [{"times": [{"start_time": "23:30", "end_time": "24:00"}], "location": "UTC"}]
    by_link = {one["matchers"][-1]: one["mute_time_intervals"] for one in made["route"]["routes"] if len(one["matchers"]) == 3}
    assert by_link == {'link="metro"': [first["name"], second["name"]], 'link="ring"': [second["name"]]}
    with pytest.raises(UsageError, match="calibration of lake: no such link; there are metro"):
        alertmanager(Receivers(), [("north", "metro")], [Calibration.parse("lake: daily 01:00-02:00")])


@pytest.mark.parametrize(
    "text", ["sunday", "someday 02:00-03:00", "sunday 2:00-3:00", "daily 03:00-25:00", "sunday 04:00-02:00"]
)
def test_other_calibrations_are_refused(text: str) -> None:
    """With the accepted form."""
    with pytest.raises(UsageError, match="calibration '"):
        Calibration.parse(text)


def test_unit_tests_cover_every_objective_of_an_indicator(up: Objective) -> None:
    """All alerts of all objectives at the end, none before; silence of those whose silence is bad."""
    objectives = objectives_of(load("metro-25km"))
    burns, silent, quiet = rule_tests(
        "rules.yml", [*objectives, up(name="foreign", decision=replace(up().decision, indicator=""))]
    )["tests"]
    before, after = burns["promql_expr_test"]
    assert (before["exp_samples"], len(after["exp_samples"])) == ([], 4 * len(objectives))
    assert len(silent["promql_expr_test"][1]["exp_samples"]) == 4 * 2
    assert quiet["name"].endswith("times to be quiet")
