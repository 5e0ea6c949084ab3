"""Reference repeater protocol, version 1 (docs/reference/repeater-protocol.md), compared byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from hil.drivers.reference_repeater import ReferenceRepeater
from hil.errors import InstrumentError, MissingCapabilityError, ReplyError
from hil.ports.identity import Identity
from hil.ports.repeater import SwapCounts


def said(request: str, reply: str) -> list:
    return [(">", request.encode() + b"\n"), ("<", reply.encode() + b"\n")]


@pytest.fixture
def repeater(script, settings):
    def make(*turns):
        device = ReferenceRepeater(settings(), script([turn for pair in turns for turn in pair]))
        device.open()
        return device

    return make


def test_identity_time_and_parking(repeater):
    device = repeater(said("*IDN?", "QKD-HIL,Reference Repeater,RR-1,2.1.0"), said("TIME?", "1500000000"), said("PARK", "OK"))
    assert device.identity() == Identity("QKD-HIL", "Reference Repeater", "RR-1", "2.1.0")
    assert device.device_time_ns() == 1_500_000_000
    device.park()


def test_starting_is_read_back(repeater):
    device = repeater(
        said("START", "OK"),
        said("RUN?", "ON"),
        said("STOP", "OK"),
        said("RUN?", "OFF"),
        said("START", "OK"),
        said("RUN?", "OFF"),
    )
    device.set_repeating(repeating=True)
    device.set_repeating(repeating=False)
    with pytest.raises(ReplyError, match="was told to start and says that it did not"):
        device.set_repeating(repeating=True)


def test_pairs_are_read_to_the_last(repeater):
    """Reply for reply, as long as more were made than told."""
    device = repeater(
        said("PAIRS? 5", '{"first":5,"made":8,"time_ns":[10,20],"waited_ns":[1,2],"outcome":"01"}'),
        said("PAIRS? 7", '{"first":7,"made":9,"time_ns":[35],"waited_ns":[0],"outcome":"1"}'),
    )
    pairs = device.pairs(5)
    assert (pairs.first, pairs.made) == (5, 9)
    np.testing.assert_array_equal(pairs.times_ns, [10, 20, 35])
    np.testing.assert_array_equal(pairs.waited_ns, [1, 2, 0])
    np.testing.assert_array_equal(pairs.outcomes, [0, 1, 1])


def test_no_pair_yet(repeater):
    device = repeater(said("PAIRS? 0", '{"first":0,"made":0,"time_ns":[],"waited_ns":[],"outcome":""}'))
    assert device.pairs().outcomes.size == 0


@pytest.mark.parametrize(
    "reply",
    [
        '{"first":0,"made":1,"time_ns":[1],"waited_ns":[1],"outcome":"2"}',
        '{"first":0,"made":1,"time_ns":[],"waited_ns":[1],"outcome":"1"}',
        '{"first":3,"made":1,"time_ns":[1],"waited_ns":[1],"outcome":"1"}',
        '{"first":0,"made":1,"time_ns":[1]}',
        "OK",
    ],
)
def test_a_reply_that_does_not_fit_is_refused(repeater, reply):
    with pytest.raises(ReplyError, match=r"PAIRS\? 0"):
        repeater(said("PAIRS? 0", reply)).pairs()


def test_swaps_and_what_a_node_cannot_tell(repeater):
    device = repeater(
        said("SWAPS?", "OK 100 91"), said("SWAPS?", "ERR 12 an end swaps nothing"), said("PAIRS? 0", "ERR 11 expected a number")
    )
    assert device.swaps() == SwapCounts(100, 91)
    with pytest.raises(MissingCapabilityError, match="an end swaps nothing"):
        device.swaps()
    with pytest.raises(InstrumentError, match="error 11"):
        device.pairs()
