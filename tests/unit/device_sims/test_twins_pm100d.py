"""The simulated power meter byte by byte: SCPI as SCPI-99 and IEEE 488.2 have it, and readings against the world."""

from __future__ import annotations

import math
from datetime import date
from statistics import mean, stdev

import pytest

from hil.bench import load
from hil.bench.model import Calibration
from hil.device_sims.world.world import World

SECOND = 1_000_000_000
TAP_W = 10 ** (-38.7 / 10) * 1e-3
"""Pilot of -20 dBm less fibre 5 dB, switch 0.7 dB, attenuator 3 dB, tap 10 dB."""


@pytest.fixture
def meter(lit_world, talk):
    return talk(lit_world, "meter")


def ask(meter, query: str, now_ns: int = 0) -> float:
    return float(meter(query.encode() + b"\n", now_ns))


class TestLanguage:
    """Headers, messages and errors."""

    @pytest.mark.parametrize(
        "spelling",
        [
            "SENS:CORR:WAV?",
            "SENSE:CORRECTION:WAVELENGTH?",
            "sense:corr:wavelength?",
            ":SENS:CORR:WAV?",
            "CORR:WAV?",
            "SENS1:CORR1:WAV?",
            "  SENS:CORR:WAV?  ",
        ],
    )
    def test_short_and_long_forms_and_optional_nodes(self, meter, spelling):
        assert meter(spelling.encode() + b"\n") == b"1.550000E+03\n"

    @pytest.mark.parametrize(
        ("message", "code"),
        [
            ("SENSEX:CORR:WAV?", -113),
            ("SEN:CORR:WAV?", -113),
            ("SENS:CORR", -109),
            ("MEAS:POW:NOW?", -113),
            ("*FOO?", -113),
            ("*IDN", -113),
            ("SENS2:CORR:WAV?", -114),
            ("SENS:CORR:WAV", -109),
            ("SENS:CORR:WAV 1310,1550", -108),
            ("SENS:CORR:WAV blue", -120),
            ("SENS:CORR:WAV 1310 mm", -131),
            ("SENS:CORR:WAV 799.9", -222),
            ("SENS:CORR:WAV nan", -120),
            ("SENS:CORR:WAV? 5", -141),
            ("SENS:POW:RANG:AUTO 2", -141),
            ("SENS:POW:UNIT V", -141),
            ("SENS:POW:RANG 1", -222),
            ("SENS:POW:RANG -1e-6", -222),
            ("SENS:AVER 0", -222),
            ("SENS:AVER 1.5", -120),
            ("MEAS:ENER?", -221),
            ("FETC?", -230),
            ("READ? 1", -108),
            ("SENS::WAV?", -102),
            ("?", -102),
            ("*ESE 256", -222),
        ],
    )
    def test_what_is_wrong_goes_to_the_error_queue_and_is_not_answered(self, meter, message, code):
        """Error numbers as in SCPI-99 volume 2, chapter 21.8; a second look finds no error."""
        assert meter(message.encode() + b"\n") == b""
        assert meter(b"SYST:ERR?\n").startswith(b"%d," % code)
        assert meter(b"SYST:ERR?\n") == b'+0,"No error"\n'

    def test_answers_of_one_message_come_as_one(self, meter):
        """IEEE 488.2: answers of a compound message are joined by semicolons."""
        assert meter(b"*OPC?;SYST:VERS?\n") == b"1;1999.0\n"

    def test_a_header_goes_on_from_the_one_before(self, meter):
        """SCPI-99 volume 1, 6.2.4: the path of the last header holds, common commands leave it, a colon leads to the root."""
        message = b"SENS:POW:RANG:AUTO OFF;UPP 1e-5;*OPC?;AUTO?;:SENS:POW:UNIT?;:AVER?\n"
        assert meter(message) == b"1;0;W;1\n"
        assert meter(b"SENS:POW:UNIT?;CORR:WAV?\n") == b"W\n"
        assert meter(b"SYST:ERR?\n").startswith(b"-113")

    def test_a_syntax_error_drops_the_rest_of_its_message(self, meter):
        """What was answered before it is still sent."""
        assert meter(b"*OPC?;FOO;SENS:AVER 7\n") == b"1\n"
        assert meter(b"SENS:AVER?\n") == b"1\n"

    def test_an_execution_error_does_not(self, meter):
        assert meter(b"SENS:AVER 0;SENS:CORR:WAV 1310;:SENS:AVER?\n") == b"1\n"
        assert meter(b"SENS:CORR:WAV?\n") == b"1.310000E+03\n"

    def test_lines_may_come_in_any_pieces_and_with_carriage_returns(self, meter):
        assert b"".join(meter(bytes([byte])) for byte in b"*OPC?\r\n\n*OPC?\n*OP") == b"1\n1\n"

    def test_overlong_and_foreign_lines_are_errors_of_the_device_and_the_command(self, meter):
        assert meter(b"x" * 5000 + b"\n\xff?\n") == b""
        assert meter(b"SYST:ERR?;:SYST:ERR?\n") == b'-363,"Input buffer overrun";-101,"Invalid character"\n'

    def test_a_full_error_queue_says_so_in_its_last_place(self, meter):
        meter(b"FOO\n" * 40)
        errors = [meter(b"SYST:ERR?\n") for _ in range(31)]
        assert set(errors[:29]) == {b'-113,"Undefined header"\n'}
        assert errors[29:] == [b'-350,"Queue overflow"\n', b'+0,"No error"\n']


