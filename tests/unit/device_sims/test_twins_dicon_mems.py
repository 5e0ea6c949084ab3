"""DiCon MEMS switch byte by byte: what photonmover's driver reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench import load
from hil.device_sims.world.world import World

SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"


@pytest.fixture
def world():
    return World(load(SHELF), seed=7)


@pytest.fixture
def dicon(world, talk):
    return talk(world, "dicon")


def test_answers_stand_between_newlines(dicon):
    """A driver throws one byte away and reads a line: its second field is the number of channels."""
    reply = dicon(b"CF?\r")
    assert reply == b"\nMEMS 1x8,8\r\n"
    assert int(reply[1:].split(b",")[1]) == 8


def test_switches_without_an_answer_and_tells_where_it_stands(world, dicon):
    assert dicon(b"I1?\r") == b"\n1\r\n"
    assert dicon(b"I1 3\r") == b""
    assert dicon(b"I1?\r") == b"\n3\r\n"
    assert world.switch_channel("dicon", 0) == 3


@pytest.mark.parametrize("command", [b"PK\r", b"I1 0\r"])
def test_parks(world, dicon, command):
    """Parked, no light passes: channel 0."""
    assert dicon(command + b"I1?\r") == b"\n0\r\n"
    assert world.switch_channel("dicon", 0) == 0


@pytest.mark.parametrize("command", [b"I1 9", b"I1 -1", b"I1", b"I2 3", b"XX?", b"\xff", b"A" * 100])
def test_what_it_does_not_have_moves_nothing(dicon, command):
    assert dicon(command + b"\r") == b""
    assert dicon(b"I1?\r") == b"\n1\r\n"


def test_tells_who_it_is(dicon):
    reply = dicon(b"ID?\r")
    assert reply.startswith(b"\nDiCon Fiberoptics Inc, MEMS 1x8, DM")
    assert reply.endswith(b", 2.04\r\n")
