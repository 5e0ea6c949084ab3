"""The simulated LDC501 line by line: its words, its two error codes, and the light its current makes."""

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
def laser(world: World, talk: Callable[..., Callable[..., bytes]]) -> Callable[..., bytes]:
    return talk(world, "ldc500")


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("ILOC?", "CLOSED"),
        ("LDON?", "OFF"),
        ("SMOD?", "CC"),
        ("SILD?", "30"),
        ("SILM?", "60"),
        ("RILD?", "0"),
        ("RNGE?", "HIGH"),
        ("MODU?", "OFF"),
        ("TEON?", "1"),
        ("TMOD?", "CT"),
        ("TEMP?", "25"),
        ("TTRD?", "25"),
        ("sild?", "30"),
        ("SILD?;SILM?", "30\n60"),
        ("TRAW?", "10"),
    ],
)
def test_what_it_says_at_power_up(laser: Callable[..., bytes], asked: str, answer: str) -> None:
    """At the operating point of the bench file, laser off, cooler on."""
    assert laser(f"{asked}\n".encode()) == f"{answer}\n".encode()


@pytest.mark.parametrize(
    ("command", "execution", "error"),
    [
        ("SILD 61", 1, 0),
        ("TEMP 90", 1, 0),
        ("SILD", 0, 5),
        ("SILD x", 0, 9),
        ("SILD 1_0", 0, 9),
        ("SILD nan", 1, 0),
        ("LDON MAYBE", 0, 14),
        ("RILD 3", 0, 4),
        ("CALP?", 0, 3),
        ("FOO?", 0, 2),
        ("SILD? 3", 0, 6),
    ],
)
def test_errors_are_told_once(laser: Callable[..., bytes], command: str, execution: int, error: int) -> None:
    """What is refused changes nothing and answers nothing; reading a code clears it."""
    assert laser(f"{command}\n".encode()) == b""
    assert laser(b"SILD?;LDON?\n") == b"30\nOFF\n"
    assert laser(b"LEXE?;LCME?\n") == f"{execution}\n{error}\n".encode()
    assert laser(b"LEXE?;LCME?\n") == b"0\n0\n"
    laser(f"{command}\n*CLS\n".encode())
    assert laser(b"LEXE?;LCME?\n") == b"0\n0\n"  # cleared without being read


def test_a_limit_drags_the_current_down(laser: Callable[..., bytes]) -> None:
    """And so does the smaller range: 250 mA."""
    laser(b"SILM 500\nSILD 400\nRNGE LOW\n")
    assert laser(b"SILM?;SILD?\n") == b"250\n250\n"
    laser(b"SILM 20\n")
    assert laser(b"SILD?\n") == b"20\n"


def test_light_and_photodiode_follow_the_current(laser: Callable[..., bytes], world: World) -> None:
    """20 mA above threshold make 1 mW and 10 uA of photocurrent, and the transmitter's light; 10 mA half of each."""
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    assert laser(b"RWPD?\n", SECOND) == b"0\n"
    laser(b"LDON ON\n", SECOND)
    assert laser(b"RILD?;RWPD?;RIPD?\n", SECOND) == b"30\n1\n10\n"
    laser(b"SILD 20\n", 2 * SECOND)
    assert laser(b"RILD?;RWPD?;RIPD?\n", 2 * SECOND) == b"20\n0.5\n5\n"
    assert world.beside.current_a("ldc500") == pytest.approx(0.02)


def test_constant_power_follows_its_set_point(laser: Callable[..., bytes]) -> None:
    """1.5 mW take 30 mA above the threshold of 10 mA; a photocurrent of 5 uA takes 10 mA, and no more than the limit."""
    laser(b"SMOD CP;SWPD 1.5\n")
    assert laser(b"SILD?\n") == b"40\n"
    laser(b"PDMW OFF;SIPD 5\n")
    assert laser(b"SILD?\n") == b"20\n"
    laser(b"SIPD 500\n")
    assert laser(b"SILD?\n") == b"60\n"


def test_the_stage_relaxes(laser: Callable[..., bytes]) -> None:
    """Two seconds of time constant: 1 - 1/e of 5 K after them; without the cooler to ambient."""
    laser(b"TEMP 30\n", SECOND)
    assert float(laser(b"TTRD?\n", 3 * SECOND)) == pytest.approx(25.0 + 5.0 * (1.0 - 0.36788), abs=1e-3)
    laser(b"TEON 0\n", 100 * SECOND)
    assert float(laser(b"TTRD?\n", 200 * SECOND)) == pytest.approx(22.0, abs=1e-3)
