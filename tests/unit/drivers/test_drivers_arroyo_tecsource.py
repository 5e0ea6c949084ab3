"""Arroyo TECSource: the lines of open drivers, compared byte for byte."""

from __future__ import annotations

import pytest

from hil.bench.model import TemperatureControllerDevice
from hil.drivers.arroyo_tecsource import MARKERS, ArroyoTecsource
from hil.errors import DeviceTimeoutError, EnvelopeError, InstrumentError, ReplyError

IDN = [(">", b"*IDN?\r\n"), ("<", b"Arroyo 5305 10012345 V1.70\r\n")]


def asked(query: str, reply: str) -> list:
    return [(">", query.encode() + b"\r\n"), ("<", reply.encode() + b"\r\n")]


def told(command: str, error: str = "0") -> list:
    return [(">", command.encode() + b"\r\n"), *asked("ERR?", error)]


OPENING = [*IDN, *asked("ERR?", "0"), *asked("TEC:LIM:TLO?", "5.000"), *asked("TEC:LIM:THI?", "60.000")]


@pytest.fixture
def opened(script, settings):
    def make(turns, **changes):
        controller = ArroyoTecsource(settings(**changes), script(OPENING + turns, markers=MARKERS, reopens_clean=False))
        controller.open()
        return controller

    return make


def test_its_range_is_what_the_front_panel_allows(opened):
    """Limits are read at opening; the envelope narrows them further."""
    assert opened([]).capabilities.ranges == {"setpoint_c": (5.0, 60.0)}
    assert opened([], envelope={"setpoint_c": (20.0, 90.0)}).capabilities.ranges == {"setpoint_c": (20.0, 60.0)}


def test_moves_by_an_absolute_value_and_reads_back(opened):
    """Never by relative steps, which could not be repeated."""
    opened(told("TEC:T 30.250") + asked("TEC:SET:T?", "30.250")).set_setpoint_c(30.25)


def test_identity_is_four_words(opened):
    identity = opened(IDN).identity()
    assert str(identity.vendor) == "Arroyo"
    assert (identity.model, identity.serial, identity.firmware) == ("TECSource 5305", "10012345", "1.70")
    with pytest.raises(ReplyError, match="expected maker, model"):
        opened(asked("*IDN?", "Arroyo")).identity()


def test_an_error_number_is_a_refusal(opened):
    """The numbers are its manual's; a command is not repeated."""
    with pytest.raises(InstrumentError, match=r"refused 'TEC:T 30\.000': error 201"):
        opened(told("TEC:T 30.000", "201")).set_setpoint_c(30.0)


def test_nothing_is_sent_outside_its_limits(opened):
    controller = opened([], envelope={"setpoint_c": (15.0, 40.0)})
    for value in (14.9, 40.1, float("nan")):
        with pytest.raises(EnvelopeError):
            controller.set_setpoint_c(value)


def test_reads_temperature_and_output(opened):
    controller = opened([*asked("TEC:T?", "25.013"), *asked("TEC:OUT?", "1"), *told("TEC:OUT 0"), *asked("TEC:OUT?", "0")])
    assert (controller.temperature_c(), controller.enabled()) == (25.013, True)
    controller.set_enabled(enabled=False)


def test_an_output_that_does_not_follow_is_found(opened):
    with pytest.raises(InstrumentError, match="does not follow"):
        opened(told("TEC:OUT 1") + asked("TEC:OUT?", "0")).set_enabled(enabled=True)


def test_garbage_for_a_state_is_no_state(opened):
    with pytest.raises(ReplyError, match="expected 0 or 1"):
        opened(asked("TEC:OUT?", "maybe")).enabled()


def test_a_command_that_timed_out_is_not_repeated(opened):
    """What became of it is unknown: the line comes into step by a question, and the error is the caller's."""
    turns = [(">", b"TEC:T 30.000\r\n"), (">", b"ERR?\r\n"), ("silence", b""), *IDN, *asked("TEC:SET:T?", "25.000")]
    controller = opened(turns)
    with pytest.raises(DeviceTimeoutError):
        controller.set_setpoint_c(30.0)
    assert controller.setpoint_c() == 25.0


def test_settles_in_five_time_constants_of_the_bench_file(script, settings):
    declared = TemperatureControllerDevice(driver="arroyo-tecsource", controls="x", setpoint_c=25.0, time_constant_s=7.0)
    controller = ArroyoTecsource(settings(declared=declared), script([], markers=MARKERS))
    assert controller.capabilities.settle_s == 35.0
