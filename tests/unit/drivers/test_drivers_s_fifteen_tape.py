"""A TDC1's tape: no time stamp is on it, which may be raw key, also where a stream was running before or got out of step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.clock import VirtualClock
from hil.drivers.s_fifteen_tdc1 import SFifteenTdc1
from hil.errors import DeviceTimeoutError
from hil.transports import ScriptedPort, taping
from hil.transports.tape_format import Exchange, Redacted, as_bytes, read_tape
from hil.transports.tape_recording import Recorder

if TYPE_CHECKING:
    from pathlib import Path

WHO = b"TDC1 S-Fifteen Instruments TDC4711 firmware 2.1\r\n"
WORDS = b"\x21raw\x22key"
MARKER = (">", b"abort;*idn?\r\n")
ASKED = [(">", b"*idn?\r\n"), ("<", WHO)]


def taped(folder: Path, monkeypatch: pytest.MonkeyPatch, settings, turns: list, *, lost: bool = False) -> list:
    """What is on the tape after the driver was opened, and counted time stamps where the line is said to be ``lost``."""
    port = ScriptedPort(turns, device="dut", reopens_clean=False)
    monkeypatch.setattr("hil.transports.opening.SerialPort", lambda *_: port)
    recorder = Recorder(folder, VirtualClock(), framework="0", bench="b", bench_hash="h")
    stream = recorder.device("dut", role="time-tagger", driver="s-fifteen-tdc1", simulated=True)
    stream.start()
    with taping(stream):
        device = SFifteenTdc1(settings())
    device.open()
    if lost:
        with pytest.raises(DeviceTimeoutError):
            device.time_tags(0.01)
    assert device.identity().serial == "TDC4711"
    device.close()
    recorder.close()
    port.finish()
    assert b"raw" not in (folder / "dut.jsonl").read_bytes()
    return read_tape(folder / "dut.jsonl").entries


def test_who_it_is_stays_on_the_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    entries = taped(tmp_path, monkeypatch, settings, [MARKER, ("<", WHO), *ASKED])
    said = [as_bytes(entry.send) for entry in entries if isinstance(entry, Exchange)]
    assert said == [b"abort;*idn?\r\n", b"*idn?\r\n"]


def test_a_stream_that_somebody_left_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    """Words came before the line was opened, and the rest of them before the answer to the first question."""
    entries = taped(tmp_path, monkeypatch, settings, [("<", WORDS), MARKER, ("<", WORDS), ("<", WHO), *ASKED])
    assert [entry.received for entry in entries if isinstance(entry, Redacted)] == [8, 8 + len(WHO)]


def test_a_stream_out_of_step_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    """Its last words come late, after the line is brought back in step."""
    stream = [(">", b"timestamp;INPKT;time 10;counts?\r\n"), (">", b"abort\r\n*idn?\r\n"), ("<", WORDS), ("silence", b"")]
    turns = [MARKER, ("<", WHO), *ASKED, *stream, MARKER, ("<", WORDS + WHO), *ASKED]
    entries = taped(tmp_path, monkeypatch, settings, turns, lost=True)
    assert sum(entry.received for entry in entries if isinstance(entry, Redacted)) == 16 + len(WHO)
