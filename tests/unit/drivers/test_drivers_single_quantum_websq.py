"""Single Quantum WebSQ: JSON on its control port and lines of its count port, compared byte for byte."""

from __future__ import annotations

import json

import pytest

from hil.drivers.single_quantum_websq import SingleQuantumWebSq
from hil.errors import InstrumentError, MissingCapabilityError, ReplyError, UsageError

ALL = b'{"request": "labelProps", "value": "None"}{"request": "NumberOfDetectors"}'


def told(label: str, value: object) -> bytes:
    """The answer to a request: the value stands one level deeper."""
    return json.dumps({"label": label, "value": {"value": value}}).encode() + b"\x17"


def labels(**values: object) -> list:
    """All labels, and the last one again."""
    number = told("NumberOfDetectors", 1)
    return [(">", ALL), ("<", number + b"".join(told(label, value) for label, value in values.items()) + number)]


def commanded(command: str, label: str, value: object, *answers: tuple[str, object]) -> list:
    sent = json.dumps({"command": command, "label": label, "value": value}).encode()
    said = b"".join(
        json.dumps({"label": name, "value": each}).encode() + b"\x17" for name, each in answers or ((label, value),)
    )
    return [(">", sent), ("<", said)]


@pytest.fixture
def opened(script, settings):
    def make(control, counts=()):
        driver = SingleQuantumWebSq(settings(), script([*labels(), *control]), script(list(counts)))
        driver.open()
        return driver

    return make


def test_enables_and_looks_whether_it_is(opened):
    enabling = commanded("DetectorEnable", "DetectorEnable", True)  # noqa: FBT003  (a value of the protocol)
    opened([*enabling, *labels(DetectorEnable=True)]).set_biased(biased=True)
    with pytest.raises(InstrumentError, match="tells otherwise"):
        opened([*enabling, *labels(DetectorEnable=False)]).set_biased(biased=True)


def test_counts_are_those_of_the_second_line(opened):
    """The first may have begun before the connection."""
    period = commanded("SetMeasurementPeriod", "InptMeasurementPeriod", 200.0)
    driver = opened(period, [("<", b"1.000,7\n1.200,42\n")])
    assert driver.counts(0.2) == 42


def test_a_refusal_is_told_in_its_words(opened):
    refused = commanded("SetMeasurementPeriod", "InptMeasurementPeriod", 200.0, ("Error", "period out of range"))
    with pytest.raises(InstrumentError, match="refused SetMeasurementPeriod: period out of range"):
        opened(refused).counts(0.2)


def test_broadcasts_between_are_passed_over(opened):
    """The device tells other labels when it likes."""
    answers = (("BiasVoltage", [0.1]), ("InptMeasurementPeriod", 200.0))
    period = commanded("SetMeasurementPeriod", "InptMeasurementPeriod", 200.0, *answers)
    assert opened(period, [("<", b"1,1\n2,2\n")]).counts(0.2) == 2


def test_no_json_is_no_answer(opened):
    with pytest.raises(ReplyError, match="is no JSON"):
        opened([(">", ALL), ("<", b"hello\x17")]).biased()
    with pytest.raises(ReplyError, match="no object"):
        opened([(">", ALL), ("<", b"[1]\x17")]).biased()


def test_a_line_without_counts_is_found(opened):
    period = commanded("SetMeasurementPeriod", "InptMeasurementPeriod", 200.0)
    with pytest.raises(ReplyError, match="expected time and counts"):
        opened(period, [("<", b"1.0,1\n1.2\n")]).counts(0.2)


@pytest.mark.parametrize("line", [b"2,-3\n", b"2,1_0\n", b"x,3\n"])
def test_counts_that_are_none_are_found(opened, line):
    period = commanded("SetMeasurementPeriod", "InptMeasurementPeriod", 200.0)
    with pytest.raises(ReplyError, match="expected time and counts"):
        opened(period, [("<", b"1.0,1\n" + line)]).counts(0.2)


@pytest.mark.parametrize("time", [b"0.2", b"1700000000000", b"nan", b"inf", b"-1e300"])
def test_a_time_that_is_no_date_is_none(opened, time):
    """Seconds since power-up, milliseconds since 1970, and what is no time at all."""
    with pytest.raises(MissingCapabilityError, match="no date"):
        opened(labels(InptMeasurementPeriod=200.0), [("<", time + b",1\n")]).time_of_day()


@pytest.mark.parametrize("period", ["n/a", None, [200.0], float("nan"), -1.0])
def test_a_period_that_is_none_is_found(opened, period):
    with pytest.raises(ReplyError, match="measurement period"):
        opened(labels(InptMeasurementPeriod=period)).time_of_day()


def test_a_driver_without_detectors_is_refused_at_opening(script, settings):
    none = told("NumberOfDetectors", 0)
    driver = SingleQuantumWebSq(settings(), script([(">", ALL), ("<", none + none)]), script([]))
    with pytest.raises(InstrumentError, match="no detector"):
        driver.open()


@pytest.mark.parametrize("gate_s", [0.001, 101.0, float("nan")])
def test_gates_it_cannot_have(opened, gate_s):
    with pytest.raises(UsageError, match=r"0\.01 to 100 s"):
        opened([]).counts(gate_s)


def test_identity_is_among_its_labels(opened):
    identity = opened(labels(SerialNumber="SQ1", SoftwareVersion="2.7.1")).identity()
    assert (identity.vendor, identity.serial, identity.firmware) == ("Single Quantum", "SQ1", "2.7.1")
