"""TC200: echo, answer and prompt as reference drivers read them (QMI tc200, InstrumentKit), compared byte for byte."""

from __future__ import annotations

import pytest

from hil.bench.model import TemperatureControllerDevice
from hil.drivers.thorlabs_tc200 import MARKERS, ThorlabsTc200
from hil.errors import DeviceTimeoutError, EnvelopeError, InstrumentError, ReplyError
from hil.ports.identity import Identity


def said(command: bytes, answer: bytes = b"") -> list:
    return [(">", command + b"\r"), ("<", command + b"\r" + (answer + b"\r" if answer else b"") + b"> ")]


def status(byte: bytes) -> list:
    return [(">", b"stat?\r"), ("<", b"stat?\r" + byte + b" > ")]  # the odd one: no \r before its prompt


ID = said(b"id?", b"THORLABS TC200 VERSION 2.0")


@pytest.fixture
def opened(script, settings):
    def make(turns, **changes):
        transport = script(ID + turns, markers=MARKERS, reopens_clean=False)
        controller = ThorlabsTc200(settings(**changes), transport)
        controller.open()
        return controller

    return make


def test_reads_both_temperatures(opened):
    """Set point and temperature are read with their units of either spelling."""
    controller = opened([*said(b"tact?", b"25.4 C"), *said(b"tset?", b"30.0 Celsius")])
    assert controller.temperature_c() == pytest.approx(25.4)
    assert controller.setpoint_c() == pytest.approx(30.0)


def test_another_unit_is_not_taken_for_celsius(opened):
    """A controller that displays kelvin is not read as 298 degrees Celsius."""
    with pytest.raises(ReplyError, match="to Celsius"):
        opened(said(b"tact?", b"298.5 K")).temperature_c()


def test_sets_and_reads_back(opened):
    """A set point is written to a tenth of a degree and read back."""
    opened([*said(b"tset=42.5"), *said(b"tset?", b"42.5 Celsius")]).set_setpoint_c(42.5)


@pytest.mark.parametrize("error", [b"CMD_ARG_RANGE_ERR", b"CMD_NOT_DEFINED"])
def test_the_devices_errors_are_instrument_errors(opened, error):
    """A refusal carries the command and the device's word."""
    with pytest.raises(InstrumentError, match=rf"refused 'tset=150.0': {error.decode()}"):
        opened(said(b"tset=150.0", error)).set_setpoint_c(150)


@pytest.mark.parametrize("setpoint_c", [19.9, 60.1, float("nan")])
def test_outside_the_envelope_nothing_is_sent(opened, setpoint_c):
    """The allowed interval is the heater's, cut to the bench file's."""
    with pytest.raises(EnvelopeError, match="20 to 60 is allowed"):
        opened([], envelope={"setpoint_c": (-10.0, 60.0)}).set_setpoint_c(setpoint_c)


@pytest.mark.parametrize(("before", "enabled"), [(b"10", True), (b"11", False)])
def test_the_toggle_is_used_only_when_needed_and_verified(opened, before, enabled):
    """``ens`` toggles: it is sent once when the state differs, and the state is read afterwards."""
    after = b"11" if enabled else b"10"
    opened([*status(before), *said(b"ens"), *status(after)]).set_enabled(enabled=enabled)


@pytest.mark.parametrize(("state", "enabled"), [(b"11", True), (b"10", False)])
def test_the_toggle_is_left_alone_when_the_state_is_right(opened, state, enabled):
    """Asking for the present state sends no toggle."""
    opened(status(state)).set_enabled(enabled=enabled)


def test_a_toggle_without_effect_is_found(opened):
    """A toggle that did not change the state is an error."""
    with pytest.raises(InstrumentError, match="enabled was set to 1 but reads back 0"):
        opened([*status(b"10"), *said(b"ens"), *status(b"10")]).set_enabled(enabled=True)


def test_a_toggle_that_timed_out_is_never_repeated(opened):
    """After a timeout nobody knows whether it toggled, so the next call reads the state first."""
    controller = opened(
        [
            *(*status(b"10"), (">", b"ens\r"), ("silence", b"")),
            *((">", b"id?\r"), ("<", b"ens\r> id?\rTHORLABS TC200 VERSION 2.0\r> ")),
            *status(b"11"),
        ]
    )
    with pytest.raises(DeviceTimeoutError):
        controller.set_enabled(enabled=True)
    controller.set_enabled(enabled=True)


def test_an_alarm_keeps_the_heater_off(opened):
    """With its sensor in alarm the heater is not switched on."""
    with pytest.raises(InstrumentError, match="sensor alarm"):
        opened(status(b"50")).set_enabled(enabled=True)


def test_a_foreign_echo_is_an_error_and_the_line_is_resynchronised(opened):
    """A reply that echoes another command is not this one's, and the next query starts in step."""
    controller = opened([(">", b"tact?\r"), ("<", b"tset?\r30.0 C\r> "), *ID, *said(b"tact?", b"25.0 C")])
    with pytest.raises(ReplyError, match="something else talks"):
        controller.temperature_c()
    assert controller.temperature_c() == pytest.approx(25.0)


def test_a_status_that_is_not_hexadecimal_is_an_error(opened):
    """A status byte is two hexadecimal digits at most."""
    with pytest.raises(ReplyError, match="expected a hexadecimal byte"):
        opened(status(b"xx")).enabled()


def test_identity(opened):
    """Vendor, model and version come from ``id?``."""
    assert opened(ID).identity() == Identity("THORLABS", "TC200", "", "2.0")


def test_parking_holds_the_temperature(opened):
    """Parking changes nothing."""
    opened([]).park()


def test_the_stage_settles_in_five_time_constants(settings, script):
    """A bench file that declares the stage's time constant decides when a move may be judged (exp(-5) is 0.7 %)."""
    declared = TemperatureControllerDevice(driver="thorlabs-tc200", controls="bob", setpoint_c=30.0, time_constant_s=20.0)
    controller = ThorlabsTc200(settings(declared=declared), script([], markers=MARKERS))
    assert controller.capabilities.settle_s == pytest.approx(100.0)
