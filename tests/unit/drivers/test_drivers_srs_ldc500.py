"""LDC500 series: command set of PyMeasure's LDC500Series, compared byte for byte."""

from __future__ import annotations

import pytest

from hil.bench.model import LaserDevice
from hil.drivers.srs_ldc500 import SrsLdc500
from hil.errors import EnvelopeError, InstrumentError, ReplyError
from hil.ports.identity import Identity

NO_ERRORS = [(">", b"LEXE?\n"), ("<", b"0\n"), (">", b"LCME?\n"), ("<", b"0\n")]
DECLARED = LaserDevice(driver="srs-ldc500", drives="alice", current_a=0.03, limit_a=0.06)
OPENING = [*NO_ERRORS, (">", b"SILM?\n"), ("<", b"60\n")]


def exchange(*pairs):
    return [turn for sent, got in pairs for turn in ((">", sent), ("<", got))]


@pytest.fixture
def opened(script, settings):
    def make(turns, **changes):
        laser = SrsLdc500(settings(declared=DECLARED, **changes), script(OPENING + turns))
        laser.open()
        return laser

    return make


def test_lowers_the_devices_own_limit_at_open(script, settings):
    """80 mA on its front panel, 60 mA in the bench file: the device is told, and its errors are asked for."""
    turns = [*NO_ERRORS, *exchange((b"SILM?\n", b"80\n")), (">", b"SILM 60\n"), *NO_ERRORS]
    SrsLdc500(settings(declared=DECLARED), script(turns)).open()


def test_old_errors_are_reported_not_raised(script, settings, caplog):
    """What went wrong before we came is not our command's fault."""
    turns = [*exchange((b"LEXE?\n", b"1\n"), (b"LCME?\n", b"0\n"), (b"SILM?\n", b"60\n"))]
    SrsLdc500(settings(declared=DECLARED), script(turns)).open()
    assert "errors from before we came: LEXE? answered 1" in caplog.text


def test_sets_the_current_waits_for_the_errors_and_reads_back(opened, settings):
    """Milliampere on the wire; errors are logged 15 ms late."""
    config = settings()
    laser = opened([(">", b"SILD 25\n"), *NO_ERRORS, *exchange((b"SILD?\n", b"25\n"))], clock=config.clock)
    laser.set_current_a(0.025)
    assert config.clock.now_ns() == 15_000_000


def test_a_refusal_is_told_with_its_code(opened):
    """The device's own limit may be lower than ours."""
    laser = opened([(">", b"SILD 50\n"), *exchange((b"LEXE?\n", b"1\n"), (b"LCME?\n", b"0\n"))])
    with pytest.raises(InstrumentError, match=r"dut: refused 'SILD 50': LEXE\? answered 1"):
        laser.set_current_a(0.05)


def test_never_beyond_the_limit(opened):
    """Nothing is sent."""
    laser = opened([])
    with pytest.raises(EnvelopeError, match="nothing was sent"):
        laser.set_current_a(0.0601)


@pytest.mark.parametrize("setpoint_c", [14.9, 35.1, float("nan")])
def test_never_colder_or_hotter_than_the_envelope(opened, setpoint_c):
    """Nor with its cooler: nothing is sent."""
    laser = opened([], envelope={"setpoint_c": (15.0, 35.0)})
    with pytest.raises(EnvelopeError, match="nothing was sent"):
        laser.set_setpoint_c(setpoint_c)


def test_lights_only_with_a_cooler_and_a_closed_interlock(opened):
    """Each is asked for before the laser is switched on."""
    laser = opened(exchange((b"TEON?\n", b"0\n")))
    with pytest.raises(InstrumentError, match="its cooler is off"):
        laser.set_emitting(emitting=True)
    laser = opened(exchange((b"TEON?\n", b"1\n"), (b"ILOC?\n", b"OPEN\n")))
    with pytest.raises(InstrumentError, match="its interlock is open"):
        laser.set_emitting(emitting=True)


def test_switching_on_is_said_once_and_read_back(opened):
    """A laser that stays dark is an error of the device."""
    conditions = exchange((b"TEON?\n", b"1\n"), (b"ILOC?\n", b"CLOSED\n"))
    lit = [*conditions, (">", b"LDON ON\n"), *NO_ERRORS]
    opened([*lit, *exchange((b"LDON?\n", b"ON\n"))]).set_emitting(emitting=True)
    laser = opened([*lit, *exchange((b"LDON?\n", b"OFF\n"))])
    with pytest.raises(InstrumentError, match="reads back otherwise"):
        laser.set_emitting(emitting=True)


def test_parks_dark_whatever_its_cooler_does(opened):
    """Off needs no conditions."""
    opened([(">", b"LDON OFF\n"), *NO_ERRORS, *exchange((b"LDON?\n", b"OFF\n"))]).park()


def test_identity_without_the_makers_words(opened):
    """A serial number and a version that pins can be compared with."""
    laser = opened(exchange((b"*IDN?\n", b"Stanford_Research_Systems,LDC501,s/n098012,ver1.34\n")))
    assert laser.identity() == Identity("Stanford_Research_Systems", "LDC501", "098012", "1.34")


def test_a_word_it_does_not_know(opened):
    """Neither on nor off."""
    with pytest.raises(ReplyError, match=r"LDON\?: expected ON or OFF"):
        opened(exchange((b"LDON?\n", b"PERHAPS\n"))).emitting()
