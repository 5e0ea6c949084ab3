"""Qubitekk CC1: both dialects of its firmware, compared byte for byte."""

from __future__ import annotations

import pytest

from hil.drivers.qubitekk_cc1 import MARKERS, QubitekkCc1
from hil.errors import InstrumentError, ReplyError, UsageError


def asked(query: str, reply: str) -> list:
    return [(">", query.encode() + b"\n"), ("<", reply.encode() + b"\n")]


def told(*commands: str) -> list:
    return [(">", command.encode() + b"\n") for command in commands]


def opening(first: str, version: str, *switches: list) -> list:
    """Into step, whatever the answer to :ACKN OF is; then the dialect."""
    handshake = [(">", b":ACKN OF\nFIRM?\n"), ("<", first.encode() + f"Firmware v{version}\n".encode())]
    return [*handshake, *asked("FIRM?", f"Firmware v{version}"), *[turn for each in switches for turn in each]]


def begun(gate: str, version: str = "2.010", first: str = "") -> list:
    """Every count comes into step first, whatever the power-up before it left; then a dwell time of this length."""
    into_step = [(">", b":ACKN OF\nFIRM?\n"), ("<", f"{first}Firmware v{version}\n".encode())]
    return [*into_step, *told(f":DWEL {gate}", "CLEA")]


NEW = (told(":GATE:OFF"), asked("GATE?", "OFF"), told(":TRIG:MODE CONT"), asked("TRIG?", "MODE CONT"))
OLD = (told(":GATE 0"), asked("GATE?", "0"), told(":TRIG 0"), asked("TRIG?", "0"))


@pytest.fixture
def opened(script, settings):
    def make(turns, begin, **changes):
        counter = QubitekkCc1(settings(**changes), script([*begin, *turns], markers=MARKERS, reopens_clean=False))
        counter.open()
        return counter

    return make


@pytest.mark.parametrize("first", ["", ":ACKN OF\n"])
def test_the_newer_dialect_acknowledging_or_not(opened, first):
    """Firmware 2.010 is later than 2.2: it switches by word."""
    turns = [*begun("2"), *asked("DWEL?", "2"), *asked("COUN:C1?", "1013"), *asked("COUN:C2?", "7")]
    assert opened(turns, opening(first, "2.010", *NEW)).singles(2.0) == (1013, 7)


def test_the_older_dialect_tells_milliseconds(opened):
    """Firmware 2.001 does not know :ACKN, switches by number, and its dwell time reads 2000."""
    turns = [*begun("2", "2.001", "Unknown Command\n"), *asked("DWEL?", "2000"), *asked("COUN:CO?", "4")]
    assert opened(turns, opening("Unknown Command\n", "2.001", *OLD)).coincidences(2.0) == {(1, 2): 4}


def test_a_dwell_time_that_is_not_taken_is_found_before_counting(opened):
    turns = [*begun("2"), *asked("DWEL?", "1")]
    with pytest.raises(InstrumentError, match="set to 2 s but reads back 1 s"):
        opened(turns, opening("", "2.010", *NEW)).singles(2.0)


def test_the_answer_to_a_refused_setting_is_taken_for_what_it_is(opened):
    """It comes where the next answer is awaited; the line is in step again before the next question."""
    refused = [*begun("2"), (">", b"DWEL?\n"), ("<", b"Unable to comply\n1\n")]
    again = [(">", b":ACKN OF\nFIRM?\n"), ("<", b"Firmware v2.010\n"), *asked("FIRM?", "Firmware v2.010")]
    counter = opened([*refused, *again], opening("", "2.010", *NEW))
    with pytest.raises(InstrumentError, match="Unable to comply"):
        counter.singles(2.0)
    assert counter.identity().firmware == "2.010"


def test_an_echo_is_no_answer(opened):
    """After a power-up it acknowledges again: a harmless question is asked anew, and a count begins by ending that."""
    echoed = [(">", b"FIRM?\n"), ("<", b"FIRM?\n")]
    again = [(">", b":ACKN OF\nFIRM?\n"), ("<", b":ACKN OF\nFirmware v2.010\n"), *asked("FIRM?", "Firmware v2.010")]
    counting = [*begun("1", first=":ACKN OF\n"), *asked("DWEL?", "1"), *asked("COUN:CO?", "3")]
    counter = opened([*echoed, *again, *counting], opening("", "2.010", *NEW))
    assert counter.identity().firmware == "2.010"
    assert counter.coincidences(1.0) == {(1, 2): 3}


def test_a_count_whose_echo_comes_is_not_asked_for_again(opened):
    turns = [*begun("1"), *asked("DWEL?", "1"), *asked("COUN:CO?", "COUN:CO?")]
    with pytest.raises(ReplyError, match="answered by the command"):
        opened(turns, opening("", "2.010", *NEW)).coincidences(1.0)


def test_a_gate_that_stays_on_is_found_at_opening(opened):
    """An external gate that nobody drives would count nothing."""
    with pytest.raises(InstrumentError, match="GATE was set to OFF but reads back 'ON'"):
        opened([], opening("", "2.010", told(":GATE:OFF"), asked("GATE?", "ON")))


def test_no_number_is_no_count(opened):
    turns = [*begun("1"), *asked("DWEL?", "1"), *asked("COUN:C1?", "bad_count")]
    with pytest.raises(ReplyError, match="expected counts, got 'bad_count'"):
        opened(turns, opening("", "2.010", *NEW)).singles(1.0)


@pytest.mark.parametrize("gate_s", [0.0, 0.005, 1e4, float("nan")])
def test_gates_it_cannot_have(opened, gate_s):
    with pytest.raises(UsageError, match=r"0\.01 to 1000 s"):
        opened([], opening("", "2.010", *NEW)).singles(gate_s)
