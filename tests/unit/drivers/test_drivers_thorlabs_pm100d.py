"""PM100D: command set of reference drivers (QMI pm100d, PyMeasure thorlabspm100usb), compared byte for byte."""

from __future__ import annotations

from datetime import datetime

import pytest

from hil.bench.model import PowerMeterDevice
from hil.drivers.thorlabs_pm100d import ThorlabsPm100d
from hil.errors import DeviceTimeoutError, EnvelopeError, InstrumentError, MissingCapabilityError, ReplyError
from hil.ports.identity import Identity

NO_ERROR = [(">", b"SYST:ERR?\n"), ("<", b'+0,"No error"\n')]
OPENING = [
    *NO_ERROR,
    *((">", b"SYST:SENS:IDN?\n"), ("<", b"S154C,12345,01-Jan-2026,1,1,33\n")),
    *((">", b"SENS:CORR:WAV? MIN\n"), ("<", b"8.000000E+02\n")),
    *((">", b"SENS:CORR:WAV? MAX\n"), ("<", b"1.700000E+03\n")),
]


@pytest.fixture
def opened(script, settings):
    def make(turns, **changes):
        meter = ThorlabsPm100d(settings(**changes), script(OPENING + turns))
        meter.open()
        return meter

    return make


def test_reads_power_in_watts(opened):
    """A reading is the device's number."""
    assert opened([(">", b"MEAS:POW?\n"), ("<", b"9.123400E-07\n")]).power_w() == pytest.approx(9.1234e-7)


def test_a_reading_is_not_repeated(opened):
    """A measurement that timed out is not made again behind the caller's back."""
    meter = opened([(">", b"MEAS:POW?\n"), ("silence", b"")])
    with pytest.raises(DeviceTimeoutError):
        meter.power_w()


def test_overload_and_nonsense_are_errors(opened):
    """SCPI's 9.9E37 and anything that is not a number are not powers."""
    ask = (">", b"MEAS:POW?\n")
    meter = opened([ask, ("<", b"9.9E37\n"), ask, ("<", b"nan\n"), ask, ("<", b"\n")])
    with pytest.raises(InstrumentError, match="above the sensor's range"):
        meter.power_w()
    for _ in range(2):
        with pytest.raises(ReplyError, match="expected a number"):
            meter.power_w()


def test_sets_the_wavelength_checks_the_error_queue_and_reads_back(opened, settings):
    """A set is written, checked in the error queue, settled on the bench's clock and read back."""
    config = settings()
    meter = opened(
        [
            (">", b"SENS:CORR:WAV 1310.0\n"),
            *NO_ERROR,
            *((">", b"SENS:CORR:WAV?\n"), ("<", b"1.310000E+03\n")),
        ],
        clock=config.clock,
    )
    meter.set_wavelength_nm(1310)
    assert config.clock.now_ns() == 50_000_000


def test_a_refused_set_carries_the_devices_words(opened):
    """An entry in the error queue is an InstrumentError, and the queue is left empty."""
    meter = opened(
        [
            (">", b"SENS:CORR:WAV 1310.0\n"),
            *((">", b"SYST:ERR?\n"), ("<", b'-222,"Data out of range"\n')),
            *((">", b"SYST:ERR?\n"), ("<", b'-113,"Undefined header"\n')),
            *NO_ERROR,
        ]
    )
    with pytest.raises(InstrumentError, match=r"dut: refused 'SENS:CORR:WAV 1310.0': -222"):
        meter.set_wavelength_nm(1310)


def test_a_readback_elsewhere_is_an_error(opened):
    """A device that says it stands elsewhere did not do what it was told."""
    meter = opened(
        [(">", b"SENS:CORR:WAV 1310.0\n"), *NO_ERROR, (">", b"SENS:CORR:WAV?\n"), ("<", b"1.550000E+03\n")],
    )
    with pytest.raises(InstrumentError, match="set to 1310 but reads back 1550"):
        meter.set_wavelength_nm(1310)


@pytest.mark.parametrize("wavelength_nm", [799.9, 1600.1, float("nan")])
def test_outside_the_envelope_nothing_is_sent(opened, wavelength_nm):
    """The allowed interval is the sensor's, cut to the bench file's; a move beyond it sends nothing."""
    meter = opened([], envelope={"wavelength_nm": (700.0, 1600.0)})
    with pytest.raises(EnvelopeError, match="800 to 1600 is allowed"):
        meter.set_wavelength_nm(wavelength_nm)


