"""Any bytes, in any pieces: no simulated device breaks, hangs or depends on how what it hears was cut."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil import discovery
from hil.bench import load
from hil.device_sims.spec import Later
from hil.device_sims.world.world import World

if TYPE_CHECKING:
    from hil.bench.model import Bench
    from hil.device_sims.spec import Session

QUERIES = {
    "meter": (
        b"*IDN?\n",
        b"MEAS:POW?\n",
        b"SENS:CORR:WAV 1310;",
        b"SYST:ERR?\n",
        b"*STB?;",
        b"SENS:POW:RANG 1E-6\n",
        b"*RST\n",
    ),
    "voa": (b"D\r", b"CD\r", b"A12.00\r", b"A60.0", b"H\r"),
    "switch": (b"\x01\x11\x00\x00", b"\x01\x12\x00\x03", b"\x01\x12", b"\x01"),
    "stage": (b"stat?\r", b"tset?\r", b"tset=40.0\r", b"ens\r", b"pgain=", b"tact?\r"),
    "alice": (b"*IDN?\n", b"EMIT ON\n", b"SOURCE?\n", b"PULSE?\n", b"PARK\r\n", b"CALIBRATIONS?\n"),
    "middle": (b"*IDN?\n", b"START\n", b"SWAPS?\n", b"PAIRS? 0\n", b"PAIRS? -1\n", b"PARK\r\n"),
    "east": (b"START\n", b"PAIRS? 0\n", b"PAIRS? 999999999999999\n", b"PAIRS?\n", b"RUN?\n"),
    "bob": (b"BLOCK START\n", b"BLOCK STOP\n", b"COUNTERS?\n", b"HISTORY? 0 1e9\n", b"BIAS ON\n", b"TEMP?\n"),
    "ldc500": (b"LDON ON\n", b"SILD 20;", b"SILD?\n", b"SMOD CP\n", b"SWPD 1\n", b"SILM 1e3\n", b"LEXE?;LCME?\n", b"TEMP 30\n"),
    "n7761a": (b":INP1:ATT 12 dB\n", b"INP:OFFS 3;", b"OUTP 0\n", b"*RST\n", b":INP1:WAV? MAX\n", b"SYST:ERR?\n"),
    "ted4015": (b"SOUR:TEMP 30C\n", b"MEAS:TEMP?;", b"OUTP OFF\n", b"SOUR:TEMP:LIM:HIGH 20\n", b"*STB?\n"),
    "itc4001": (b"OUTP1:STATE 1\n", b"OUTP2 0;", b"SOUR:CURR 0.1\n", b"SOUR2:TEMP:SPO?\n", b"SENS3:CURR:DATA?\n"),
    "polatis": (b":oxc:swit:conn:add (@1,2),(@9,10)\n", b":oxc:swit:conn:stat?\n", b"(@", b":oxc:swit:disc:all\n", b"(@1:9)"),
    "spd": (b"hvolt 210;", b"counts?\r\n", b"time 5\r\n", b"temp?;", b"loop 0\n", b"settemp -20\r\n"),
    "tdc1": (b"singles;counts?\r\n", b"pairs;", b"time 3;", b"level?\r\n", b"INPKT;", b"abort\r\n", b"NEG -0.6\r\n"),
    "chamber": (b"11002\xb61\xb61\r", b"11001\xb61\xb61\xb640\r", b"14001\xb61\xb61\xb60\r", b"11068\xb61\r", b"\xb6\xb6\r"),
    "pdu": (b"GET /set.cmd?cmd=getpower HTTP/1.1\r\nHost: x\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: x\r\n", b"\r\n", b"POST / "),
    "tecsource": (
        b"TEC:T 30\r",
        b"TEC:INC 5;",
        b"TEC:OUT 0\r\n",
        b"TEC:LIM:THI 20\r",
        b"TEC:PID 1,2,3\r",
        b"ERR?\r",
        b"TEC:STEP 99",
    ),
    "dicon": (b"I1 3\r", b"I1?\r", b"PK\r", b"CF?\r", b"I1 99\r", b"ID?", b"\n"),
    "cc1": (
        b":ACKN OF\n",
        b":GATE:ON\n",
        b"COUN:CO?\n",
        b":DWEL 0.1\n",
        b":TRIG:MODE STOP\n",
        b"CLEA\n",
        b"WIND?",
        b":WIND 9\n",
    ),
    "cc1_old": (b":ACKN OF\n", b":GATE 1\n", b"COUN:C1?\n", b":DWEL 2\n", b":TRIG 0\n", b"CLEA\n", b":DELA 3\n"),
    "websq": (
        b'{"request": "labelProps", "value": "None"}',
        b'{"command": "DetectorEnable", "label": "DetectorEnable", "value": true}',
        b'{"command": "SetAllBiasCurrents", "label": "BiasCurrent", "value": [21]}',
        b'{"request": "Bias',
        b"}{",
    ),
}
"""What each device understands, to be cut and mixed with noise."""

PROBES = {
    "meter": (b"\n*OPC?\n", b"1\n"),
    "voa": (b"\rCD\r", b"Baud: 9600\r\nDone\r\n\r\n"),
    "switch": (b"\x01\x11\x00\x00\x01\x11\x00\x00", None),
    "stage": (b"\rid?\r", b"id?\rTHORLABS TC200 VERSION 2.0\r> "),
    "alice": (b"\nROLE?\n", b"TRANSMITTER\n"),
    "middle": (b"\nSTOP\n", b"OK\n"),
    "east": (b"\nTIME?\n", b"0\n"),
    "bob": (b"\nROLE?\n", b"RECEIVER\n"),
    "ldc500": (b"\nILOC?\n", b"CLOSED\n"),
    "n7761a": (b"\n*OPC?\n", b"1\n"),
    "ted4015": (b"\n*OPC?\n", b"1\n"),
    "itc4001": (b"\n*OPC?\n", b"1\n"),
    "polatis": (b"\n:oxc:swit:size?\n", b"8,8\n"),
    "spd": (b"\r\nloop 1;loop?\r\n", b"1\r\n"),
    "tdc1": (b"\r\neclock?\r\n", b"0\r\n"),
    "tecsource": (b"\rTEC:MODE?\r\n", b"T\r\n"),
    "dicon": (b"\rCF?\r", b"\nMEMS 1x8,8\r\n"),
    "cc1": (b"\n:ACKN OF\nFIRM?\n", b"Firmware v2.010\n"),
    "cc1_old": (b"\nFIRM?\n", b"Firmware v2.001\n"),
    "websq": (b'}{"request": "NumberOfDetectors"}', b'{"label": "NumberOfDetectors", "value": {"value": 1}}\x17'),
    "chamber": (b"\r17012\xb61\r", b"1\r\n"),
}
"""A question each device answers after anything, and how that answer ends."""


SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"


@cache
def bench(device: str) -> Bench:
    found = next((name for name in ("metro-25km", "repeater-2") if device in load(name).device), None)
    return load(found or SHELF)


def session(device: str, endpoint: int = 0) -> Session:
    world = World(bench(device), seed=11)
    declared = bench(device).device[device]
    return discovery.find("twin", declared.twin or declared.driver).build(world, device)[endpoint].session()


def heard(conversation: Session, data: bytes) -> bytes:
    replies = conversation.received(data, 0)
    return b"".join(reply.make(0)[0] if isinstance(reply, Later) else reply.data for reply in replies)


def pieces(device: str) -> st.SearchStrategy[bytes]:
    """Noise between, before and after what the device understands."""
    return st.lists(st.one_of(st.sampled_from(QUERIES[device]), st.binary(max_size=12)), max_size=12).map(b"".join)


@pytest.mark.parametrize("device", QUERIES)
class TestAnyBytes:
    """Of every text and serial port."""

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_are_taken_and_the_next_question_is_answered(self, device: str, data: st.DataObject) -> None:
        """Whatever came before, a whole line later the device is in step."""
        conversation = session(device)
        heard(conversation, data.draw(pieces(device)))
        if device not in PROBES:  # a web server ends a connection that it does not understand
            return
        question, answer = PROBES[device]
        last = heard(conversation, question)
        assert last.endswith(answer) if answer else last[-4:-1] == question[:3]

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_mean_the_same_however_they_are_cut(self, device: str, data: st.DataObject) -> None:
        """Replies do not depend on how a stream was chunked."""
        said = data.draw(pieces(device))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=6)))
        whole, cut = session(device), session(device)
        at_once = heard(whole, said)
        parts = [heard(cut, said[start:end]) for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
        assert b"".join(parts) == at_once


@pytest.mark.parametrize("device", ["alice", "bob"])
@settings(max_examples=60, deadline=None)
@given(noise=st.lists(st.one_of(st.binary(max_size=40), st.just(b"QHD1"), st.just(b"QHD1\x02\0\0\0\x08")), max_size=6))
def test_any_frames_on_a_data_port_are_taken(device: str, noise: list[bytes]) -> None:
    """Binary noise is answered with error frames or waited for, never with an exception; every answer is a frame."""
    conversation = session(device, endpoint=1)
    for part in noise:
        for reply in conversation.received(part, 0):
            assert reply.data.startswith(b"QHD1\x7f")