class TestStatus:
    """IEEE 488.2 status: event register, enables, status byte."""

    def test_event_status_tells_power_on_once(self, meter):
        assert meter(b"*ESR?;*ESR?\n") == b"128;0\n"

    def test_errors_set_their_bits(self, meter):
        """Command error 32, execution error 16, device error 8."""
        meter(b"*CLS\nFOO\nSENS:AVER 0\n" + b"x" * 5000 + b"\n")
        assert meter(b"*ESR?\n") == b"56\n"

    def test_status_byte_sums_up(self, meter):
        """Errors queued 4, event summary 32 when enabled, master summary 64 when that is."""
        meter(b"*CLS;*ESE 32;*SRE 32\nFOO\n")
        assert meter(b"*STB?\n") == b"100\n"
        assert meter(b"*ESE?;*SRE?\n") == b"32;32\n"
        meter(b"*CLS\n")
        assert meter(b"*STB?\n") == b"0\n"

    def test_operation_complete_is_an_event(self, meter):
        meter(b"*CLS;*OPC\n")
        assert meter(b"*ESR?\n") == b"1\n"

    def test_a_measurement_is_an_operation_event_where_the_filter_lets_it(self, meter):
        """Bit 9, as the transition filter 512 of existing drivers expects."""
        meter(b"STAT:OPER:PTR 512;NTR 0\nABOR;:STAT:OPER?\nINIT\n")
        assert meter(b"STAT:OPER?\n") == b"512\n"
        meter(b"STAT:OPER:PTR 0\nINIT\n")
        assert meter(b"STAT:OPER?\n") == b"0\n"

    def test_connections_share_the_device_but_not_their_half_lines(self, lit_world):
        from hil.device_sims.instruments.thorlabs_pm100d import SPEC

        (port,) = SPEC.build(lit_world, "meter")
        first, second = port.session(), port.session()
        assert first.received(b"FOO\nSYST:", 0) == []
        (reply,) = second.received(b"SYST:ERR?\n", 0)
        assert reply.data == b'-113,"Undefined header"\n'
        (reply,) = first.received(b"ERR?\n", 0)
        assert reply.data == b'+0,"No error"\n'


class TestIdentity:
    """Who it says it is."""

    def test_four_fields_with_the_serial_number_of_the_bench_file(self, world_where, talk):
        assert talk(world_where("meter", serial="P0012"), "meter")(b"*IDN?\n") == b"Thorlabs,PM100D,P0012,2.4.0\n"

    def test_sensor_has_the_day_of_its_latest_calibration(self, world_where, talk):
        """Flags 33: a power sensor whose wavelength can be set."""
        days = {
            str(year): Calibration(value=1, expanded_uncertainty=0, on=date(year, 2, 3), due=date(2040, 1, 1))
            for year in (2025, 2024)
        }
        name, _, calibrated, *rest = talk(world_where("meter", calibration=days), "meter")(b"SYST:SENS:IDN?\n").split(b",")
        assert (name, calibrated, rest) == (b"S155C", b"03-Feb-2025", [b"1", b"1", b"33\n"])

    @pytest.mark.parametrize(("wavelength_nm", "sensor"), [(1550, b"S155C"), (635, b"S150C"), (10_600, b"S302C")])
    def test_sensor_is_made_for_the_wavelength_of_the_bench_file(self, world_where, talk, wavelength_nm, sensor):
        meter = talk(world_where("meter", wavelength_nm=float(wavelength_nm)), "meter")
        assert meter(b"SYST:SENS:IDN?\n").split(b",")[0] == sensor
        assert ask(meter, "SENS:CORR:WAV? MIN") <= wavelength_nm <= ask(meter, "SENS:CORR:WAV? MAX")


