"""Simulated SCPI attenuator, TEC controller and laser driver, line by line, and what their settings do to the world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil.bench import load
from hil.device_sims.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"
SECOND = 1_000_000_000


@pytest.fixture
def world() -> World:
    return World(load(SHELF), seed=2)


@pytest.fixture
def say(world: World, talk: Callable[..., Callable[..., bytes]]) -> Callable[..., str]:
    """Says a line to a device of the shelf and returns its answer."""
    sessions: dict[str, Callable[..., bytes]] = {}

    def ask(device: str, line: str, now_ns: int = 0) -> str:
        session = sessions.setdefault(device, talk(world, device)) if device not in sessions else sessions[device]
        return session(line.encode() + b"\n", now_ns).decode()

    return ask


class TestAttenuator:
    """Keysight N7761A."""

    @pytest.mark.parametrize(
        ("line", "answer"),
        [
            (":INP1:ATT?", "+3.00000000E+00\n"),
            (":INPUT:CHANNEL:ATTENUATION?", "+3.00000000E+00\n"),
            (":INP1:ATT? MAX", "+4.50000000E+01\n"),
            (":INP1:WAV?", "+1.55000000E-06\n"),
            (":INP1:WAV 1310 NM;:INP1:WAV?", "+1.31000000E-06\n"),
            (":INP1:WAV 1.31 UM;:INP1:WAV?", "+1.31000000E-06\n"),
            (":OUTP1:STAT?", "1\n"),
            (":INP2:ATT?\n:SYST:ERR?", '-114,"Header suffix out of range"\n'),
            (":INP1:ATT 46;:SYST:ERR?", '-222,"Data out of range"\n'),
            (":INP1:ATT 3 NM\n:SYST:ERR?", '-131,"Invalid suffix"\n'),
            (":INP1:ATT:SPE 10 DB/S;:INP:ATT:SPE?", "1.000000E+01\n"),
        ],
    )
    def test_lines(self, say: Callable[..., str], line: str, answer: str) -> None:
        assert say("n7761a", line) == answer

    def test_light_follows_attenuation_offset_and_shutter(self, say: Callable[..., str], world: World) -> None:
        """An offset is no light: 12 dB shown with 2 dB of it are 10 dB; shut, nothing passes, and what is set stays."""
        say("n7761a", ":INP1:OFFS 2;ATT 12 dB", SECOND)
        assert world.attenuation_db("n7761a", SECOND) == 10.0
        say("n7761a", ":OUTP1 OFF", SECOND)
        assert world.attenuation_db("n7761a", SECOND) == 100.0
        assert say("n7761a", ":INP1:ATT?;:OUTP?") == "+1.20000000E+01;0\n"
        say("n7761a", ":OUTP1 ON", 2 * SECOND)
        assert world.attenuation_db("n7761a", 2 * SECOND) == 10.0
        say("n7761a", "*RST", 3 * SECOND)
        assert world.attenuation_db("n7761a", 3 * SECOND) == 100.0


class TestCooler:
    """Thorlabs TED4015."""

    def test_lines_and_the_stage(self, say: Callable[..., str], world: World) -> None:
        """The set point with and without its unit; a stage that relaxes by its 20 s; limits that the set point keeps."""
        say("ted4015", "SOUR:TEMP 30C", SECOND)
        assert say("ted4015", "SOUR:TEMP?;:SOUR:TEMP:SPO?", SECOND) == "3.000000E+01;3.000000E+01\n"
        found_c = float(say("ted4015", "MEAS:SCAL:TEMP?", 21 * SECOND))
        assert found_c == pytest.approx(25.0 + 5.0 * (1.0 - 0.36788), abs=1e-4)
        assert world.setpoint_c("ted4015") == 30.0
        say("ted4015", "SOUR:TEMP:LIM:HIGH 28")
        assert say("ted4015", "SOUR:TEMP 29;:SYST:ERR?") == '-222,"Data out of range"\n'
        say("ted4015", "OUTP OFF", 30 * SECOND)
        assert say("ted4015", "OUTP?", 30 * SECOND) == "0\n"
        assert not world.heater_enabled("ted4015")


class TestLaser:
    """Thorlabs ITC4001: laser on output 1, cooler on output 2."""

    def test_lines_and_the_light(self, say: Callable[..., str], world: World) -> None:
        """Amperes, the limit of the bench file, a laser that wants its cooler."""
        assert say("itc4001", "SOUR:CURR:AMPL?;:SOUR:CURR:LIM?;:OUTP1:STATE?") == "1.000000E-01;2.000000E-01;0\n"
        say("itc4001", "OUTP2:STAT OFF")
        assert say("itc4001", "OUTP1:STATE 1;:SYST:ERR?") == '-221,"Settings conflict"\n'
        assert not world.beside.lasing("itc4001")
        say("itc4001", "OUTP2:STAT ON;:OUTP1:STATE 1;:SOUR:CURR 120 MA")
        assert world.beside.lasing("itc4001")
        assert world.beside.current_a("itc4001") == pytest.approx(0.12)
        assert say("itc4001", "MEAS:CURR?;:SENS3:CURR:DATA?") == "1.200000E-01;1.200000E-01\n"
        assert say("itc4001", "OUTP1 OFF;:MEAS:CURR?;:MEAS:VOLT?;:SOUR:CURR?") == "0.000000E+00;0.000000E+00;1.200000E-01\n"
        assert say("itc4001", "SOUR:CURR 0.21;:SYST:ERR?") == '-222,"Data out of range"\n'
        say("itc4001", "SOUR2:TEMP:SPO 21.5")
        assert say("itc4001", "SOUR2:TEMP?") == "2.150000E+01\n"


class TestMatrixSwitch:
    """Polatis, 8 by 8."""

    def test_lines(self, say: Callable[..., str]) -> None:
        """Size, connections as two lists, the peer of a port from either side; what is refused is in the queue."""
        assert say("polatis", "*idn?").startswith("Polatis,I-OST-8x8-LU1-DMHNS,")
        assert say("polatis", ":oxc:swit:size?") == "8,8\n"
        assert say("polatis", ":oxc:swit:conn:stat?") == "(@1),(@10)\n"
        say("polatis", ":oxc:swit:conn:add (@2,3),(@9,16)")
        assert say("polatis", ":oxc:swit:conn:stat?") == "(@1,2,3),(@10,9,16)\n"
        assert say("polatis", ":oxc:swit:conn:port? 16;port? 1;port? 4") == '"3";"10";""\n'
        say("polatis", ":oxc:swit:conn:add (@2),(@10)")
        assert say("polatis", ":oxc:swit:conn:stat?") == "(@2,3),(@10,16)\n"
        say("polatis", ":oxc:swit:conn:sub (@3),(@16)")
        say("polatis", ":oxc:swit:conn:add (@1),(@17)")
        say("polatis", ":oxc:swit:conn:add (@9),(@1)")
        assert say("polatis", ":syst:err:all?") == '-222,"Data out of range",-222,"Data out of range"\n'
        say("polatis", ":oxc:swit:disc:all")
        assert say("polatis", ":oxc:swit:conn:stat?") == "(@),(@)\n"
        say("polatis", ":oxc:swit:port:dis (@2,4)")
        assert say("polatis", ":oxc:swit:port:stat?") == "(E,D,E,D,E,E,E,E,E,E,E,E,E,E,E,E)\n"

    def test_light_goes_where_port_1_leads(self, say: Callable[..., str], world: World) -> None:
        """Channel n is egress port 8 + n; a port that is disabled or taken leaves the path dark."""
        assert world.switch_channel("polatis", 0) == 2
        say("polatis", ":oxc:swit:conn:only (@1),(@11)", SECOND)
        assert world.switch_channel("polatis", SECOND) == 3
        say("polatis", ":oxc:swit:port:dis (@11)", SECOND)
        assert world.switch_channel("polatis", SECOND) == 0
        say("polatis", ":oxc:swit:port:enab (@11);:oxc:swit:conn:add (@5),(@11)", SECOND)
        assert world.switch_channel("polatis", SECOND) == 0
