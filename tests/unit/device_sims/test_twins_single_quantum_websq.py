"""Single Quantum WebSQ byte by byte: JSON as its maker's QCoDeS driver sends and reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil import discovery
from hil.bench import load
from hil.device_sims.world.world import World

SECOND = 1_000_000_000
SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"


@pytest.fixture
def world():
    made = World(load(SHELF), seed=7)
    made.set_biased("bob", 0, biased=True)
    return made


@pytest.fixture
def websq(world, talk):
    return talk(world, "websq")


def command(name: str, label: str, value: object) -> bytes:
    return json.dumps({"command": name, "label": label, "value": value}).encode()


def test_a_request_for_one_label_has_one_answer(websq):
    """The value stands one level deeper than in the answer to a command."""
    assert websq(b'{"request": "NumberOfDetectors"}') == b'{"label": "NumberOfDetectors", "value": {"value": 1}}\x17'


def test_all_labels_come_one_after_the_other(websq):
    answers = [json.loads(each) for each in websq(b'{"request": "labelProps", "value": "None"}').split(b"\x17")[:-1]]
    labels = {answer["label"]: answer["value"]["value"] for answer in answers}
    assert (labels["NumberOfDetectors"], labels["BiasCurrent"], labels["InptMeasurementPeriod"]) == (1, [20.0], 100.0)
    assert len(labels) == len(answers)


def test_commands_tell_the_label_anew(websq):
    told = websq(command("SetMeasurementPeriod", "InptMeasurementPeriod", 250))
    assert told == b'{"label": "InptMeasurementPeriod", "value": 250}\x17'
    assert websq(b'{"request": "InptMeasurementPeriod"}') == b'{"label": "InptMeasurementPeriod", "value": {"value": 250}}\x17'


def test_it_counts_while_it_is_enabled_and_superconducting(world, websq):
    """Enabled, and at nine tenths of its 20 uA or more."""
    websq(command("DetectorEnable", "DetectorEnable", True))  # noqa: FBT003  (a value of the protocol)
    assert world.beside.biased("websq")
    websq(command("SetAllBiasCurrents", "BiasCurrent", [17.9]))
    assert not world.beside.biased("websq")
    assert websq(command("AutoCaliBiasCurrents", "", 0)) == b'{"label": "BiasCurrent", "value": [20.0]}\x17'


def test_objects_may_be_glued_and_come_in_any_pieces(websq):
    glued = b'{"request": "NumberOfDetectors"}' * 2
    assert b"".join(websq(bytes([byte])) for byte in glued).count(b"\x17") == 2


@pytest.mark.parametrize(
    "message",
    [
        command("SetAllBiasCurrents", "BiasCurrent", [1, 2]),
        command("SetAllBiasCurrents", "BiasCurrent", ["much"]),
        command("SetMeasurementPeriod", "InptMeasurementPeriod", 1),
        command("DetectorEnable", "DetectorEnable", 1),
        command("FormatDisk", "BiasCurrent", [1]),
        b'{"request": "Weather"}',
    ],
)
def test_refusals_are_labelled_as_errors(websq, message):
    assert json.loads(websq(message)[:-1])["label"] == "Error"
    assert json.loads(websq(b'{"request": "BiasCurrent"}')[:-1])["value"]["value"] == [20.0]


def test_the_count_port_says_time_and_counts_in_every_period(world):
    """Unasked, to whoever is connected: what the receiver's own counter gained. What is said to it is not heard."""
    world.beside.set_biased("websq", 0, biased=True)
    counts = discovery.find("twin", "single-quantum-websq").build(world, "websq")[1].session()
    (later,) = counts.opened(0)
    assert later.delay_s == 0.1
    before = world.counters("bob", 0).counts[3]
    line, again_s = later.make(SECOND)
    assert line == b"1767225601.000,%d\n" % (  # Unix time of 2026-01-01T00:00:01Z
        world.counters("bob", SECOND).counts[3] - before
    )
    assert again_s == 0.1
    assert counts.received(b"hello", 0) == []
