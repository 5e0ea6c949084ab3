"""Rules, routes and telemetry before Prometheus' own tools: promtool and amtool of the machine; skipped where they are not."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from hil.bench import load
from hil.cli import main
from hil.operations.budget import History
from hil.operations.burning import BURN_ALERTS, burn_rates, firings
from hil.operations.rule_tests import rule_tests
from hil.operations.rules import rules
from hil.operations.standing import objectives_of
from hil.operations.watching import watch_groups
from hil.telemetry.openmetrics import HELP, exposition
from hil.telemetry.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: web, labels: {team: [identity, rbac]}}
spec:
  service: web
  indicator:
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: 'hits_total{code="200"}'}}}
        total: {metricSource: {type: Prometheus, spec: {query: hits_total}}}
  timeWindow: [{duration: 1M, calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}}]
  budgetingMethod: Timeslices
  objectives: [{target: 0.99, timeSliceTarget: 0.99, timeSliceWindow: 1m}]
"""

pytestmark = pytest.mark.timeout(120)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine; Debian's packages prometheus and prometheus-alertmanager bring it")
    return found


def _ran(*command: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules and routes of the shipped metropolitan link, which may calibrate itself on Sundays."""
    made = tmp_path_factory.mktemp("rules")
    assert main(["rules", "metro-25km", "--out", str(made), "--calibration", "metro: sunday 02:00-04:00"]) == 0
    return made


def test_rules_are_rules(folder: Path) -> None:
    """Promtool reads every expression."""
    done = _ran(_tool("promtool"), "check", "rules", "rules.yml", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_objectives_of_somebody_else_get_rules_too(tmp_path: Path) -> None:
    """Slices of a ratio of their own counters, by the month of a calendar: no label of ours, and no unit test."""
    (tmp_path / "web.yaml").write_text(FOREIGN, encoding="utf-8")
    assert main(["rules", "metro-25km", "--out", str(tmp_path), "--slo", str(tmp_path / "web.yaml")]) == 0
    done = _ran(_tool("promtool"), "check", "rules", "rules.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "rules.yml").read_text()
    assert 'sum(rate(hits_total{code="200"}[1m])) / (sum(rate(hits_total[1m])) > 0)' in text
    assert "slo:period_error_budget_remaining" not in text
    assert yaml.safe_load((tmp_path / "rules_test.yml").read_text())["tests"] == []
    done = _ran(_tool("promtool"), "test", "rules", "rules_test.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_their_own_tests_pass(folder: Path) -> None:
    """All is well, nothing is, nothing is heard, times to be quiet."""
    done = _ran(_tool("promtool"), "test", "rules", "rules_test.yml", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_their_own_tests_can_fail(tmp_path: Path) -> None:
    """They go red once the limit of one alert is a hundred times too high, or silence counts as good."""
    promtool = _tool("promtool")
    bench = load("metro-25km")
    (up,) = [one for one in objectives_of(bench) if one.decision.indicator == "link_availability"]
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(rule_tests("rules.yml", [up]), width=10_000))
    good = yaml.safe_dump(rules([up], watch_groups(bench)), width=10_000)
    for text, passes in (
        (good, True),
        (good.replace("> (14.4 *", "> (1440 *"), False),
        (good.replace("or (vector(1)", "or (vector(0)"), False),
        (good.replace('drill!="page"', 'drill!="none"'), False),
    ):
        (tmp_path / "rules.yml").write_text(text)
        done = _ran(promtool, "test", "rules", "rules_test.yml", cwd=tmp_path)
        assert (done.returncode == 0) is passes, done.stdout + done.stderr


def test_prometheus_burns_as_we_do(tmp_path: Path) -> None:
    """Three hours of random minutes, some in rows: promtool's burn rates and firing alerts, every 20 minutes, are ours."""
    promtool = _tool("promtool")
    (up,) = [one for one in objectives_of(load("metro-25km")) if one.decision.indicator == "link_availability"]
    rng = np.random.default_rng(11)
    bad = (rng.random(180) < 0.004).astype(float)
    bad[45:48] = bad[130:131] = 1.0
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules([up])))
    history = History(0.0, 60.0, bad, np.ones(bad.size))
    # a minute's samples all say what it was; the rule at its end looks back over it
    samples = " ".join("0x3" if minute else "1x3" for minute in bad)
    fired = firings(up, history)
    asked = []
    for minute in range(20, 180, 20):
        place = minute - 1
        for alert in BURN_ALERTS:
            name = {3600.0: "1h", 21_600.0: "6h", 86_400.0: "1d", 259_200.0: "3d"}[alert.long_s]
            rate = float(burn_rates(up, history, alert.long_s)[place])
            asked.append(
                {
                    "expr": f"round(slo:sli_error:ratio_rate{name} / 0.001, 1e-6)",
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": _labels(up), "value": round(rate, 6)}],
                }
            )
        now = {one.alert.factor for one in fired if one.start_s <= 60.0 * minute and (one.end_s or 1e9) > 60.0 * minute}
        asked.append(
            {
                "expr": 'count by (burn) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": f'{{burn="{factor:g}x"}}', "value": 1} for factor in sorted(now)],
            }
        )
    assert {one.alert.factor for one in fired} >= {14.4, 6.0}
    test = {
        "interval": "15s",
        "input_series": [{"series": 'qkd_link_up{bench="metro-25km",link="metro"}', "values": f"1 {samples}"}],
        "promql_expr_test": asked,
    }
    (tmp_path / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}, width=10_000)
    )
    done = _ran(promtool, "test", "rules", "test.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def _labels(objective: Any) -> str:
    labels = {**objective.labels, "slo": objective.name}
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("severity=page bench=metro-25km link=metro", "page"),
        ("severity=ticket bench=metro-25km link=metro", "ticket"),
        ("severity=none alertname=GameDayActive bench=metro-25km link=metro", "nobody"),
        ("severity=page bench=elsewhere", "page"),
        ("alertname=NodeDown", "ticket"),
    ],
)
def test_routes_lead_where_they_should(folder: Path, labels: str, receiver: str) -> None:
    """As Alertmanager's own tool follows them."""
    test = ("config", "routes", "test", "--config.file=alertmanager.yml")
    done = _ran(_tool("amtool"), *test, f"--verify.receivers={receiver}", *labels.split(), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_is_one(folder: Path) -> None:
    """Receivers, inhibitions, intervals; and one that is broken is refused."""
    amtool = _tool("amtool")
    done = _ran(amtool, "check-config", "alertmanager.yml", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 inhibit rules" in done.stdout
    broken = (folder / "alertmanager.yml").read_text().replace("calibration-metro-sunday-02-00-utc\n  time", "other\n  time")
    (folder / "broken.yml").write_text(broken)
    assert _ran(amtool, "check-config", "broken.yml", cwd=folder).returncode != 0


def test_metric_names_keep_to_the_conventions(tmp_path: Path) -> None:
    """Every public name, with its help, as its kind: base units, suffixes."""
    kinds = {"_total": "counter", "_seconds": "histogram"}
    lines = []
    for name, help_text in HELP.items():
        kind = next((kind for suffix, kind in kinds.items() if name.endswith(suffix) and "timestamp" not in name), "gauge")
        sample = f'{name}_bucket{{le="+Inf"}} 1\n{name}_sum 1\n{name}_count 1' if kind == "histogram" else f"{name} 1"
        lines.append(f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n{sample}")
    promtool = _tool("promtool")
    done = _ran(promtool, "check", "metrics", cwd=tmp_path, stdin="\n".join(lines) + "\n")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    bad = _ran(
        promtool, "check", "metrics", cwd=tmp_path, stdin="# HELP qkd_key_bits x\n# TYPE qkd_key_bits gauge\nqkd_key_bits 1\n"
    )
    assert bad.returncode == 3


def test_telemetry_is_backfilled(tmp_path: Path) -> None:
    """OpenMetrics with timestamps becomes blocks: two samples of each of three series."""
    recorder = Recorder()
    for time_s in (0.0, 60.0):
        for name in ("qkd_link_up", "qkd_secret_key_bytes_total", "qkd_qber_ratio"):
            recorder.record(name, time_s, time_s, {"bench": "north", "link": "metro"})
    (tmp_path / "run.txt").write_text(exposition(recorder, 1_767_225_600.0))
    done = _ran(_tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", "run.txt", "blocks", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    header, row = done.stdout.strip().splitlines()
    columns = dict(zip(header.split("  "), row.split(), strict=False)) if "  " in header else {}
    assert " 6 " in f" {row} ", (columns, row)
