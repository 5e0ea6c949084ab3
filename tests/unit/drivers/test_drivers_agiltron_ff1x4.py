"""Agiltron 1x4: frames of a reference driver (QMI Agiltron_Ff1x4), compared byte for byte."""

from __future__ import annotations

import pytest

from hil.bench.model import SwitchDevice
from hil.drivers.agiltron_ff1x4 import MARKERS, AgiltronFf1x4
from hil.errors import DeviceTimeoutError, EnvelopeError, InstrumentError, ReplyError

ASK = (">", b"\x01\x11\x00\x00")


def on(channel: int) -> list:
    return [ASK, ("<", bytes([1, 0x11, 0, channel]))]


def move_to(channel: int) -> list:
    return [(">", bytes([1, 0x12, 0, channel])), ("<", bytes([1, 0x12, 0, channel]))]


@pytest.fixture
def opened(script, settings):
    def make(turns, **changes):
        transport = script(on(1) + turns, markers=MARKERS, reopens_clean=False)
        switch = AgiltronFf1x4(settings(**changes), transport)
        switch.open()
        return switch

    return make


def test_the_last_byte_is_the_channel(opened):
    """The channel is read from the last of four bytes."""
    assert opened(on(3)).channel() == 3


def test_switches_and_reads_back(opened):
    """A move is echoed exactly and then read back."""
    opened(move_to(2) + on(2)).select(2)


def test_another_echo_is_a_refusal(opened):
    """Anything but the exact echo is a refusal, and the line is distrusted."""
    switch = opened([(">", b"\x01\x12\x00\x02"), ("<", b"\x01\x12\x00\x01"), *on(1), *on(1)])
    with pytest.raises(InstrumentError, match="refused channel 2"):
        switch.select(2)
    assert switch.channel() == 1


def test_a_switch_that_stands_still_is_found(opened):
    """An echo is not a movement: reading back decides."""
    with pytest.raises(InstrumentError, match="channel was set to 2 but reads back 1"):
        opened(move_to(2) + on(1)).select(2)


@pytest.mark.parametrize("channel", [0, 5])
def test_channels_it_does_not_have_are_refused(opened, channel):
    """Nothing is sent for a channel outside 1 to 4."""
    with pytest.raises(EnvelopeError, match="1 to 4 is allowed"):
        opened([]).select(channel)


def test_the_envelope_narrows_the_channels(opened):
    """A bench file may forbid channels."""
    with pytest.raises(EnvelopeError, match="1 to 2 is allowed"):
        opened([], envelope={"channel": (1, 2)}).select(3)


def test_parks_on_the_declared_dark_channel(opened):
    """Parked, the link is dark."""
    opened(move_to(4) + on(4), declared=SwitchDevice(driver="agiltron-ff1x4", dark_channel=4)).park()


def test_parks_nowhere_without_a_declared_dark_channel(opened, caplog):
    """No channel is guessed to be dark."""
    opened([]).park()
    assert "no dark channel is declared" in caplog.text


def test_a_late_echo_is_dropped(opened):
    """The echo of a move that timed out is not taken for the channel."""
    switch = opened(
        [
            *((">", b"\x01\x12\x00\x02"), ("silence", b"")),
            *(ASK, ("<", b"\x01\x12\x00\x02"), ("<", b"\x01\x11\x00\x02")),
            *on(2),
        ]
    )
    with pytest.raises(DeviceTimeoutError):
        switch.select(2)
    assert switch.channel() == 2


def test_a_channel_it_cannot_have_is_an_error(opened):
    """A frame that names no channel of the switch is not a state."""
    with pytest.raises(ReplyError, match="expected a channel of 1 to 4"):
        opened(on(9)).channel()
