"""The serial instruments byte by byte: what QMI's drivers send, and what /dev/tty users would see.

Expected bytes are those QMI's ``dd100mc``, ``_ff_optical_switch`` and ``tc200`` read (version 0.54).
"""

from __future__ import annotations

from math import exp

import pytest

SECOND = 1_000_000_000


class TestOzOpticsDd100Mc:
    r"""``\\r`` in; lines with ``\\r\\n`` out, Done and an empty one last."""

    def test_displays_position_and_attenuation(self, lit_world, talk):
        """At power-up it stands at the operating point of the bench file, 3 dB."""
        assert talk(lit_world, "voa")(b"D\r") == b"DPos:300\r\nATTEN:3.00\r\nDone\r\n\r\n"

    def test_moves_the_light_and_tells_the_position(self, lit_world, talk):
        """A12.00 takes the world's attenuator to 12 dB."""
        voa = talk(lit_world, "voa")
        assert voa(b"A12.00\r", SECOND) == b"Pos:1200\r\nDone\r\n\r\n"
        assert lit_world.attenuation_db("voa", SECOND) == 12.0
        assert voa(b"D\r", SECOND) == b"DPos:1200\r\nATTEN:12.00\r\nDone\r\n\r\n"

    def test_answers_when_the_motor_stands(self, lit_world, talk):
        """The farther the move, the later the answer: 57 dB at 120 dB a second."""
        voa = talk(lit_world, "voa")
        voa(b"A60\r", SECOND)
        assert voa.delays_s == [pytest.approx(57 / 120)]
        voa(b"A60\r", SECOND)
        assert voa.delays_s == [0.0]

    def test_homes_to_least_attenuation(self, lit_world, talk):
        voa = talk(lit_world, "voa")
        assert voa(b"H\r", SECOND) == b"Pos:0\r\nDone\r\n\r\n"
        assert lit_world.attenuation_db("voa", SECOND) == 0.0

    @pytest.mark.parametrize("command", [b"A60.01", b"A-1", b"A", b"Anan", b"A1e1", b"X", b"d", b"A 3", b"\xff", b"A" * 200])
    def test_refuses_what_it_does_not_know_and_stands_still(self, lit_world, talk, command):
        """Every command is answered to its Done, or the host would wait."""
        voa = talk(lit_world, "voa")
        assert voa(command + b"\r", SECOND) == b"Error\r\nDone\r\n\r\n"
        assert lit_world.attenuation_db("voa", SECOND) == 3.0

    def test_configuration_carries_the_serial_number_of_the_bench_file(self, world_where, talk):
        lines = talk(world_where("voa", serial="4711-A"), "voa")(b"CD\r").split(b"\r\n")
        assert lines[0] == b"OZ Optics DD-100-MC"
        assert b"S/N: 4711-A" in lines
        assert lines[-3:] == [b"Done", b"", b""]

    def test_bytes_may_come_in_any_pieces_and_with_line_feeds(self, lit_world, talk):
        voa = talk(lit_world, "voa")
        pieces = [voa(bytes([byte])) for byte in b"\r\nD\r\n\rD"]
        assert b"".join(pieces) == b"DPos:300\r\nATTEN:3.00\r\nDone\r\n\r\n"


class TestAgiltronFf1x4:
    """Four bytes each way."""

    def test_tells_its_channel_in_the_last_byte(self, lit_world, talk):
        assert talk(lit_world, "switch")(bytes.fromhex("01110000")) == bytes.fromhex("01110001")

    def test_echoes_a_move_and_makes_it(self, lit_world, talk):
        switch = talk(lit_world, "switch")
        assert switch(bytes.fromhex("01120004"), SECOND) == bytes.fromhex("01120004")
        assert lit_world.switch_channel("switch", SECOND) == 4

    @pytest.mark.parametrize("channel", [0, 5, 255])
    def test_a_channel_it_does_not_have_is_not_echoed(self, lit_world, talk, channel):
        """The answer names the channel that is on, so that an exact comparison fails."""
        switch = talk(lit_world, "switch")
        assert switch(bytes.fromhex("011200") + bytes([channel])) == bytes.fromhex("01120001")

    @pytest.mark.parametrize("stray", ["", "00", "01", "0111", "011100", "ff01", "01990000", "0101"])
    def test_comes_into_step_after_stray_bytes(self, lit_world, talk, stray):
        """Whatever was half said, the next whole query is answered."""
        switch = talk(lit_world, "switch")
        assert switch(bytes.fromhex(stray)) == b""
        assert switch(bytes.fromhex("01110000")).endswith(bytes.fromhex("01110001"))

    def test_bytes_may_come_in_any_pieces(self, lit_world, talk):
        switch = talk(lit_world, "switch")
        pieces = [switch(bytes([byte])) for byte in bytes.fromhex("0112000301110000")]
        assert b"".join(pieces) == bytes.fromhex("0112000301110003")


