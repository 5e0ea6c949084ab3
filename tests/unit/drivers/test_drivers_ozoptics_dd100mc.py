"""DD-100-MC: command set of a reference driver (QMI dd100mc), compared byte for byte."""

from __future__ import annotations

import pytest

from hil.drivers.ozoptics_dd100mc import MARKERS, OzOpticsDd100Mc
from hil.errors import DeviceTimeoutError, EnvelopeError, InstrumentError, ReplyError
from hil.ports.identity import Identity

DONE = b"Done\r\n\r\n"


def display(attenuation: bytes) -> list:
    return [(">", b"D\r"), ("<", b"DPos:1234\r\nATTEN:" + attenuation + b"\r\n" + DONE)]


OPENING = display(b"3.00")


@pytest.fixture
def opened(script, settings):
    def make(turns, **changes):
        transport = script(OPENING + turns, markers=MARKERS, reopens_clean=False)
        device = OzOpticsDd100Mc(settings(**changes), transport)
        device.open()
        return device

    return make


def test_reads_the_displayed_attenuation(opened):
    """The attenuation is the display's, in dB."""
    assert opened(display(b"12.34")).attenuation_db() == pytest.approx(12.34)


def test_moves_waits_and_reads_back(opened, settings):
    """A move is answered with a position, settles on the bench's clock and is read back."""
    config = settings()
    turns = [(">", b"A12.00\r"), ("<", b"A12.00\r\nPos:4321\r\n" + DONE), *display(b"12.01")]
    opened(turns, clock=config.clock).set_attenuation_db(12)
    assert config.clock.now_ns() == 200_000_000


def test_a_readback_elsewhere_is_an_error(opened):
    """A stuck motor is found by reading back."""
    device = opened([(">", b"A12.00\r"), ("<", b"Pos:1234\r\n" + DONE), *display(b"3.00")])
    with pytest.raises(InstrumentError, match="attenuation_db was set to 12 but reads back 3"):
        device.set_attenuation_db(12)


def test_a_refused_move_is_an_error(opened):
    """An answer without a position is a refusal."""
    device = opened([(">", b"A12.00\r"), ("<", b"Error\r\n" + DONE)])
    with pytest.raises(InstrumentError, match=r"refused 'A12\.00'"):
        device.set_attenuation_db(12)


@pytest.mark.parametrize("attenuation_db", [-0.01, 30.01, float("inf"), float("nan")])
def test_outside_the_envelope_nothing_is_sent(opened, attenuation_db):
    """A move beyond the bench file's envelope sends nothing and names both."""
    device = opened([], envelope={"attenuation_db": (0.0, 30.0)})
    with pytest.raises(EnvelopeError, match=r"dut: attenuation_db = .* 0 to 30 is allowed"):
        device.set_attenuation_db(attenuation_db)


def test_parks_at_the_envelopes_maximum(opened):
    """Parked, the attenuator is as dark as it may be."""
    turns = [(">", b"A30.00\r"), ("<", b"Pos:9\r\n" + DONE), *display(b"30.00")]
    opened(turns, envelope={"attenuation_db": (0.0, 30.0)}).park()


def test_a_move_that_timed_out_is_not_repeated_and_its_late_answer_is_dropped(opened):
    """The late answer of a move reaches neither the next query nor the next move."""
    device = opened(
        [
            *((">", b"A12.00\r"), ("silence", b"")),
            *((">", b"D\r"), ("<", b"Pos:4321\r\n" + DONE), ("<", b"DPos:4321\r\nATTEN:12.00\r\n" + DONE)),
            *display(b"12.00"),
        ]
    )
    with pytest.raises(DeviceTimeoutError):
        device.set_attenuation_db(12)
    assert device.attenuation_db() == pytest.approx(12)


def test_a_display_that_timed_out_is_asked_again_in_step(opened):
    """Reading is harmless, so it is repeated, with the late reply to the first attempt told apart by the other marker."""
    late = [(">", b"D\r"), ("<", b"DPos:1\r\nATTEN:3.00\r\n" + DONE), ("<", b"DPos:1\r\nATTEN:3.00\r\n" + DONE)]
    device = opened(
        [
            *((">", b"D\r"), ("silence", b"")),
            *late,
            *((">", b"CD\r"), ("<", b"DD-100-MC\r\n" + DONE)),
            *display(b"5.00"),
        ]
    )
    assert device.attenuation_db() == pytest.approx(5)


def test_a_display_without_attenuation_is_an_error(opened):
    """A display that is not as specified is not read as zero."""
    with pytest.raises(ReplyError, match="expected a line ATTEN"):
        opened([(">", b"D\r"), ("<", b"DPos:1234\r\n" + DONE)]).attenuation_db()


@pytest.mark.parametrize(
    ("text", "serial", "firmware"),
    [(b"DD-100-MC S/N: 101234-01 V2.03", "101234-01", "2.03"), (b"MC drive 12.5 mm", "", "")],
)
def test_identity_takes_what_the_configuration_tells(opened, text, serial, firmware):
    """Serial number and firmware come from the configuration display where it tells them, and are empty where not."""
    device = opened([(">", b"CD\r"), ("<", text + b"\r\n" + DONE)])
    assert device.identity() == Identity("OZ Optics", "DD-100-MC", serial, firmware)
