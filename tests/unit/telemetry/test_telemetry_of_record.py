"""Telemetry of a finished run: counters that go on from test to test, faults as steps, latencies, what it was made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.discovery import find
from hil.record.writer import EventLog, RunFolder, RunHeader, finish, save_series
from hil.telemetry.of_record import LINK_UP, telemetry_of
from hil.telemetry.openmetrics import HELP

if TYPE_CHECKING:
    from pathlib import Path

    from hil.telemetry.recorder import Recorder, Series

STARTED = 1_767_225_600.0


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Two tests: two blocks with key, and one cut short; counts of a detector in each."""
    folder = RunFolder.create(tmp_path)
    log = EventLog(folder, "main")
    for case, number, released in (("a", 0, True), ("a", 1, True), ("b", 0, False)):
        log.append(
            "block",
            case,
            link="metro",
            sequence=number,
            start_s=2.0 + number,
            end_s=3.0 + number,
            sifted_key_bits=1000,
            sifted_test_bits=100,
            test_errors=50,
            key_errors=13 if released else None,
            secret_bits=803 if released else 0,
            released=released,
        )
    for case in ("a", "b"):
        log.append("test", case, outcome="PASS")
        save_series(folder, case, "metro", {"z0.counts_hz": (np.array([2.05, 2.15, 2.25]), np.array([40.0, 60.0, 50.0]))})
    log.append("fault", "b", fault="fiber_cut", target="switch", start_s=1.0, end_s=3.0, link="metro")
    log.append("latency", "a", operation="key ingestion", durations_s=(0.02, 4.0), link="metro")
    log.append("verdict", "a", indicator="qber", subject="metro", outcome="PASS", reason="fine")
    log.append("device", name="bob-1", simulated=True, firmware="2.4.1")
    finish(folder, RunHeader(bench="north", simulated=True, seed=1, started=STARTED, labels={"commit": "88ae26e"}))
    return folder


def _telemetry(folder: RunFolder) -> Recorder:
    from hil.record.reader import read_record

    return telemetry_of(folder.path, read_record(folder.path))


def _one(recorder: Recorder, name: str, **labels: str) -> Series:
    (found,) = [one for one in recorder.series() if one.name == name and labels.items() <= dict(one.labels).items()]
    return found


def test_counters_go_on_from_test_to_test(run: RunFolder) -> None:
    """Test a is 4 s long, so that b's block ends at 4 + 3 s; of a block that was not corrected, the compared bits count."""
    recorder = _telemetry(run)
    sifted = _one(recorder, "qkd_sifted_symbols_total")
    assert (sifted.times_s.tolist(), sifted.values.tolist()) == ([2.0, 3.0, 4.0, 7.0], [0.0, 1000.0, 2000.0, 2100.0])
    assert _one(recorder, "qkd_sifted_symbol_errors_total").values.tolist() == [0.0, 13.0, 26.0, 76.0]
    assert _one(recorder, "qkd_secret_key_bytes_total").values.tolist() == [0.0, 100.0, 200.0, 200.0]
    assert _one(recorder, "qkd_link_up").values.tolist() == [1.0, 1.0, 0.0]
    assert _one(recorder, "qkd_qber_ratio").values.tolist() == [0.013, 0.013, 0.5]
    assert _one(recorder, "qkd_blocks_total", outcome="no_key").values.tolist() == [0.0, 0.0, 1.0]
    counts = _one(recorder, "qkd_detector_counts_total", detector="z0")
    assert counts.values.tolist() == [4.0, 10.0, 15.0, 19.0, 25.0, 30.0]
    assert dict(counts.labels) == {"bench": "north", "link": "metro", "detector": "z0"}


def test_key_that_was_not_had_makes_no_link_up(tmp_path: Path) -> None:
    """A block without a bit, released or not, and one whose bits were refused: down, and no bytes of key."""
    folder = RunFolder.create(tmp_path)
    log = EventLog(folder, "main")
    for number, (released, bits) in enumerate(((True, 800), (True, 0), (False, 800))):
        times = {"start_s": float(number), "end_s": number + 1.0}
        log.append("block", "a", link="metro", sequence=number, released=released, secret_bits=bits, **times)
    log.append("test", "a", outcome="PASS")
    finish(folder, RunHeader(bench="north", simulated=True, seed=1, started=STARTED))
    recorder = _telemetry(folder)
    assert _one(recorder, "qkd_link_up").values.tolist() == [1.0, 0.0, 0.0]
    assert _one(recorder, "qkd_secret_key_bytes_total").values.tolist() == [0.0, 100.0, 100.0, 100.0]
    assert _one(recorder, "qkd_blocks_total", outcome="no_key").values.tolist() == [0.0, 1.0, 2.0]


def test_faults_latencies_and_identity(run: RunFolder) -> None:
    """A fault is up from injection to healing; durations stand at the end of their test; names are the known ones."""
    recorder = _telemetry(run)
    cut = _one(recorder, "qkd_fault_active", fault="fiber-cut")
    assert (cut.times_s.tolist(), cut.values.tolist()) == ([5.0, 7.0], [1.0, 0.0])
    took = _one(recorder, "qkd_key_ingest_duration_seconds")
    assert (took.times_s.tolist(), took.values.tolist()) == ([4.0, 4.0], [0.02, 4.0])
    info = dict(_one(recorder, "qkd_bench_info").labels)
    assert info == {"bench": "north", "simulated": "true", "firmware_bob_1": "2.4.1", "commit": "88ae26e"}
    assert _one(recorder, "qkd_slo_verdict", slo="qber", verdict="PASS").values.tolist() == [1.0]
    assert {one.name for one in recorder.series()} <= set(HELP)


def test_up_and_down_of_a_month(tmp_path: Path) -> None:
    """The series of slices is the gauge; one that counts for nothing was down all the same."""
    folder = RunFolder.create(tmp_path)
    EventLog(folder, "main").append("test", "month", outcome="PASS")
    save_series(folder, "month", "metro", {LINK_UP: (np.array([0.0, 60.0, 120.0]), np.array([1.0, 0.0, np.nan]))})
    finish(folder, RunHeader(bench="north", simulated=True, seed=1, started=STARTED))
    up = _one(_telemetry(folder), "qkd_link_up", link="metro")
    assert (up.times_s.tolist(), up.values.tolist()) == ([0.0, 60.0, 120.0], [1.0, 0.0, 0.0])


def test_the_report_is_openmetrics_in_unix_time(run: RunFolder) -> None:
    """Every sample after the run began, every line as the format has it, the end marked."""
    text = find("reporter", "openmetrics").write(run.path).read_text()
    assert text.endswith("# EOF\n")
    stamps = [float(found) for found in re.findall(r"^qkd_\S+(?: \S+)? (\d+\.\d+)$", text, re.MULTILINE)]
    assert stamps
    assert min(stamps) == STARTED
    assert max(stamps) == STARTED + 7.0
    assert 'qkd_key_ingest_duration_seconds_bucket{bench="north",link="metro",le="1.0"} 1 ' in text