class TestThorlabsTc200:
    """Echo, answer, prompt."""

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            (b"id?", b"THORLABS TC200 VERSION 2.0\r> "),
            (b"*idn?", b"THORLABS TC200 VERSION 2.0\r> "),
            (b"tset?", b"30.0 Celsius\r> "),
            (b"tact?", b"30.0 C\r> "),
            (b"tmax?", b"200.0\r> "),
            (b"pmax?", b"18.0\r> "),
            (b"pid?", b"125 50 50\r> "),
            (b"tune?", b"0\r> "),
            (b"stat?", b"11 > "),
            (b"tset=41.5", b"> "),
            (b"TSET?", b"30.0 Celsius\r> "),
            (b"", b"> "),
            (b"bogus", b"CMD_NOT_DEFINED\r> "),
            (b"ens?", b"CMD_NOT_DEFINED\r> "),
            (b"tset=19.9", b"CMD_ARG_RANGE_ERR\r> "),
            (b"tset=200.1", b"CMD_ARG_RANGE_ERR\r> "),
            (b"tset=nan", b"CMD_ARG_RANGE_ERR\r> "),
            (b"tset=4_0", b"CMD_ARG_RANGE_ERR\r> "),
            (b"tset=", b"CMD_ARG_RANGE_ERR\r> "),
            (b"pgain=0", b"CMD_ARG_RANGE_ERR\r> "),
        ],
    )
    def test_dialogue(self, lit_world, talk, command, answer):
        """The echo comes first, whatever follows; ``stat?`` has no carriage return before its prompt."""
        assert talk(lit_world, "stage")(command + b"\r") == command + b"\r" + answer

    def test_regulates_the_stage(self, lit_world, talk):
        """After one time constant of 20 s the stage is a factor e nearer: 40 - 10 exp(-1) = 36.3 degrees."""
        stage = talk(lit_world, "stage")
        stage(b"tset=40\r", SECOND)
        assert stage(b"tset?\r", SECOND) == b"tset?\r40.0 Celsius\r> "
        assert stage(b"tset=41.5\rtset?\r", SECOND) == b"tset=41.5\r> tset?\r41.5 Celsius\r> "
        stage(b"tset=40\r", SECOND)
        assert stage(b"tact?\r", 21 * SECOND) == f"tact?\r{40 - 10 * exp(-1):.1f} C\r> ".encode()

    def test_ens_toggles(self, lit_world, talk):
        """Off, on, off; the status byte's lowest bit says which."""
        stage = talk(lit_world, "stage")
        answers = [stage(b"ens\r") + stage(b"stat?\r") for _ in range(3)]
        assert answers == [b"ens\r> stat?\r10 > ", b"ens\r> stat?\r11 > ", b"ens\r> stat?\r10 > "]
        assert not lit_world.heater_enabled("stage")

    def test_a_lower_limit_refuses_hotter_set_points(self, lit_world, talk):
        stage = talk(lit_world, "stage")
        assert stage(b"tmax=50\rtset=50.1\rtset=50\r") == b"tmax=50\r> tset=50.1\rCMD_ARG_RANGE_ERR\r> tset=50\r> "

    def test_keeps_gains_and_tuning(self, lit_world, talk):
        stage = talk(lit_world, "stage")
        assert stage(b"pgain=200\rdgain=0\rpid?\r").endswith(b"pid?\r200 50 0\r> ")
        assert stage(b"tune\rtune?\rtune\rtune?\r") == b"tune\r> tune?\r1\r> tune\r> tune?\r0\r> "

    def test_an_endless_line_is_refused_in_the_end(self, lit_world, talk):
        stage = talk(lit_world, "stage")
        assert stage(b"x" * 5000) == b""
        assert stage(b"\rstat?\r") == b"\rCMD_NOT_DEFINED\r> stat?\r11 > "
