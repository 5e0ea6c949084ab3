"""A real Prometheus and a real Alertmanager receive a game day and page.

A simulated fibre is cut on a twin; the telemetry of that run is served as five links would serve it, and scraped with rules
30 times as fast. One link pages, one is kept quiet by its game day, one by a calibration that it announces, one by the hours at
which it may calibrate itself; the fifth is well, and a device of it missed its calibration, which is a ticket.
"""

from __future__ import annotations

import json
import queue
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import yaml

from hil.bench import load
from hil.cli import main
from hil.operations.budget import History, budget
from hil.operations.burning import BURN_ALERTS, burn_rates
from hil.operations.expressions import recorded
from hil.operations.rules import group
from hil.operations.standing import objectives_of
from hil.record.writer import EventLog, RunFolder, RunHeader, finish
from hil.telemetry.of_record import telemetry_of
from hil.telemetry.openmetrics import CONTENT_TYPE, snapshot
from hil.telemetry.recorder import Recorder
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.testbed.link import Link

Message = tuple[float, str, Any]
"""When it came, to which receiver, what it says."""

pytestmark = pytest.mark.timeout(150)

PATIENCE_S = 60.0
"""Of a loaded machine; an idle one takes a fifth of it."""

SPEED = 30
BEFORE_S = 4.0
"""All is well so long before the run that was recorded begins."""

LATER = 6
"""Scrapes, half a second apart: three times as long as a page waits for others of its group."""

CUT_S = 3.0
RUN_S = 10.0
COUNTERS = ("qkd_secret_key_bytes_total", "qkd_sifted_symbols_total", "qkd_sifted_symbol_errors_total")
SERVED = {*COUNTERS, "qkd_link_up", "qkd_fault_active"}
LINKS = {
    "paged": {"drill": "page"},
    "gameday": {"drill": "none"},
    "calibrating": {"drill": "page"},
    "sunday": {"drill": "page"},
    "well": {},
}
DEVICES = """
[device.alice_{link}]
role = "transmitter"
driver = "reference-transceiver"
site = "hill"
pulse_rate = "1 GHz"
intensities = [0.55, 0.25, 2e-4]
intensity_probabilities = [0.4, 0.4, 0.2]
key_basis_probability = 0.83

[device.bob_{link}]
role = "receiver"
driver = "reference-transceiver"
site = "lake"
detectors = ["z0", "z1", "x0", "x1"]
efficiency = 0.2
dark_count_rate = "60 cps"
dead_time = "50 ns"
misalignment = 0.008
basis_choice = "passive"
key_basis_probability = 0.83

[link.{link}]
protocol = "bb84-decoy"
parties = {{ a = "alice_{link}", b = "bob_{link}" }}
path = ["fibre"]

[link.{link}.fibre]
length = "25 km"
attenuation = "0.2 dB/km"
"""


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"{names[0]} is not on this machine; Debian's packages prometheus and prometheus-alertmanager bring it")


@pytest.fixture
def bench_file(tmp_path: Path) -> Path:
    file = tmp_path / "five.toml"
    links = "".join(DEVICES.format(link=link) for link in LINKS)
    file.write_text(f'[bench]\nname = "five"\nsimulated = true\n{links}', encoding="utf-8")
    return file


@pytest.fixture
def cut(tmp_path: Path) -> Recorder:
    """The telemetry of ten simulated seconds, in six of which the fibre is cut; recorded as every run is."""
    folder = RunFolder.create(tmp_path)
    log = EventLog(folder, "main")
    with Testbed.open("metro-25km", simulate=True, seed=6, log=log, folder=folder) as testbed:
        testbed.begin("gameday")
        link = cast("Link", testbed.link("metro"))
        link.up()
        chaos = Chaos(testbed, link)
        chaos.at(f"{CUT_S:g} s").fiber_cut(duration="6 s")
        link.run(f"{RUN_S:g} s")
        chaos.finish()
        testbed.end()
    log.append("test", "gameday", outcome="PASS")
    record = finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=6, started=0.0))
    return telemetry_of(folder.path, record)


