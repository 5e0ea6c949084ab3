"""Without its synchronisation signal a receiver counts, but cannot tell what belongs to which pulse."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from msgspec.structs import replace

from hil.bench import load
from hil.device_sims.world.world import World
from hil.errors import SynchronisationError, UsageError
from hil.pipeline.pulse_track import track_pulses

if TYPE_CHECKING:
    from hil.bench.model import Bench

MS = 1_000_000
SECOND = 1000 * MS


def _world(name: str = "metro-25km", **bob: Any) -> World:
    bench: Bench = load(name)
    bench = replace(bench, device={**bench.device, "bob": replace(bench.device["bob"], **bob)})
    world = World(bench, 11)
    pairs = "source" in bench.device
    world.set_emitting("source" if pairs else "alice", 0, emitting=True)
    for device in ("alice", "bob")[0 if pairs else 1 :]:
        world.set_biased(device, 0, biased=True)
    return world


def _block(world: World, from_ns: int, to_ns: int) -> Any:
    world.start_block("bob", from_ns)
    return world.stop_block("bob", to_ns)


@pytest.mark.parametrize("name", ["metro-25km", "entangled-metro"])
def test_clicks_are_counted_and_lost(name: str) -> None:
    """In the 10 ms without signal every click of the same seed is counted and said to be lost; those around it are the same."""
    quiet, whole = _world(name), _block(_world(name), 0, 30 * MS)
    quiet.start_block("bob", 0)
    quiet.inject("bob", "sync_signal", 0.0, 10 * MS)
    quiet.inject("bob", "sync_signal", 1.0, 20 * MS)
    records = quiet.stop_block("bob", 30 * MS)
    rate_hz = quiet.scene("bob").pulses.rate_hz
    first, end = (round(ms * 1e-3 * rate_hz) for ms in (10, 20))
    before, after = whole.index < first, whole.index >= end
    assert records.lost > 0
    assert records.index.size + records.lost == sum(quiet.counters("bob", 30 * MS).counts)
    if name == "metro-25km":  # its light has draws of its own in each state's windows
        assert np.array_equal(records.index[records.index < first], whole.index[before])
        assert records.lost == pytest.approx(whole.index.size - before.sum() - after.sum(), rel=0.05)


def test_tags_have_no_period() -> None:
    """With the signal clicks of 50 ms show the pulses; without, they show none, and their number is the same."""
    world = _world(timing="tags", jitter_sigma_s=5e-11, tick_s=1.25e-10)
    seen = []
    for number, strength in enumerate((1.0, 0.0, 1.0)):
        world.inject("bob", "sync_signal", strength, (2 * number) * 50 * MS)
        _block(world, (2 * number) * 50 * MS, (2 * number + 1) * 50 * MS)
        tags = world.last_tags("bob")
        assert tags is not None
        seen.append(tags)
    periods = Fraction(1, 8)
    for tags in (seen[0], seen[2]):
        assert track_pulses(tags.ticks, tags.first, periods).coherence > 0.9
    with pytest.raises(SynchronisationError, match="no period"):
        track_pulses(seen[1].ticks, seen[1].first, periods)
    assert seen[1].ticks.size == pytest.approx(seen[0].ticks.size, rel=0.02)
    assert bool((np.diff(seen[1].ticks) >= 0).all())


@pytest.mark.parametrize("name", ["metro-25km", "entangled-metro"])
def test_closed_forms_follow(name: str) -> None:
    """Counters go on as before; the log has no QBER and is down, and a black box makes no key and sifts nothing."""
    world = _world(name)
    world.inject("bob", "sync_signal", 0.0, 120 * SECOND)
    world.inject("bob", "sync_signal", 1.0, 240 * SECOND)
    log = world.history("bob", 0.0, 360.0, 360 * SECOND)
    assert log.up.tolist() == [True, True, False, False, True, True]
    assert np.isnan(log.qber_ratio).tolist() == [False, False, True, True, False, False]
    assert log.counts_hz == pytest.approx(float(log.counts_hz[0]), rel=0.01)
    if name == "metro-25km":
        made = [len(world.take_keys("bob", minute * 60 * SECOND)) for minute in (2, 4, 6)]
        assert made[0] > 0
        assert made[1] == 0
        assert made[2] == pytest.approx(made[0], rel=0.01)
        dead = World(world.bench, 11)
        dead.set_emitting("alice", 0, emitting=True)
        dead.set_biased("bob", 0, biased=True)
        dead.inject("bob", "sync_signal", 0.2, 0)
        told = dead.telemetry("bob", 2 * SECOND)
        assert (told.qber_ratio, told.key_rate_bps, told.sifted_bits) == (None, 0.0, 0)
        assert told.counts_hz > 1e6


def test_a_signal_of_full_strength_changes_nothing() -> None:
    """The very clicks of a bench into which nothing was injected; more than it is impossible."""
    told = _world()
    told.inject("bob", "sync_signal", 1.0, 0)
    one, other = _block(told, MS, 20 * MS), _block(_world(), MS, 20 * MS)
    assert np.array_equal(one.index, other.index)
    assert one.lost == other.lost == 0
    with pytest.raises(UsageError, match="0 to 1"):
        told.inject("bob", "sync_signal", 1.5, 30 * MS)
