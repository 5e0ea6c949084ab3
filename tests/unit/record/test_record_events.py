"""Events: what may be written, what never is, and what a dead worker leaves behind."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from hil.errors import UsageError
from hil.ports.run import BlockReport, LedgerEntry
from hil.ports.secret import SecretBytes
from hil.record.events import read_events
from hil.record.writer import EventLog, RunFolder
from hil.verdict import Outcome, Verdict

CASE = "conformance.test_qber::test_qber[metro]"


@pytest.fixture
def log(tmp_path):
    return EventLog(RunFolder(tmp_path), "gw0")


def lines(log):
    return [json.loads(line) for line in log.path.read_text("utf-8").splitlines() if line]


def test_every_event_is_one_line_on_disk_at_once(log):
    """An event is on disk when append returns, one JSON line each, numbered within its file."""
    log.append("note", CASE, text="laser on", time_s=0.5)
    log.append("note", CASE, text="zeile\nzwei", time_s=0.6)
    assert [line["seq"] for line in lines(log)] == [0, 1]
    assert lines(log)[1]["data"] == {"text": "zeile\nzwei", "time_s": 0.6}
    assert log.path.read_bytes().count(b"\n") == 2


def test_numpy_becomes_plain(log):
    """No numpy type reaches the file, and a number that is not finite becomes null."""
    log.append(
        "plot", CASE, title="t", x=np.arange(3), y=np.array([1.0, np.nan, np.inf]), marks=({"x": np.float32(2), "label": "p"},)
    )
    data = lines(log)[0]["data"]
    assert data["x"] == [0, 1, 2]
    assert data["y"] == [1.0, None, None]
    assert data["marks"] == [{"x": 2.0, "label": "p"}]


def test_dataclasses_of_the_ports_are_taken(log):
    """A verdict and a block report fit their kinds field by field, as they are."""
    verdict = Verdict("qber", "metro", Outcome.PASS, "QBER 1.3 %", estimate=0.013, n=np.int64(7))  # type: ignore[arg-type]
    log.append("verdict", CASE, **dataclasses.asdict(verdict))
    block = BlockReport(
        0, 0.0, 1.0, 1.0, 9, 5, 3, 1, 1, 2, 4, 0, released=False, sentence="no key", ledger=(LedgerEntry("sift", "kept", 5),)
    )
    log.append("block", CASE, link="metro", **dataclasses.asdict(block))
    written = lines(log)
    assert written[0]["data"]["outcome"] == "PASS"
    assert written[1]["data"]["ledger"] == [{"stage": "sift", "what": "kept", "value": 5, "unit": "bits"}]


SECRETS = {
    "SecretBytes": SecretBytes(b"\x5a" * 32, 256),
    "bytes": b"\x5a" * 32,
    "bytearray": bytearray(b"\x5a" * 32),
    "memoryview": memoryview(b"\x5a" * 32),
    "array of bytes": np.full(32, 0x5A, dtype=np.uint8),
    "array of bits": np.ones(256, dtype=np.bool_),
    "array of byte strings": np.array([b"\x5a" * 32]),
    "array of objects": np.array([SecretBytes(b"\x5a" * 32, 256)], dtype=object),
    "inside a list": [1, [SecretBytes(b"\x5a" * 32, 256)]],
    "inside a dataclass": dataclasses.make_dataclass("Holder", ["secret"])(SecretBytes(b"\x5a" * 32, 256)),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
def test_key_material_is_refused(log, secret):
    """Key material in any guise raises TypeError, which does not show it, and nothing is written."""
    with pytest.raises(TypeError) as raised:
        log.append("table", CASE, title="t", columns=("key",), rows=((secret,),))
    assert "5a" not in str(raised.value)
    assert "90" not in str(raised.value)
    assert "ZZZ" not in str(raised.value)
    assert not log.path.exists()


def test_a_key_is_known_by_its_fingerprint_only(log):
    """A key event takes SHA-256 fingerprints and refuses anything shorter, which could be key."""
    fingerprint = SecretBytes(b"\x5a" * 32, 256).fingerprint()
    log.append("key", CASE, link="metro", fingerprints=(fingerprint,), bits=256)
    with pytest.raises(ValueError, match="fingerprint"):
        log.append("key", CASE, fingerprints=("5a5a5a5a",))
    assert len(lines(log)) == 1


def test_mistakes_are_named_where_they_are_made(log):
    """An unknown kind, an unknown field and a wrong type are refused by name."""
    with pytest.raises(ValueError, match=r"no kind of event is called 'verdikt'; there are: .*verdict"):
        log.append("verdikt", CASE)
    with pytest.raises(TypeError, match="no field colour"):
        log.append("note", CASE, text="x", colour="red")
    with pytest.raises(TypeError, match=r"\$.time_s"):
        log.append("note", CASE, text="x", time_s="soon")
    with pytest.raises(TypeError, match="a set has no place"):
        log.append("note", CASE, text={"x"})


def test_a_worker_name_is_a_file_name(tmp_path):
    """A worker cannot write outside the run's folder."""
    with pytest.raises(UsageError, match=r"worker '\.\./x'"):
        EventLog(RunFolder(tmp_path), "../x")


def test_a_cut_last_line_is_tolerated_and_named(log):
    """Of a worker that died while writing, everything but its last line is read, and the loss is said."""
    log.append("note", CASE, text="one")
    log.append("note", CASE, text="two")
    log.path.write_bytes(log.path.read_bytes()[:-9])
    events, problems = read_events(log.path)
    assert [event.data["text"] for event in events] == ["one"]
    assert problems == ["events-gw0.jsonl: line 2 is cut short: its worker died while writing; what it said is lost"]


def test_a_second_worker_of_a_name_writes_after_the_cut_line(log, tmp_path):
    """A worker that takes the name of a dead one starts on a line of its own."""
    log.append("note", CASE, text="one")
    log.path.write_bytes(log.path.read_bytes()[:-9])
    EventLog(RunFolder(tmp_path), "gw0").append("note", CASE, text="three")
    events, problems = read_events(log.path)
    assert [event.data["text"] for event in events] == ["three"]
    assert problems == ["events-gw0.jsonl: line 1 cannot be read; what it said is lost"]