def _as_links(of_one: Recorder) -> Recorder:
    """The same on four links, while the fifth goes on as before the cut; and what only an operator's exporter knows.

    Times count from the beginning of the run, and before it all is as in its first second.
    """
    made = Recorder()
    series = {one.name: one for one in of_one.series() if one.name in SERVED}
    begin_s = float(series["qkd_sifted_symbols_total"].times_s[0])
    for link, marks in LINKS.items():
        own = {"bench": "five", "link": link}
        made.extend("qkd_link_up", [-BEFORE_S], [1.0], own)
        for name in COUNTERS:
            first, second = series[name].values[:2]
            well_s = np.arange(-BEFORE_S, 0.0 if link != "well" else 10.0 * PATIENCE_S, 0.125)  # finer than it is scraped
            made.extend(name, well_s, first + (second - first) * (well_s + BEFORE_S), own)
        if link == "well":
            continue
        for name in (*COUNTERS, "qkd_link_up", "qkd_fault_active"):
            one = series[name]
            grown = (one.values[1] - one.values[0]) * BEFORE_S if name in COUNTERS else 0.0
            made.extend(name, one.times_s - begin_s, one.values + grown, own | (marks if name == "qkd_fault_active" else {}))
    made.record("qkd_calibration_active", 1.0, -BEFORE_S, {"bench": "five", "link": "calibrating"})
    for link in LINKS:
        done_s = 0.0 if link == "well" else time.time() - 3600.0
        labels = {"bench": "five", "device": f"alice_{link}"}
        made.record("qkd_calibration_last_timestamp_seconds", done_s, -BEFORE_S, labels)
    return made


class Exporter:
    """Serves what links tell, second by second from the first scrape on."""

    def __init__(self, telemetry: Recorder) -> None:
        self.telemetry = telemetry
        self.began = 0.0
        self.scraped: queue.Queue[None] = queue.Queue()

    def answer(self) -> bytes:
        self.began = self.began or time.monotonic()
        self.scraped.put(None)
        return snapshot(self.telemetry, time.monotonic() - self.began - BEFORE_S).encode()


@contextmanager
def _serving(get: Callable[[], bytes] | None, post: Callable[[str, Any], None] | None) -> Iterator[int]:
    """An HTTP server on a free port of the loopback, in a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert get is not None
            self._answer(get())

        def do_POST(self) -> None:
            assert post is not None
            content = self.rfile.read(int(self.headers["Content-Length"]))
            post(self.path, json.loads(content))
            self._answer(b"{}")

        def _answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Not on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _running(command: list[str], ready: str) -> Iterator[None]:
    """A program until the end of the context; begun when its log says so."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in process.stderr or ():
            lines.put(line)
        lines.put("")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        said = []
        while ready not in (line := lines.get(timeout=PATIENCE_S)):
            said.append(line)
            assert line, f"{command[0]} ended:\n{''.join(said)}"
        yield
    finally:
        process.terminate()
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        if process.stderr:
            process.stderr.close()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _prometheus_config(rules: Path, exporter: int, alertmanager: int) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "qkd", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }


def test_a_game_day_pages(bench_file: Path, tmp_path: Path, cut: Recorder) -> None:
    """The page comes with labels to act on; a ticket goes elsewhere; what is to be quiet is, and not for want of an alert."""
    prometheus = _program("prometheus")
    alertmanager = _program("prometheus-alertmanager", "alertmanager")
    told: queue.Queue[Message] = queue.Queue()
    exporter = Exporter(_as_links(cut))
    with ExitStack() as stack:
        hook = stack.enter_context(_serving(None, lambda path, content: told.put((time.monotonic(), path, content))))
        served = stack.enter_context(_serving(exporter.answer, None))
        hooks = [f"--page=http://127.0.0.1:{hook}/page", f"--ticket=http://127.0.0.1:{hook}/ticket"]
        quiet = "--calibration=sunday: daily 00:00-24:00"
        assert main(["rules", str(bench_file), "--out", str(tmp_path / "out"), "--speed", str(SPEED), *hooks, quiet]) == 0
        ports = {"alertmanager": _free_port(), "prometheus": _free_port()}
        config = _prometheus_config(tmp_path / "out" / "rules.yml", served, ports["alertmanager"])
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        stack.enter_context(
            _running(
                [
                    alertmanager,
                    f"--config.file={tmp_path / 'out' / 'alertmanager.yml'}",
                    f"--storage.path={tmp_path / 'am'}",
                    f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
                    "--cluster.listen-address=",
                ],
                "Listening on",
            )
        )
        stack.enter_context(
            _running(
                [
                    prometheus,
                    f"--config.file={tmp_path / 'prometheus.yml'}",
                    f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
                ],
                "Server is ready to receive web requests",
            )
        )
        paged_at, page = _next(told, "/page")
        _, ticket = _next(told, "/ticket")
        state = _settled(ports["alertmanager"], exporter)
        late = [content for _, path, content in _rest(told) if path == "/page"]
    _check_page(page)
    assert paged_at > exporter.began + BEFORE_S + CUT_S
    assert {one["labels"]["alertname"] for one in ticket["alerts"]} == {"QkdCalibrationOverdue"}
    assert ticket["groupLabels"] == {"bench": "five", "link": "well", "site": "hill-lake"}
    # only the one link ever paged, though all four were down: Alertmanager had the others' alerts, and kept them
    assert {content["groupLabels"]["link"] for content in [page, *late]} == {"paged"}
    assert state == {("paged", "active"), ("gameday", "suppressed"), ("calibrating", "suppressed"), ("sunday", "active")}