def test_opening_brings_the_declared_wavelength(opened):
    """A meter left at another wavelength would misread every power, so opening corrects it."""
    opened(
        [
            *((">", b"SENS:CORR:WAV?\n"), ("<", b"635\n")),
            (">", b"SENS:CORR:WAV 1550.0\n"),
            *NO_ERROR,
            *((">", b"SENS:CORR:WAV?\n"), ("<", b"1550\n")),
        ],
        declared=PowerMeterDevice(driver="thorlabs-pm100d", wavelength_nm=1550.0),
    )


def test_old_errors_are_drained_and_logged(script, settings, caplog):
    """What went wrong before we came is reported as such, and does not fail our first set."""
    old = [(">", b"SYST:ERR?\n"), ("<", b'-113,"Undefined header"\n')]
    ThorlabsPm100d(settings(), script(old * 2 + OPENING)).open()
    assert "dut: 2 errors from before we came" in caplog.text


def test_draining_is_bounded(script, settings):
    """A device that never says zero does not hold us for ever: 32 reads, then on."""
    stuck = [(">", b"SYST:ERR?\n"), ("<", b'-350,"Queue overflow"\n')]
    ThorlabsPm100d(settings(), script(stuck * 32 + OPENING[2:])).open()


def test_a_missing_sensor_is_found_at_open(script, settings):
    """A console without a sensor cannot measure, and says so before the first test, and lets go of the port."""
    meter = ThorlabsPm100d(settings(), script([*NO_ERROR, (">", b"SYST:SENS:IDN?\n"), ("<", b"no sensor\n")]))
    with pytest.raises(InstrumentError, match="no sensor"):
        meter.open()
    assert not script.ports[0].is_open


def test_identity_has_four_fields(opened):
    """``*IDN?`` is parsed, and refused when it is not four fields."""
    ask = (">", b"*IDN?\n")
    meter = opened([ask, ("<", b"Thorlabs, PM100D, P0012345,2.4.0\r\n"), ask, ("<", b"PM100D\n")])
    assert meter.identity() == Identity("Thorlabs", "PM100D", "P0012345", "2.4.0")
    with pytest.raises(ReplyError, match="expected vendor,model,serial,firmware"):
        meter.identity()


def test_parking_says_nothing(opened):
    """A meter harms nothing, so parking it sends nothing."""
    opened([]).park()


IDENTITY = [(">", b"*IDN?\n"), ("<", b"Thorlabs,PM100D,P1,2.4.0\n")]
DATE, TIME = (">", b"SYST:DATE?\n"), (">", b"SYST:TIME?\n")


@pytest.mark.parametrize(
    ("turns", "shown"),
    [
        ([DATE, ("<", b"2026,1,31\n"), TIME, ("<", b"23,59,58\n"), DATE, ("<", b"2026,1,31\n")], (2026, 1, 31, 23, 59, 58)),
        ([DATE, ("<", b"2026/01/31\n"), TIME, ("<", b"+07:05:09.00\n"), DATE, ("<", b"2026/01/31\n")], (2026, 1, 31, 7, 5, 9)),
        (
            [DATE, ("<", b"2026,1,31\n"), TIME, ("<", b"0,0,0\n"), DATE, ("<", b"2026,2,1\n"), TIME, ("<", b"0,0,1\n")],
            (2026, 2, 1, 0, 0, 1),
        ),
    ],
)
def test_its_date_and_time_are_of_one_day(opened, turns, shown):
    """SCPI-99's commas, or Agilent's slashes and colons; midnight between the two questions makes no day's difference."""
    reading = opened([*IDENTITY, *turns]).time_of_day()
    assert reading.shown == datetime(*shown)  # noqa: DTZ001  (the meter knows no zone)
    assert reading.resolution_s == 1.0


def test_a_date_that_is_none(opened):
    """A clock whose battery is gone may show anything."""
    turns = [*IDENTITY, DATE, ("<", b"2000,0,0\n"), TIME, ("<", b"1,2,3\n"), DATE, ("<", b"2000,0,0\n")]
    with pytest.raises(ReplyError, match="which is no date"):
        opened(turns).time_of_day()


def test_models_without_a_calendar_are_not_asked(opened):
    """They would not answer."""
    with pytest.raises(MissingCapabilityError, match="a PM103E tells no time of day"):
        opened([(">", b"*IDN?\n"), ("<", b"Thorlabs,PM103E,M1,1.4.0\n")]).time_of_day()
