"""Detectors that age, sampled and between blocks, against the closed form at five sigma."""

from __future__ import annotations

from math import exp, sqrt

import msgspec
import pytest

from hil.bench import load
from hil.device_sims.world.world import World
from hil.physics.ageing import aged

HOUR = 3_600 * 10**9
SECOND = 10**9
FLAWLESS = {"dead_time_s": 0.0, "afterpulse_probability": 0.0, "insertion_loss_db": 0.0, "misalignment_per_k": 0.0}


def old_world(*, lit: bool) -> World:
    bench = load("metro-25km")
    bob = msgspec.structs.replace(
        bench.device["bob"],
        dark_count_rate_hz=0.0 if lit else 1e5,
        efficiency=1e-3,
        actual={"efficiency_ageing": 0.02, "dark_count_ageing": 0.05},
        **FLAWLESS,
    )
    link = msgspec.structs.replace(bench.link["metro"], path=(), fibre=None)
    world = World(msgspec.structs.replace(bench, device=dict(bench.device) | {"bob": bob}, link={"metro": link}), seed=5)
    world.set_emitting("alice", 0, emitting=lit)
    world.set_biased("bob", 0, biased=True)
    return world


@pytest.mark.parametrize("lit", [True, False])
@pytest.mark.parametrize("age_h", [0, 5_000, 20_000])
def test_counts_follow_the_age(lit: bool, age_h: int) -> None:
    """Efficiency loses 2 %, dark counts gain 5 % in 1000 hours: in a block and in the counters between blocks."""
    world = old_world(lit=lit)
    world.start_block("bob", age_h * HOUR)
    sampled = world.stop_block("bob", age_h * HOUR + 5 * SECOND).index.size
    before = sum(world.counters("bob", age_h * HOUR + 5 * SECOND).counts)
    counted = sum(world.counters("bob", age_h * HOUR + 10 * SECOND).counts) - before
    light = 1e9 * sum(p * (1.0 - exp(-1e-3 * mu)) for p, mu in zip((0.4, 0.4, 0.2), (0.55, 0.25, 2e-4), strict=True))
    expected = 5.0 * (aged(light, -0.02, age_h) if lit else aged(4e5, 0.05, age_h))
    # between blocks the age is taken to the day, a thousandth; light is split over detectors, a two-thousandth
    for count in (sampled, counted):
        assert abs(count - expected) <= 5.0 * sqrt(expected) + 2e-3 * expected
