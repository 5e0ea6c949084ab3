"""Merging: one record, whoever wrote what and when; and what the run is called in the end."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from hil.record.model import DeclaredRule, Record
from hil.record.reader import read_record
from hil.record.writer import EventLog, RunFolder, RunHeader, finish, save_series
from hil.verdict import Outcome


def header(**more):
    return RunHeader(
        **(
            {"bench": "metro-25km", "simulated": True, "seed": 7, "started": 1_700_000_000.0, "finished": 1_700_000_061.5}
            | more
        )
    )


def verdict(log, case, outcome="PASS", indicator="qber", gate=True, **more):
    log.append("verdict", case, indicator=indicator, subject="metro", outcome=outcome, reason="because", gate=gate, **more)


def run(path, workers, events):
    """A finished record of (worker, kind, case, data) events."""
    folder = RunFolder(path)
    path.mkdir(exist_ok=True)
    logs = {worker: EventLog(folder, worker) for worker in workers}
    for worker, kind, case, data in events:
        logs[worker].append(kind, case, **data)
    return finish(folder, header())


def test_the_same_events_give_the_same_record_in_any_order_on_any_workers(tmp_path):
    """Verdicts and tests are ordered by case and by their order within it, not by worker or by time."""
    device = {"name": "alice", "role": "transmitter", "simulated": True}
    by_case = {
        case: [
            ("verdict", {"indicator": name, "subject": "metro", "outcome": "PASS", "reason": f"{name} of {case}"})
            for name in ("qber", "key_rate", "a_late_one")
        ]
        + [("test", {"outcome": "PASS", "duration_s": 1.0})]
        for case in ("b", "a", "c")
    }
    records = []
    for number, order in enumerate(itertools.permutations(by_case)):
        workers = ["main"] if number % 2 else ["gw0", "gw1"]
        events = [(worker, "device", "", device) for worker in workers]
        for place, case in enumerate(order):
            events += [(workers[place % len(workers)], kind, case, data) for kind, data in by_case[case]]
        records.append(run(tmp_path / str(number), workers, events))
    for record in records:
        assert record.verdicts == records[0].verdicts
        assert [test.case for test in record.tests] == ["a", "b", "c"]
        assert len(record.devices) == 1
    assert [found.indicator for found in records[0].verdicts[:3]] == ["qber", "key_rate", "a_late_one"]


OUTCOMES = {
    "all pass": ([("PASS", True)], ["PASS"], Outcome.PASS, 0),
    "a missed gate": ([("FAIL", True)], ["PASS"], Outcome.FAIL, 1),
    "a failed test": ([("PASS", True)], ["FAIL"], Outcome.FAIL, 1),
    "fail before error": ([("PASS", True)], ["FAIL", "ERROR"], Outcome.FAIL, 1),
    "a broken bench": ([("PASS", True)], ["PASS", "ERROR"], Outcome.ERROR, 10),
    "an undecided gate": ([("INCONCLUSIVE", True)], ["PASS"], Outcome.INCONCLUSIVE, 11),
    "an undecided non-gate": ([("INCONCLUSIVE", False)], ["PASS"], Outcome.PASS, 0),
    "skips beside passes": ([("SKIPPED", True)], ["PASS", "SKIPPED"], Outcome.PASS, 0),
    "nothing but skips": ([("SKIPPED", True)], ["SKIPPED"], Outcome.INCONCLUSIVE, 11),
    "nothing but a non-gate": ([("PASS", False)], [], Outcome.INCONCLUSIVE, 11),
    "nothing at all": ([], [], Outcome.INCONCLUSIVE, 11),
}


@pytest.mark.parametrize(("verdicts", "tests", "outcome", "code"), OUTCOMES.values(), ids=list(OUTCOMES))
def test_outcome_of_a_run(tmp_path, verdicts, tests, outcome, code):
    """Only gates and tests decide, worst first, and a run that decided nothing has not passed."""
    folder = RunFolder(tmp_path)
    log = EventLog(folder, "main")
    for result, gate in verdicts:
        verdict(log, "c", result, gate=gate)
    for number, result in enumerate(tests):
        log.append("test", f"t{number}", outcome=result)
    record = finish(folder, header())
    assert (record.outcome, record.exit_code) == (outcome, code)


@pytest.mark.parametrize(
    ("phases", "outcome", "code", "misused"),
    [
        ([("t", "ERROR", True), ("u", "PASS", False)], Outcome.ERROR, 4, ["t"]),
        ([("t", "ERROR", True), ("u", "ERROR", False)], Outcome.ERROR, 10, ["t"]),
        ([("t", "ERROR", True), ("t", "ERROR", False)], Outcome.ERROR, 10, []),
        ([("t", "ERROR", True), ("t", "PASS", False)], Outcome.ERROR, 4, ["t"]),
        ([("t", "ERROR", True), ("u", "FAIL", False)], Outcome.FAIL, 1, ["t"]),
        ([("t", "ERROR", True), ("u", "INCONCLUSIVE", False)], Outcome.ERROR, 4, ["t"]),
    ],
)
def test_a_wrong_test_is_no_broken_bench(tmp_path, phases, outcome, code, misused):
    """After FAIL and trouble of the bench, before what is undecided; a test of which one phase broke did break."""
    log = EventLog(RunFolder(tmp_path), "main")
    for case, result, wrong in phases:
        log.append("test", case, outcome=result, wrong_use=wrong)
    record = finish(RunFolder(tmp_path), header())
    assert (record.outcome, record.exit_code) == (outcome, code)
    assert [test.case for test in record.tests if test.wrong_use] == misused


def test_an_interrupted_run_has_not_passed(tmp_path):
    """A run that ended early keeps its process's exit code and is an ERROR at best, whatever its tests said."""
    EventLog(RunFolder(tmp_path), "main").append("test", "t", outcome="PASS")
    record = finish(RunFolder(tmp_path), header(exit_code=2))
    assert (record.outcome, record.exit_code) == (Outcome.ERROR, 2)


