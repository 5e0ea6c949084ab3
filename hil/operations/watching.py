"""Alerts of a bench that have no budget: limits that are crossed or kept, telemetry that stays away, times to be quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil import discovery
from hil.operations.burning import BURN_ALERTS
from hil.operations.expressions import number
from hil.operations.standing import labels_of, selector
from hil.operations.windows import prometheus_duration
from hil.slo import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.bench.model import Bench

__all__ = ["CALIBRATING", "GAME_DAY", "watch_groups"]

GAME_DAY = "GameDayActive"
CALIBRATING = "CalibrationActive"
"""Neither reaches anybody: they keep other alerts of their link quiet."""

_QUIET_S = 15.0
"""Shorter than a page waits for others of its group, so that what keeps it quiet is there first."""

_PATIENCE_S = 120.0
_SILENCE_S = 300.0


def watch_groups(bench: Bench, speed: float = 1.0) -> list[dict[str, Any]]:
    """The rules of every link of a bench that is operated: what keeps others quiet, looked at more often, and limits."""
    quiet: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for link, declared in bench.link.items():
        if declared.protocol == "recorded-pairs":
            continue
        labels = labels_of(bench, link)
        quiet += [
            _quiet(GAME_DAY, labels, selector("qkd_fault_active", labels, 'drill!="page"'), speed),
            _quiet(CALIBRATING, labels, selector("qkd_calibration_active", labels), speed),
        ]
        found += [_silent(labels, speed), *_limits(bench, link, labels, speed)]
    name = bench.bench.name
    return [
        {"name": f"quiet-{name}", "interval": prometheus_duration(_QUIET_S / speed), "rules": quiet},
        {"name": f"watch-{name}", "interval": prometheus_duration(60.0 / speed), "rules": found},
    ]


def _quiet(name: str, labels: Mapping[str, str], series: str, speed: float) -> dict[str, Any]:
    """Something that is known to disturb the link goes on, or did while a page's short windows still see it."""
    held = prometheus_duration(max(alert.short_s for alert in BURN_ALERTS if alert.severity == "page") / speed)
    return {
        "alert": name,
        "expr": f"max(max_over_time({series}[{held}])) > 0",
        "labels": {**labels, "severity": "none"},
        "annotations": {"summary": f"{labels['link']}: other alerts are kept quiet meanwhile"},
    }


def _silent(labels: Mapping[str, str], speed: float) -> dict[str, Any]:
    said = "no telemetry comes in; its minutes count as bad"
    return _alert("QkdLinkSilent", labels, f"absent({selector('qkd_link_up', labels)})", ("ticket", _SILENCE_S / speed), said)


def _limits(bench: Bench, link: str, labels: Mapping[str, str], speed: float) -> list[dict[str, Any]]:
    """Error rate above its limit (ticket) and above what makes key (page), dark counts, calibrations."""
    declared = bench.link[link]
    limit = {name: _limit(bench, link, name) for name in ("qber", "dark_counts", "calibration_interval")}
    span = prometheus_duration(_PATIENCE_S / speed)
    rates = [
        f"sum(rate({selector(name, labels)}[{span}]))"
        for name in ("qkd_sifted_symbol_errors_total", "qkd_sifted_symbols_total")
    ]
    qber = f"{rates[0]} / ({rates[1]} > 0)"
    devices = "|".join(sorted(declared.parties.values()))
    dark = selector("qkd_detector_dark_counts_total", labels)
    done = f'qkd_calibration_last_timestamp_seconds{{bench="{bench.bench.name}",device=~"{devices}"}}'
    wait_s, no_wait_s = _PATIENCE_S / speed, 0.0
    found = []
    if declared.protocol != "entanglement-swapping":
        top, own = declared.proof.qber_limit, limit["qber"]
        said = f"the error rate is above {100 * top:g} %, where no key is released"
        found += [
            _alert("QkdQberAboveLimit", labels, f"{qber} > {number(own)}", ("ticket", wait_s), _above("error rate", own)),
            _alert("QkdNoKeyFromErrors", labels, f"{qber} > {number(top)}", ("page", wait_s), said),
        ]
    found += [
        _alert(
            "QkdDarkCountsHigh",
            labels,
            f"rate({dark}[{span}]) > {number(limit['dark_counts'])}",
            ("ticket", wait_s),
            f"dark counts of a detector are above {limit['dark_counts']:g} a second",
        ),
        _alert(
            "QkdCalibrationOverdue",
            labels,
            f"time() - {done} > {number(limit['calibration_interval'])}",
            ("ticket", no_wait_s),
            "a device did not calibrate itself for longer than its limit",
        ),
    ]
    return found


def _limit(bench: Bench, link: str, indicator: str) -> float:
    limit = resolve(bench, link, discovery.find("indicator", indicator)).limit
    assert limit is not None
    return limit


def _above(what: str, limit: float) -> str:
    return f"the {what} is above {100 * limit:g} %"


def _alert(name: str, labels: Mapping[str, str], expression: str, urgency: tuple[str, float], said: str) -> dict[str, Any]:
    """``urgency``: severity, and for how long it has to hold."""
    severity, wait_s = urgency
    held = {"for": prometheus_duration(wait_s)} if wait_s else {}
    return {
        "alert": name,
        "expr": expression,
        **held,
        "labels": {**labels, "severity": severity},
        "annotations": {"summary": f"{labels['link']}: {said}"},
    }
