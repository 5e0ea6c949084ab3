"""Unit tests for ``promtool test rules``: a bench's objectives when all is well, when nothing is, and when nothing is heard.

Expected alerts are written down here, not computed from the rules. Half an hour is good, then an hour is bad: 60 of the 60,
360, 1,440 and 4,320 minutes of the long windows, or bits and durations in such shares, are above the limits of all four alerts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.operations.rules import BURN
from hil.operations.watching import CALIBRATING, GAME_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.operations.objective import ServiceObjective

__all__ = ["rule_tests"]

_GOOD, _BAD = 30 * 4, 60 * 4
"""Samples, one in 15 s."""

_TIERS = (("page", "14.4x"), ("page", "6x"), ("ticket", "3x"), ("ticket", "1x"))

_GAUGES = {"link_availability": ("qkd_link_up", 1.0, 0.0)}
_COUNTERS = {
    # growth of each series in 15 s while all is well, and while it is not
    "key_rate": (("qkd_secret_key_bytes_total", "", 1_875_000, 0),),
    "contract_key_rate": (("qkd_secret_key_bytes_total", "", 1_875_000, 0),),
    "qber": (("qkd_sifted_symbol_errors_total", "", 50, 5_000), ("qkd_sifted_symbols_total", "", 10_000, 10_000)),
    "key_ingestion": (
        ("qkd_key_ingest_duration_seconds_bucket", 'le="{limit}"', 20, 0),
        ("qkd_key_ingest_duration_seconds_count", "", 20, 20),
    ),
    "auth_round_trip": (
        ("qkd_auth_rtt_seconds_bucket", 'le="{limit}"', 20, 0),
        ("qkd_auth_rtt_seconds_count", "", 20, 20),
    ),
}


def rule_tests(rules_file: str, objectives: Iterable[ServiceObjective]) -> dict[str, Any]:
    """The tests of a rules file with these objectives and the alerts of their bench; without an indicator there are none."""
    known = [one for one in objectives if {"bench", "link"} <= one.labels.keys() and _series(one)]
    silent = [objective for objective in known if objective.decision.no_data == "bad"]
    tests: list[dict[str, Any]] = []
    if known:
        tests += [_test("all is well, then nothing is", known, _BAD, known), _test("then nothing is heard", known, 0, silent)]
    tests += [_quiet_test(objective) for objective in known if objective.decision.indicator == "link_availability"]
    return {"rule_files": [rules_file], "evaluation_interval": "1m", "tests": tests}


def _test(name: str, objectives: list[ServiceObjective], bad: int, fire: list[ServiceObjective]) -> dict[str, Any]:
    """Every series good and then so many samples bad, or none; who fires at the end."""
    names = "|".join(one.name for one in objectives)
    burning = f'ALERTS{{alertname="{BURN}",alertstate="firing",slo=~"{names}"}}'
    firing = f"count by (link, slo, severity, burn) ({burning})"
    expected = [
        {"labels": f'{{link="{one.labels["link"]}",slo="{one.name}",severity="{severity}",burn="{burn}"}}', "value": 1}
        for one in fire
        for severity, burn in _TIERS
    ]
    inputs = dict(_input(series, bad) for objective in objectives for series in _series(objective))
    return {
        "name": name,
        "interval": "15s",
        "input_series": [{"series": series, "values": values} for series, values in inputs.items()],
        "promql_expr_test": [
            {"expr": firing, "eval_time": "29m", "exp_samples": []},
            {"expr": firing, "eval_time": "90m", "exp_samples": expected},
        ],
    }


def _input(series: tuple[str, float, float, bool], bad: int) -> tuple[str, str]:
    """Selector, and values in promtool's notation: ``start+growth x times``, and ``_`` for silence."""
    name, first, second, counts = series
    values = f"0+{first:.0f}x{_GOOD}" if counts else f"{first:g}x{_GOOD}"
    if not bad:
        return name, f"{values} _x{_BAD}"
    return name, f"{values} {first * _GOOD + second:.0f}+{second:.0f}x{bad}" if counts else f"{values} {second:g}x{bad}"


def _quiet_test(objective: ServiceObjective) -> dict[str, Any]:
    """A game day and a calibration are seen, unless the game day is to page."""
    labels = ",".join(f'{name}="{objective.labels[name]}"' for name in ("bench", "link"))
    series = {
        f'qkd_fault_active{{{labels},fault="fiber-cut",drill="page"}}': "0x10 1x20 1x20",
        f'qkd_fault_active{{{labels},fault="fiber-cut"}}': "0x10 0x20 1x20",
        f"qkd_calibration_active{{{labels}}}": "0x10 1x10 0x30",
    }
    firing = f'count by (alertname) (ALERTS{{alertname=~"{GAME_DAY}|{CALIBRATING}",alertstate="firing"}})'
    # what is over keeps quiet for half an hour more
    seen = {"5m": (), "15m": (CALIBRATING,), "40m": (CALIBRATING, GAME_DAY), "55m": (GAME_DAY,)}
    return {
        "name": f"{objective.name}: times to be quiet",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": time,
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in names],
            }
            for time, names in seen.items()
        ],
    }


def _series(objective: ServiceObjective) -> list[tuple[str, float, float, bool]]:
    """Series of an indicator: selector, value or growth while all is well, and while it is not, and whether it is a counter."""
    indicator, limit = objective.decision.indicator, objective.decision.limit or 0.0
    labels = ",".join(f'{name}="{value}"' for name, value in objective.labels.items() if name in {"bench", "link"})
    if indicator == "entanglement_fidelity":
        return [(f"qkd_entanglement_fidelity_ratio{{{labels}}}", min(limit + 0.05, 1.0), 0.25, False)]
    if indicator in _GAUGES:
        name, first, second = _GAUGES[indicator]
        return [(f"{name}{{{labels}}}", first, second, False)]
    found = []
    for name, more, first, second in _COUNTERS.get(indicator, ()):
        own = more.format(limit=repr(float(limit)))
        found.append((f"{name}{{{labels}{',' if own else ''}{own}}}", float(first), float(second), True))
    return found
