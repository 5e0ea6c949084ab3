"""DiCon MEMS switch: the bytes of photonmover's driver, compared one for one."""

from __future__ import annotations

import pytest

from hil.bench.model import SwitchDevice
from hil.drivers.dicon_mems import MARKERS, DiconMems
from hil.errors import EnvelopeError, InstrumentError, ReplyError


def asked(query: str, reply: str) -> list:
    return [(">", query.encode() + b"\r"), ("<", b"\n" + reply.encode() + b"\r\n")]


OPENING = asked("CF?", "MEMS 1x8,8") * 2  # into step, and how many channels


@pytest.fixture
def opened(script, settings):
    def make(turns, opening=OPENING, **changes):
        switch = DiconMems(settings(**changes), script(opening + turns, markers=MARKERS, reopens_clean=False))
        switch.open()
        return switch

    return make


def test_learns_how_many_channels_there_are(opened):
    assert opened([]).capabilities.ranges == {"channel": (1, 8)}
    with pytest.raises(ReplyError, match="number of channels"):
        opened([], opening=asked("CF?", "MEMS,many") * 2)


def test_switches_and_reads_back(opened):
    """Switching has no answer, so that only reading back tells."""
    opened([(">", b"I1 3\r"), *asked("I1?", "3")]).select(3)
    with pytest.raises(InstrumentError, match="channel was set to 3 but reads back 1"):
        opened([(">", b"I1 3\r"), *asked("I1?", "1")]).select(3)


def test_a_newline_alone_before_the_answer_is_enough(opened):
    """Firmware that ends its answers without a carriage return is understood too."""
    assert opened([(">", b"I1?\r"), ("<", b"\n5\n")]).channel() == 5


@pytest.mark.parametrize("channel", [0, 9])
def test_channels_it_does_not_have_are_refused(opened, channel):
    with pytest.raises(EnvelopeError, match="1 to 8 is allowed"):
        opened([]).select(channel)


def test_parks_on_the_dark_channel_or_where_it_parks_itself(opened):
    declared = SwitchDevice(driver="dicon-mems", dark_channel=8)
    opened([(">", b"I1 8\r"), *asked("I1?", "8")], declared=declared).park()
    opened([(">", b"PK\r")]).park()


def test_no_number_is_no_channel(opened):
    """And the line is brought into step before the next question."""
    switch = opened([*asked("I1?", "busy"), *asked("CF?", "MEMS 1x8,8"), *asked("I1?", "2")])
    with pytest.raises(ReplyError, match="number of a channel"):
        switch.channel()
    assert switch.channel() == 2


def test_identity(opened):
    identity = opened(asked("ID?", "DiCon Fiberoptics Inc, MEMS 1x8, 4711, 2.04")).identity()
    assert (identity.vendor, identity.model, identity.serial, identity.firmware) == (
        "DiCon Fiberoptics Inc",
        "MEMS 1x8",
        "4711",
        "2.04",
    )