def test_a_lost_line_spoils_a_pass(tmp_path):
    """A worker's cut line is said in the record, and the run is an ERROR: what is missing might have been a FAIL."""
    folder = RunFolder(tmp_path)
    log = EventLog(folder, "gw0")
    log.append("test", "t", outcome="PASS")
    verdict(log, "t")
    log.path.write_bytes(log.path.read_bytes()[:-20])
    record = finish(folder, header())
    assert record.outcome is Outcome.ERROR
    assert "cut short" in record.problems[0]
    assert len(record.tests) == 1


def test_a_retry_hides_nothing(tmp_path):
    """A test that failed and then passed has failed, with its reason; a broken teardown counts with the call."""
    log = EventLog(RunFolder(tmp_path), "main")
    log.append("test", "t", outcome="FAIL", reason="no key", duration_s=1.0, title="suites/t.py::t")
    log.append("test", "t", outcome="PASS", duration_s=2.0)
    log.append("test", "u", outcome="PASS", duration_s=1.0)
    log.append("test", "u", outcome="ERROR", reason="stage did not cool", duration_s=0.5, phase="teardown")
    t, u = finish(RunFolder(tmp_path), header()).tests
    assert (t.outcome, t.reason, t.duration_s, t.title) == (Outcome.FAIL, "no key", 3.0, "suites/t.py::t")
    assert (u.outcome, u.reason, u.duration_s) == (Outcome.ERROR, "stage did not cool", 1.5)


