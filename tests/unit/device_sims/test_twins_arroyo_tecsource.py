"""Arroyo TECSource byte by byte: the dialogues of open drivers of the TECSource and of its kin (ILX, Newport 3040)."""

from __future__ import annotations

from math import exp
from pathlib import Path

import pytest

from hil.bench import load
from hil.device_sims.world.world import World

SECOND = 1_000_000_000
SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"


@pytest.fixture
def world():
    return World(load(SHELF), seed=7)


@pytest.fixture
def tec(world, talk):
    return talk(world, "tecsource")


def test_tells_who_it_is_with_spaces(tec):
    """Maker and model first, as an open driver checks them."""
    assert tec(b"*IDN?\r\n").startswith(b"Arroyo 5305 53")
    assert tec(b"*IDN?\r\n").endswith(b" V1.70\r\n")


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_commands_end_with_either_byte_or_both(tec, end):
    assert tec(b"TEC:SET:T?" + end) == b"25.000\r\n"


def test_the_stage_relaxes_to_a_new_set_point(world, tec):
    """Closed form: 25 + 10 (1 - exp(-t/20 s)) degrees after a step to 35."""
    assert tec(b"TEC:T 35\r\n", 0) == b""
    assert tec(b"TEC:T?\r\n", 0) == b"25.000\r\n"
    assert float(tec(b"TEC:T?\r\n", 20 * SECOND)) == pytest.approx(25 + 10 * (1 - exp(-1)), abs=1e-3)
    assert world.setpoint_c("tecsource") == 35.0


def test_is_switched_and_its_current_is_that_of_its_stage(tec):
    """0.05 A a degree below ambient temperature of 22, negative where it heats; nothing flows while it is off."""
    assert tec(b"TEC:OUT?\r") == b"1\r\n"
    assert tec(b"TEC:ITE?\r") == b"-0.150\r\n"
    assert tec(b"TEC:V?\r") == b"-0.300\r\n"
    assert tec(b"TEC:OUT 0;OUT?\r") == b"0\r\n"
    assert tec(b"TEC:ITE?\r") == b"0.000\r\n"
    assert tec(b"tec:output 1\rtec:out?\r") == b"1\r\n"


def test_steps_are_relative(tec):
    """Steps of tenths of a degree, as a driver of the Newport 3040 takes them; sending one twice moves twice."""
    assert tec(b"TEC:STEP 1\rTEC:INC 15\rTEC:SET:T?\r") == b"26.500\r\n"
    assert tec(b"TEC:INC 15\rTEC:SET:T?\r") == b"28.000\r\n"
    assert tec(b"TEC:DEC\rTEC:SET:T?\r") == b"27.900\r\n"
    assert tec(b"TEC:STEP 5;STEP?\r") == b"5\r\n"
    assert tec(b"TEC:INC 2\rTEC:SET:T?\r") == b"28.900\r\n"


def test_limits_hold_for_both_ways_of_moving(tec):
    """Error 201 is a value out of range; the numbers are told once."""
    assert tec(b"TEC:LIM:THI 30;TLO 20\rTEC:LIM:THI?;TLO?\r") == b"30.000;20.000\r\n"
    assert tec(b"TEC:T 31\rTEC:INC 99\rTEC:T 19\r") == b""
    assert tec(b"TEC:SET:T?\r") == b"25.000\r\n"
    assert tec(b"ERR?\r") == b"201,201,201\r\n"
    assert tec(b"ERR?\r") == b"0\r\n"
    assert tec(b"TEC:LIM:ITE 0.1;ITE?\rTEC:ITE?\r") == b"0.100\r\n-0.100\r\n"


def test_what_it_does_not_know_has_no_answer_but_a_number(tec):
    assert tec(b"TEC:WHAT?\rLAS:OUT 1\r") == b""
    assert tec(b"ERR?\r") == b"123,123\r\n"


def test_mode_gains_and_radix(tec):
    """It regulates a temperature and nothing else."""
    assert tec(b"TEC:MODE?\rTEC:MODE:T\rRADIX DEC\rTEC:PID 4,0.5,0\rTEC:PID?\rERR?\r") == b"T\r\n4,0.5,0\r\n0\r\n"
    assert tec(b"TEC:MODE ITE\rERR?\r") == b"201\r\n"
