"""Gates of counters: exact where one asks at their end, of the right size where one asks later, the same when asked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench import load
from hil.device_sims.instruments._gates import Gates
from hil.device_sims.world.world import World

SECOND = 1_000_000_000
SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"
DARK_HZ, SIGMAS = 500.0, 4.9


@pytest.fixture
def world():
    made = World(load(SHELF), seed=7)
    made.set_biased("bob", 0, biased=True)
    return made


def test_asked_at_its_end_a_gate_holds_what_the_world_counted(world):
    gates = Gates(world, "tdc1")
    gates.begin(SECOND)
    before = world.beside.singles("tdc1", SECOND)
    assert gates.last(2 * SECOND, SECOND) == tuple(
        now - was for now, was in zip(world.beside.singles("tdc1", 2 * SECOND), before, strict=True)
    )


def test_asked_late_it_holds_its_share_and_keeps_it(world):
    """A gate of 10 s, asked for 7 s after its end: 5000 clicks within 4.9 standard deviations, the same a second later."""
    gates = Gates(world, "tdc1")
    told = gates.last(17 * SECOND, 10 * SECOND)
    assert abs(told[1] - 10 * DARK_HZ) < SIGMAS * (10 * DARK_HZ) ** 0.5
    assert gates.last(18 * SECOND, 10 * SECOND) == told


def test_a_later_gate_is_not_made_of_earlier_clicks(world):
    """Bias goes at 10 s: the gate from 20 s on holds nothing, though thousands came before."""
    gates = Gates(world, "tdc1")
    assert gates.last(10 * SECOND, 10 * SECOND)[1] > 0
    world.set_biased("bob", 10 * SECOND, biased=False)
    assert gates.last(20 * SECOND, 10 * SECOND)[1] == 0
    assert gates.last(35 * SECOND, 10 * SECOND)[1] == 0


def test_before_the_first_has_ended_there_is_nothing(world):
    gates = Gates(world, "tdc1")
    gates.begin(SECOND)
    assert gates.last(SECOND + 1, SECOND) == (0, 0, 0, 0)
    assert gates.since_begun(3 * SECOND)[1] > 0
