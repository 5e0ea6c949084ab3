"""Voetsch SIMSERV: fields between bytes 0xB6, compared one for one with those of an open driver."""

from __future__ import annotations

import pytest

from hil.drivers.voetsch_simserv import VoetschSimserv
from hil.errors import EnvelopeError, InstrumentError, ReplyError


def exchange(fields: tuple[str, ...], reply: str) -> list:
    request = b"\xb6".join(field.encode() for field in fields) + b"\r"
    return [(">", request), ("<", reply.encode("latin-1") + b"\r\n")]


SET, ASK = ("11001", "1", "1", "40.0"), ("11002", "1", "1")


@pytest.fixture
def opened(script, settings):
    def make(turns, **changes):
        chamber = VoetschSimserv(settings(**changes), script(turns))
        chamber.open()
        return chamber

    return make


def test_sets_and_reads_back(opened):
    """The chamber, the number of the value, the value."""
    opened([*exchange(SET, "1"), *exchange(ASK, "1\xb640.0")]).set_setpoint_c(40.0)


def test_a_set_point_that_does_not_follow_is_found(opened):
    with pytest.raises(InstrumentError, match="reads back 25"):
        opened([*exchange(SET, "1"), *exchange(ASK, "1\xb625.0")]).set_setpoint_c(40.0)


def test_reads_the_actual_value(opened):
    assert opened(exchange(("11004", "1", "1"), "1\xb6-12.5")).temperature_c() == -12.5


@pytest.mark.parametrize("answer", ["-8", "0", "hello"])
def test_anything_but_a_1_is_a_refusal(opened, answer):
    with pytest.raises(InstrumentError, match=r"refused 11001 1 40\.0"):
        opened(exchange(SET, answer)).set_setpoint_c(40.0)


def test_an_answer_without_its_value_is_none(opened):
    with pytest.raises(ReplyError, match="without a value"):
        opened(exchange(ASK, "1")).setpoint_c()
    with pytest.raises(ReplyError, match="expected a number"):
        opened(exchange(ASK, "1\xb6warm")).setpoint_c()


def test_manual_mode_is_started_stopped_and_looked_at(opened):
    chamber = opened([*exchange(("14001", "1", "1", "0"), "1"), *exchange(("14003", "1", "1"), "1\xb60")])
    chamber.set_enabled(enabled=False)
    with pytest.raises(InstrumentError, match="does not follow"):
        opened([*exchange(("14001", "1", "1", "1"), "1"), *exchange(("14003", "1", "1"), "1\xb60")]).set_enabled(enabled=True)


def test_identity_is_in_its_information(opened):
    identity = opened(exchange(("99997", "1"), "1\xb6SIMSERV VT4002 4711 4.05")).identity()
    assert (identity.model, identity.serial, identity.firmware) == ("VT4002", "4711", "4.05")


def test_nothing_is_sent_outside_its_envelope(opened):
    chamber = opened([], envelope={"setpoint_c": (-20.0, 60.0)})
    for value in (-20.1, 60.1, float("nan")):
        with pytest.raises(EnvelopeError):
            chamber.set_setpoint_c(value)
