"""SCPI attenuator, TEC controller and laser driver: command sets of open drivers, compared byte for byte."""

from __future__ import annotations

import pytest

from hil.bench.model import LaserDevice, SwitchDevice
from hil.drivers.keysight_n776x import KeysightN776x
from hil.drivers.polatis_osm import PolatisOsm
from hil.drivers.thorlabs_itc4001 import ThorlabsItc4001
from hil.drivers.thorlabs_ted4015 import ThorlabsTed4015
from hil.errors import EnvelopeError, InstrumentError, ReplyError

NO_ERROR = [(">", b"SYST:ERR?\n"), ("<", b'+0,"No error"\n')]


def asked(query: bytes, answer: bytes) -> list[tuple[str, bytes]]:
    return [(">", query + b"\n"), ("<", answer + b"\n")]


def told(command: bytes) -> list[tuple[str, bytes]]:
    return [(">", command + b"\n"), *NO_ERROR]


@pytest.fixture
def opened(script, settings):
    def make(kind, turns, opening=NO_ERROR, **changes):
        driver = kind(settings(**changes), script([*opening, *turns]))
        driver.open()
        return driver

    return make


class TestKeysightN776x:
    """:INP1:ATT and :OUTP1:STAT."""

    def test_moves_reads_back_and_opens_the_shutter(self, opened):
        turns = [*told(b":INP1:ATT 12.500 DB"), *asked(b":INP1:ATT?", b"+1.25000000E+01"), *told(b":OUTP1:STAT 1")]
        opened(KeysightN776x, turns).set_attenuation_db(12.5)

    def test_parks_shut_and_at_the_envelopes_most(self, opened):
        turns = [*told(b":OUTP1:STAT 0"), *told(b":INP1:ATT 40.000 DB"), *asked(b":INP1:ATT?", b"+4.00000000E+01")]
        opened(KeysightN776x, turns, envelope={"attenuation_db": (1.0, 40.0)}).park()

    def test_a_move_that_ends_elsewhere_opens_no_shutter(self, opened):
        turns = [*told(b":INP1:ATT 12.500 DB"), *asked(b":INP1:ATT?", b"+1.20000000E+01")]
        with pytest.raises(InstrumentError, match="reads back 12"):
            opened(KeysightN776x, turns).set_attenuation_db(12.5)


class TestThorlabsTed4015:
    """SOUR:TEMP and OUTP."""

    def test_sets_and_reads(self, opened):
        turns = [*told(b"SOUR:TEMP 21.500C"), *asked(b"SOUR:TEMP?", b"2.150000E+01"), *asked(b"MEAS:SCAL:TEMP?", b"2.49E+01")]
        controller = opened(ThorlabsTed4015, turns)
        controller.set_setpoint_c(21.5)
        assert controller.temperature_c() == pytest.approx(24.9)

    def test_an_output_that_does_not_follow(self, opened):
        with pytest.raises(InstrumentError, match="does not follow"):
            opened(ThorlabsTed4015, [*told(b"OUTP ON"), *asked(b"OUTP?", b"0")]).set_enabled(enabled=True)

    def test_a_switch_that_is_no_switch(self, opened):
        with pytest.raises(ReplyError, match="expected 0 or 1"):
            opened(ThorlabsTed4015, asked(b"OUTP?", b"2")).enabled()


class TestThorlabsItc4001:
    """Laser on output 1, cooler on output 2."""

    DECLARED = LaserDevice(driver="thorlabs-itc4001", drives="alice", current_a=0.1, limit_a=0.2)
    OPENING = (*NO_ERROR, *asked(b"SOUR:CURR:LIM?", b"2.000000E-01"))

    def test_lowers_the_devices_own_limit_at_open(self, opened):
        opening = [*NO_ERROR, *asked(b"SOUR:CURR:LIM?", b"1.000000E+00"), *told(b"SOUR:CURR:LIM 0.200000")]
        opened(ThorlabsItc4001, [], opening, declared=self.DECLARED)

    def test_sets_the_current_and_keeps_the_limit(self, opened):
        turns = [*told(b"SOUR:CURR:AMPL 0.120000"), *asked(b"SOUR:CURR:AMPL?", b"1.200000E-01")]
        laser = opened(ThorlabsItc4001, turns, self.OPENING, declared=self.DECLARED)
        laser.set_current_a(0.12)
        with pytest.raises(EnvelopeError, match="nothing was sent"):
            laser.set_current_a(0.21)

    def test_lights_only_with_its_cooler(self, opened):
        lit = [*asked(b"OUTP2:STATE?", b"1"), *told(b"OUTP1:STATE 1"), *asked(b"OUTP1:STATE?", b"1")]
        opened(ThorlabsItc4001, lit, self.OPENING, declared=self.DECLARED).set_emitting(emitting=True)
        dark = opened(ThorlabsItc4001, asked(b"OUTP2:STATE?", b"0"), self.OPENING, declared=self.DECLARED)
        with pytest.raises(InstrumentError, match="its cooler is off"):
            dark.set_emitting(emitting=True)


class TestPolatisOsm:
    """:oxc:swit:conn."""

    OPENING = (*NO_ERROR, *asked(b":oxc:swit:size?", b"24,24"))

    def test_selects_an_egress_port_behind_the_ingress_ports(self, opened):
        turns = [*told(b":oxc:swit:conn:add (@1),(@27)"), *asked(b":oxc:swit:conn:port? 1", b'"27"')]
        opened(PolatisOsm, turns, self.OPENING).select(3)

    def test_nothing_connected_is_channel_none(self, opened):
        assert opened(PolatisOsm, asked(b":oxc:swit:conn:port? 1", b'""'), self.OPENING).channel() == 0

    def test_parks_on_the_dark_channel(self, opened):
        turns = [*told(b":oxc:swit:conn:add (@1),(@32)"), *asked(b":oxc:swit:conn:port? 1", b'"32"')]
        declared = SwitchDevice(driver="polatis-osm", through_channel=2, dark_channel=8)
        opened(PolatisOsm, turns, self.OPENING, declared=declared).park()

    def test_no_more_channels_than_it_has(self, opened):
        with pytest.raises(EnvelopeError, match="1 to 24 is allowed"):
            opened(PolatisOsm, [], self.OPENING).select(25)