def test_a_month_of_prometheus_is_ours(tmp_path: Path) -> None:
    """43,200 backfilled minutes, 45 of them bad: budget left and every window's share, as the real engine works them out."""
    prometheus, promtool = _program("prometheus"), _program("promtool")
    (up,) = [one for one in objectives_of(load("metro-25km")) if one.decision.indicator == "link_availability"]
    bad = np.zeros(43_200)
    for first, count in ((100, 3), (20_000, 24), (41_000, 10), (43_050, 6), (43_190, 2)):
        bad[first : first + count] = 1.0
    history = History(1_767_225_600.0, 60.0, bad, np.ones(bad.size))
    ends_s = history.start_s + 60.0 * np.arange(1, bad.size + 1)
    labels = ",".join(f'{name}="{value}"' for name, value in {**up.labels, "slo": up.name}.items())
    samples = [f"slo:slice_bad:bool{{{labels}}} {value:g} {time_s:.0f}" for time_s, value in zip(ends_s, bad, strict=True)]
    (tmp_path / "month.txt").write_text("\n".join(["# TYPE slo:slice_bad:bool gauge", *samples, "# EOF\n"]), encoding="utf-8")
    few_blocks = ["tsdb", "create-blocks-from", "--max-block-duration=744h", "openmetrics"]
    backfill = [promtool, *few_blocks, str(tmp_path / "month.txt"), str(tmp_path / "tsdb")]
    subprocess.run(backfill, check=True, capture_output=True, timeout=60)
    (tmp_path / "prometheus.yml").write_text("{}")
    expressions = {rule["record"]: rule["expr"] for rule in group(up)["rules"] if "record" in rule}
    expected = {"slo:period_error_budget_remaining:ratio": budget(up, history).left_ratio}
    for alert in BURN_ALERTS:
        for window_s in (alert.long_s, alert.short_s):
            expected[recorded(window_s)] = float(burn_rates(up, history, window_s)[-1]) * up.allowed
    port = _free_port()
    command = [
        prometheus,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _running(command, "Server is ready to receive web requests"):
        found = {name: _value(port, expressions[name], history.end_s) for name in expected}
    assert found == pytest.approx(expected)
    assert found["slo:period_error_budget_remaining:ratio"] == pytest.approx(1.0 - 45.0 / 43.2)


def _value(port: int, expression: str, time_s: float) -> float:
    """What an expression is at a time, of the one series that it has."""
    asked = urllib.parse.urlencode({"query": expression, "time": f"{time_s:.3f}"})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{asked}", timeout=30.0) as answer:
        (one,) = json.loads(answer.read())["data"]["result"]
    return float(one["value"][1])


def _check_page(page: Any) -> None:
    """One message for the link, whatever broke on it; not before the cut."""
    assert (page["receiver"], page["status"]) == ("page", "firing")
    assert page["groupLabels"] == {"bench": "five", "link": "paged", "site": "hill-lake"}
    burning = [one for one in page["alerts"] if one["labels"]["alertname"] == "QkdErrorBudgetBurn"]
    assert burning
    labels = burning[0]["labels"]
    assert labels["severity"] == "page"
    assert labels["slo"] in {"paged-link-availability", "paged-key-rate"}
    assert labels["burn"] in {"14.4x", "6x"}
    assert "burns more than" in burning[0]["annotations"]["summary"]


def _next(told: queue.Queue[Message], wanted: str) -> tuple[float, Any]:
    """The first message to a receiver, with its time; others go back behind it."""
    aside = []
    deadline = time.monotonic() + PATIENCE_S
    try:
        while True:
            message = told.get(timeout=max(deadline - time.monotonic(), 0.01))
            if message[1] == wanted:
                return message[0], message[2]
            aside.append(message)
    except queue.Empty:
        pytest.fail(f"nothing was sent to {wanted} within {PATIENCE_S:g} s; others: {aside}")
    finally:
        for one in aside:
            told.put(one)


def _rest(told: queue.Queue[Message]) -> list[Message]:
    found = []
    while not told.empty():
        found.append(told.get())
    return found


def _settled(port: int, exporter: Exporter) -> set[tuple[str, str]]:
    """Links whose availability burns, and what Alertmanager does with that, once it has all four and time to tell somebody."""
    deadline, more = time.monotonic() + PATIENCE_S, LATER
    state: set[tuple[str, str]] = set()
    while more and time.monotonic() < deadline:
        exporter.scraped.get(timeout=PATIENCE_S)
        state = _burning(port)
        more -= {link for link, _ in state} == LINKS.keys() - {"well"}
    return state


def _burning(port: int) -> set[tuple[str, str]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/alerts", timeout=10.0) as answer:
        alerts = json.loads(answer.read())
    return {
        (one["labels"]["link"], one["status"]["state"])
        for one in alerts
        if one["labels"].get("slo", "").endswith("link-availability") and one["labels"]["severity"] == "page"
    }
