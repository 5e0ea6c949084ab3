"""A bench that was moved very often answers as one that was not, and no look goes through all that was."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.device_sims.world.thermal import Stage
from hil.device_sims.world.timeline import Timeline
from hil.device_sims.world.world import World

SECOND = 1_000_000_000
MOVES = 2_000


def test_looks_after_thousands_of_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """One a second, every fifth of them takes the bias for a second; a look each 10 s goes through what is new and no more."""
    longest = []
    asked = Timeline.changes_between

    def counted(self: Timeline, from_ns: int, to_ns: int) -> list[int]:
        found = asked(self, from_ns, to_ns)
        longest.append(len(found))
        return found

    monkeypatch.setattr(Timeline, "changes_between", counted)
    world = World(load("metro-25km"), 3)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    for move in range(1, MOVES + 1):
        if move % 5 < 2:
            world.set_biased("bob", move * SECOND, biased=move % 5 == 1)
        else:
            world.set_attenuation_db("voa", 3.0 + 0.1 * (move % 7), move * SECOND)
        if not move % 10:
            seen = world.counters("bob", move * SECOND + SECOND // 2)
            # off from each multiple of 5 s until the second after it
            assert seen.live_s == pytest.approx(move + 0.5 - (move // 5 - 1) - 0.5, abs=1e-9)
    assert max(longest) <= 11
    light_hz = 1e9 * 0.32 * 0.01
    assert 0.7 * light_hz < sum(seen.counts) / seen.live_s < light_hz


def test_a_clock_with_thousands_of_rates_adds_them_up() -> None:
    """It reads the sum of (1 + rate) over the seconds, exactly; asked before, in the middle and again."""
    bench = load("metro-25km")
    bob = msgspec.structs.replace(bench.device["bob"], timing="tags")
    world = World(msgspec.structs.replace(bench, device={**bench.device, "bob": bob}), 3)
    clock = world._receiver("bob").tally._clock
    assert clock is not None
    expected, rate = Fraction(0), Fraction(0)
    for second in range(MOVES):
        if second % 500 == 250:
            half = clock.reading_s(Fraction(2 * second + 1, 2))
            assert half == expected + Fraction(1, 2) * (1 + rate)
        expected += 1 + rate
        rate = Fraction(second % 9, 10**6)
        world.inject("bob", "clock_error_ppm", float(second % 9), (second + 1) * SECOND)
    assert clock.reading_s(Fraction(MOVES)) == expected
    assert clock.reading_s(Fraction(1)) == 1


def test_a_stage_with_thousands_of_aims_tells_many_times_as_each_alone() -> None:
    stage = Stage(22.0, 20.0)
    for move in range(1, MOVES):
        stage.aim(22.0 + move % 13, move * SECOND)
    times_ns = np.linspace(-1.0, 1.2 * MOVES, 257) * SECOND
    for some in (times_ns, times_ns[100:110], times_ns[:1], times_ns[-1:]):
        assert stage.temperatures_c(some) == pytest.approx([stage.temperature_c(float(one)) for one in some])
    assert stage.temperatures_c(np.empty(0)).size == 0
