"""Voetsch SIMSERV byte by byte: command numbers of an open driver of these chambers."""

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
def chamber(world, talk):
    return talk(world, "chamber")


def request(*fields: str) -> bytes:
    return b"\xb6".join(field.encode() for field in fields) + b"\r"


def test_tells_who_it_is(chamber):
    assert chamber(request("99997", "1", "1")).startswith(b"1\xb6SIMSERV VT4002 VT")
    assert chamber(request("99997", "1", "1")).endswith(b" 4.05\r\n")


def test_the_set_point_is_set_and_told(world, chamber):
    """11001 takes the number of the value and the value."""
    assert chamber(request("11002", "1", "1")) == b"1\xb625.0\r\n"
    assert chamber(request("11001", "1", "1", "-10.25")) == b"1\r\n"
    assert chamber(request("11002", "1", "1")) == b"1\xb6-10.2\r\n"
    assert world.setpoint_c("chamber") == -10.2


def test_the_actual_value_relaxes(chamber):
    """Closed form: 25 + 15 (1 - exp(-1)) degrees a time constant of 600 s after a step to 40."""
    chamber(request("11001", "1", "1", "40"), 0)
    told = chamber(request("11004", "1", "1"), 600 * SECOND)
    assert float(told.split(b"\xb6")[1]) == pytest.approx(25 + 15 * (1 - exp(-1)), abs=0.05)


def test_manual_mode(world, chamber):
    assert chamber(request("14003", "1", "1")) == b"1\xb61\r\n"
    assert chamber(request("14001", "1", "1", "0")) == b"1\r\n"
    assert chamber(request("14003", "1", "1")) == b"1\xb60\r\n"
    assert not world.heater_enabled("chamber")


def test_gradients_are_kept_and_errors_reset(chamber):
    assert chamber(request("11068", "1", "1", "2.5")) == b"1\r\n"
    assert chamber(request("11066", "1", "1")) == b"1\xb62.5\r\n"
    assert chamber(request("17012", "1")) == b"1\r\n"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (("12345", "1"), b"-5"),
        (("11001", "1", "1"), b"-6"),
        (("11001", "1", "1", "warm"), b"-6"),
        (("14001", "1", "1", "2"), b"-6"),
        (("11002", "1", "2"), b"-6"),
        (("11001", "1", "1", "181"), b"-8"),
        (("11001", "1", "1", "-71"), b"-8"),
    ],
)
def test_refusals_begin_with_no_1(chamber, fields, code):
    """And change nothing."""
    assert chamber(request(*fields)) == code + b"\r\n"
    assert chamber(request("11002", "1", "1")) == b"1\xb625.0\r\n"


def test_bytes_may_come_in_any_pieces(chamber):
    whole = request("11002", "1", "1") * 2
    assert b"".join(chamber(bytes([byte])) for byte in whole) == b"1\xb625.0\r\n" * 2