def test_timeline_runs_from_injection_to_the_first_key(tmp_path):
    """A fault's timeline: injected with evidence, healed, first key of a block that began after healing."""
    log = EventLog(RunFolder(tmp_path), "main")
    for sequence, released in enumerate([True, False, False, True]):
        secret = 1000 * released
        log.append(
            "block",
            "c",
            sequence=sequence,
            start_s=sequence,
            end_s=sequence + 1,
            secret_bits=secret,
            released=released,
            link="metro",
        )
    fault = {"fault": "fiber-cut", "target": "switch", "link": "metro"}
    log.append("fault", "c", **fault, start_s=0.9, end_s=2.1, evidence="channel 4", healed=True)
    log.append("note", "c", text="operator looked up", time_s=1.5)
    log.append("fault", "d", **fault, start_s=5.0, end_s=6.0, healed=False)
    entries = finish(RunFolder(tmp_path), header()).timeline
    assert [(entry.case, entry.kind, entry.time_s) for entry in entries] == [
        ("c", "inject", 0.9),
        ("c", "note", 1.5),
        ("c", "heal", 2.1),
        ("c", "key", 4.0),
        ("d", "inject", 5.0),
        ("d", "heal", 6.0),
    ]
    assert "channel 4" in entries[0].text
    assert "without evidence" in entries[4].text
    assert "not seen to be healed" in entries[5].text


def test_latencies_are_summarised(tmp_path):
    """Durations become n, median, 95th percentile and maximum (nearest rank, counted by hand on 1 to 100 ms)."""
    log = EventLog(RunFolder(tmp_path), "main")
    log.append("latency", "c", operation="key ingestion", durations_s=np.arange(100, 0, -1) / 1000)
    (entry,) = finish(RunFolder(tmp_path), header()).latencies
    assert (entry.n, entry.median_s, entry.p95_s, entry.max_s) == (100, pytest.approx(0.0505), 0.095, 0.1)


def test_stages_of_blocks_are_one_line_for_the_whole_run(tmp_path):
    """Two tests on one link and one on another: an entry for each stage and link, over all their blocks."""
    log = EventLog(RunFolder(tmp_path), "main")
    for case, link, durations_s in (("c", "metro", (0.1, 0.2)), ("d", "metro", (0.3,)), ("d", "far", (0.9,))):
        log.append("latency", case, operation="block: sift", durations_s=durations_s, link=link)
    latencies = finish(RunFolder(tmp_path), header()).latencies
    assert [(one.case, one.link, one.n, one.median_s) for one in latencies] == [("", "metro", 3, 0.2), ("", "far", 1, 0.9)]


def test_a_rule_changed_after_its_declaration_is_named(tmp_path):
    """A verdict reached by another rule than the declared one is a problem of the record."""
    log = EventLog(RunFolder(tmp_path), "main")
    verdict(log, "c", rule="upper bound < limit")
    verdict(log, "d", rule="estimate < limit")
    record = finish(RunFolder(tmp_path), header(rules=(DeclaredRule(indicator="qber", rule="upper bound < limit"),)))
    assert record.problems == ("verdict qber: decided by a rule that was not declared (estimate < limit)",)


def test_record_is_complete_and_reads_back(tmp_path):
    """record.json holds what was merged, hashes of all raw data, versions and times, and appears in one step."""
    folder = RunFolder(tmp_path)
    log = EventLog(folder, "main")
    verdict(log, "c", estimate=0.013, low=0.0128, high=0.0132, n=1000, limit=0.02, unit="ratio", rule="r")
    log.append("test", "c", outcome="PASS")
    save_series(folder, "c", "metro", {"qber_ratio": (np.arange(2.0), np.zeros(2))})
    (tmp_path / "telemetry" / "broken.npz").write_bytes(b"no")
    record = finish(folder, header())
    assert read_record(tmp_path) == record
    found = json.loads((tmp_path / "record.json").read_text("utf-8"))
    needed = {"schema_version", "bench", "simulated", "seed", "devices", "started", "outcome", "verdicts"}
    assert needed <= set(found)
    per_verdict = {"indicator", "subject", "outcome", "estimate", "low", "high", "n", "limit", "unit", "rule"}
    assert per_verdict <= set(found["verdicts"][0])
    assert set(Record.__struct_fields__) == set(found)
    assert (record.started, record.duration_s) == ("2023-11-14T22:13:20.000Z", 61.5)
    assert [file.path for file in record.files][:1] == ["events-main.jsonl"]
    assert len(record.files) == 3
    assert "broken.npz" in record.problems[0]
    assert record.versions["python"]
    assert [path.name for path in tmp_path.glob("*.half")] == []