class TestReadings:
    """Power on the tap, with floor, range and noise."""

    def test_reads_the_tap(self, meter):
        """Within four standard deviations of 0.02 % and the floor's third."""
        sigma_w = math.hypot(1e-10 / 3, 2e-4 * TAP_W)
        assert ask(meter, "MEAS:POW?") == pytest.approx(TAP_W, abs=4 * sigma_w)

    def test_noise_has_the_declared_spread_and_no_offset(self, meter):
        """400 readings in the dark: mean 0 and standard deviation a third of the floor (and of the smallest range 1e-5)."""
        meter.session._device.reading._world.set_emitting("alice", 1, emitting=False)
        readings_w = [ask(meter, "READ?", 2 + second * SECOND) for second in range(400)]
        assert abs(mean(readings_w)) < 4 * 3.4e-11 / 20
        assert stdev(readings_w) == pytest.approx(1e-10 / 3, rel=0.15)
        assert min(readings_w) < 0

    def test_averaging_narrows_by_the_root_of_its_count_and_takes_time(self, meter):
        meter(b"SENS:AVER 100\n")
        readings_w = [ask(meter, "READ?", second * SECOND) for second in range(300)]
        assert meter.delays_s == [pytest.approx(0.03)]
        assert stdev(readings_w) == pytest.approx(math.hypot(1e-10 / 3, 2e-4 * TAP_W) / 10, rel=0.2)

    def test_the_same_time_gives_the_same_reading_whoever_asked_before(self, lit_world, talk):
        one, other = talk(lit_world, "meter"), talk(lit_world, "meter")
        one(b"MEAS:POW?\n" * 5, SECOND)
        assert one(b"MEAS:POW?\n", 2 * SECOND) == other(b"MEAS:POW?\n", 2 * SECOND)
        assert one(b"MEAS:POW?\n", 3 * SECOND) != other(b"MEAS:POW?\n", 2 * SECOND)

    def test_ranges_are_decades_of_the_maximum_and_automatic_by_default(self, meter):
        """13 dBm is 19.95 mW; 134.9 nW needs the range of 199.5 nW."""
        most_w = 10**1.3 * 1e-3
        assert ask(meter, "SENS:POW:RANG:AUTO?") == 1
        assert ask(meter, "SENS:POW:RANG?") == pytest.approx(most_w * 1e-5, rel=1e-6)
        assert ask(meter, "SENS:POW:RANG? MAX") == pytest.approx(most_w, rel=1e-6)
        assert ask(meter, "SENS:POW:RANG? MIN") == pytest.approx(most_w * 1e-7, rel=1e-6)

    def test_a_manual_range_holds_the_power_asked_for_and_overloads_above(self, meter):
        meter(b"SENS:POW:RANG 100 NW\n")
        assert ask(meter, "SENS:POW:RANG?") == pytest.approx(10**1.3 * 1e-8, rel=1e-6)
        assert ask(meter, "SENS:POW:RANG:AUTO?") == 0
        meter(b"SENS:POW:RANG 10 NW\n")
        assert ask(meter, "MEAS:POW?") == 9.9e37
        meter(b"SENS:POW:RANG:AUTO 1\n")
        assert ask(meter, "MEAS:POW?") == pytest.approx(TAP_W, rel=0.01)

    @pytest.mark.parametrize(("said", "power_w"), [("0.1 MW", 1e-4), ("30 UW", 3e-5), ("100 NW", 1e-7), ("1E-3 W", 1e-3)])
    def test_suffixes_of_power_are_those_of_scpi(self, meter, said, power_w):
        """M is a thousandth before watts (IEEE 488.2, 7.7.3); the range is the one that the same number in watts gives."""
        meter(f"SENS:POW:RANG {power_w:g}\n".encode())
        in_watts = ask(meter, "SENS:POW:RANG?")
        assert power_w <= in_watts < 10.0 * power_w * (1.0 + 1e-6)
        meter(f"SENS:POW:RANG MAX;:SENS:POW:RANG {said}\n".encode())
        assert ask(meter, "SENS:POW:RANG?") == in_watts

    def test_a_range_read_back_selects_itself(self, world_where, talk):
        """Whatever the meter says its range is can be sent to it, also when showing it rounded it up."""
        meter = talk(world_where("meter", max_w=1.9952627e-2), "meter")
        for told in (meter(b"SENS:POW:RANG?\n"), meter(b"SENS:POW:RANG? MIN\n"), meter(b"SENS:POW:RANG? MAX\n")):
            meter(b"SENS:POW:RANG " + told)
            assert meter(b"SENS:POW:RANG?\n") == told
        assert meter(b"SYST:ERR?\n") == b'+0,"No error"\n'

    def test_power_above_the_sensors_maximum_overloads(self, world_where, talk):
        world = world_where("meter", max_w=1e-7)
        world.set_emitting("alice", 0, emitting=True)
        assert ask(talk(world, "meter"), "MEAS:POW?") == 9.9e37

    def test_decibels_follow_the_watts(self, meter):
        """-38.7 dBm."""
        meter(b"SENS:POW:UNIT DBM\n")
        assert meter(b"SENS:POW:UNIT?\n") == b"DBM\n"
        assert ask(meter, "MEAS:POW?") == pytest.approx(-38.7, abs=0.01)

    def test_correction_in_decibels_multiplies(self, meter):
        before_w = ask(meter, "MEAS:POW?")
        meter(b"CORR 10\n")
        assert ask(meter, "MEAS:POW?") == pytest.approx(10 * before_w, rel=1e-5)
        assert ask(meter, "CORR?") == 10.0

    def test_zero_is_taken_in_the_dark_and_refused_in_the_light(self, lit_world, meter):
        meter(b"CORR:COLL:ZERO\n")
        assert meter(b"SYST:ERR?\n") == b'-200,"Execution error"\n'
        lit_world.set_emitting("alice", SECOND, emitting=False)
        meter(b"CORR:COLL:ZERO:INIT\n", SECOND)
        assert meter(b"SYST:ERR?;:CORR:COLL:ZERO:STAT?\n") == b'+0,"No error";0\n'
        assert 0 < abs(ask(meter, "CORR:COLL:ZERO:MAGN?")) < 4 * 1e-10 / 30

    def test_current_is_the_power_times_the_response(self, meter):
        power_w, response = ask(meter, "MEAS:POW?"), ask(meter, "CORR:POW:PDIO:RESP?")
        assert ask(meter, "MEAS:CURR?") == pytest.approx(power_w * response, rel=1e-5)
        assert meter(b"CONF?\n") == b"CURR\n"
        assert ask(meter, "READ?") == pytest.approx(power_w * response, rel=1e-5)

    def test_what_was_initiated_is_fetched_later(self, meter):
        meter(b"CONF:POW\nINIT\n", SECOND)
        first = meter(b"FETC?\n", 5 * SECOND)
        assert first == meter(b"FETC?\n", 9 * SECOND)
        meter(b"MEAS:POW\n", 9 * SECOND)
        assert meter(b"FETC?\n", 9 * SECOND) != first

    def test_the_wavelength_corrects_nothing(self, meter):
        """The response is declared flat."""
        before = meter(b"MEAS:POW?\n")
        meter(b"SENS:CORR:WAV 1.31 UM\n")
        assert meter(b"SENS:CORR:WAV?\n") == b"1.310000E+03\n"
        assert meter(b"MEAS:POW?\n") == before

    def test_reset_restores_the_settings_but_not_the_errors(self, meter):
        meter(b"SENS:CORR:WAV 1310;:SENS:AVER 9;:SENS:POW:UNIT DBM;RANG 1e-6;:CORR 3\nFOO\n*RST\n")
        message = b"SENS:CORR:WAV?;:SENS:AVER?;:SENS:POW:UNIT?;RANG:AUTO?;:CORR?;:SYST:ERR?\n"
        assert meter(message) == b'1.550000E+03;1;W;1;0.000000E+00;-113,"Undefined header"\n'


def test_a_meter_on_no_path_reads_the_dark() -> None:
    """The world has no light where no path leads."""
    import msgspec

    bench = load("metro-25km")
    link = msgspec.structs.replace(bench.link["metro"], path=("fibre", "switch", "voa"))
    world = World(msgspec.structs.replace(bench, link={"metro": link}), seed=1)
    world.set_emitting("alice", 0, emitting=True)
    from hil.device_sims.instruments.thorlabs_pm100d import SPEC

    (port,) = SPEC.build(world, "meter")
    (reply,) = port.session().received(b"MEAS:POW?\n", 0)
    assert abs(float(reply.data)) < 5e-10 / 3
