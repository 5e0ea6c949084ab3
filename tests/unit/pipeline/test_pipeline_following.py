"""Clocks over minutes: found in a piece, followed from there, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hil.pipeline.coincidences import pair_events
from hil.pipeline.synchronisation import SearchLimits, synchronise

TICK_S = 1e-12
JITTER_S = 300e-12


def _minutes(seed, *, seconds, pairs_hz, others_hz, wander_s=0.0, delay_s=0.0):
    """Ticks of 1 ps of both parties; Bob's clock 3 ppm fast, swinging by ``wander_s`` to either side every 15 s."""
    random = np.random.default_rng(seed)
    common = random.uniform(0, seconds, int(seconds * pairs_hz))
    alone = [random.uniform(0, seconds, int(seconds * others_hz)) for _ in range(2)]
    hers, his = (np.concatenate([common, one]) for one in alone)
    jitter = np.concatenate([random.normal(0, JITTER_S, common.size), np.zeros(alone[1].size)])
    told = his * (1 + 3e-6) + delay_s + wander_s * np.sin(2 * np.pi * his / 15.0) + jitter
    return tuple(np.sort(np.rint(times / TICK_S).astype(np.int64)) for times in (hers, told))


def _found(events):
    found = synchronise(*events, limits=SearchLimits.for_tick(TICK_S))
    return found, pair_events(events[0], found.clock.to_alice(events[1]), 900).alice.size  # three jitters


@pytest.mark.parametrize("delay_s", [0.0, 1e-3, -7.3])
def test_an_even_clock_over_many_seconds_is_one_line(delay_s):
    """Rate within 4.5 standard errors, 99.7 % of the pairs within three jitters (99 % asked), and no wander made up."""
    events = _minutes(1, seconds=20, pairs_hz=500, others_hz=2000, delay_s=delay_s)
    found, pairs = _found(events)
    assert found.clock.wander == ()
    assert abs(found.measured_rate - 3e-6) < 4.5 * found.rate_error
    assert found.jitter_ticks == pytest.approx(JITTER_S / TICK_S, rel=0.05)
    assert pairs > 0.99 * 10_000


@pytest.mark.parametrize("delay_s", [0.0, 25.3])
def test_a_clock_that_wanders_is_followed(delay_s):
    """30 ns to either side, a hundred jitters: 98 % of the pairs are still within three jitters."""
    events = _minutes(2, seconds=40, pairs_hz=1000, others_hz=3000, wander_s=30e-9, delay_s=delay_s)
    found, pairs = _found(events)
    assert pairs > 0.98 * 40_000
    assert found.clock.wander_ticks * TICK_S == pytest.approx(60e-9, rel=0.1)
    assert found.measured_rate == pytest.approx(3e-6, abs=3e-9)  # a swing of 60 ns over 20 s


def test_aligned_times_ascend():
    """Also where the clock is followed: pairing takes ascending times."""
    events = _minutes(2, seconds=20, pairs_hz=1000, others_hz=3000, wander_s=30e-9)
    aligned = synchronise(*events, limits=SearchLimits.for_tick(TICK_S)).clock.to_alice(events[1])
    assert bool((np.diff(aligned) >= 0).all())


def test_memory_does_not_grow_with_the_square_of_the_length():
    """Two minutes of 11,000 events a second: differences of all events near the coarse peak would be 44 million, a gigabyte."""
    events = _minutes(3, seconds=120, pairs_hz=1000, others_hz=10_000)
    tracemalloc.start()
    try:
        synchronise(*events, limits=SearchLimits.for_tick(TICK_S))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 250e6


def test_few_pairs_are_found_in_a_longer_piece():
    """Fifteen pairs a second show no peak within the first; a minute of them does, and its rate is right."""
    events = _minutes(4, seconds=60, pairs_hz=15, others_hz=300)
    found, pairs = _found(events)
    assert pairs > 0.98 * 900
    assert abs(found.measured_rate - 3e-6) < 4.5 * found.rate_error
