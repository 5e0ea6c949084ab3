"""Devices beside a path act on the same light and detectors: laser drivers, control units, taggers, power outlets."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from hil.bench import load
from hil.bench.model import Bench, DetectorDevice, LaserDevice, PowerOutletDevice, TimeTaggerDevice
from hil.device_sims.world.world import World
from hil.errors import UsageError
from hil.physics.pair_prediction import pair_counts_hz

SECOND = 1_000_000_000
SIGMAS = 4.9


def _bench(name: str = "metro-25km", **devices: Any) -> Bench:
    bench = load(name)
    return replace(bench, device={**bench.device, **devices})


def _laser(**settings: Any) -> LaserDevice:
    return LaserDevice(driver="x", **{"drives": "alice", "current_a": 0.03, "threshold_a": 0.01, "limit_a": 0.06, **settings})


def _lit(bench: Bench, seed: int = 3) -> World:
    world = World(bench, seed)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    return world


def _counted(world: World, from_s: float, duration_s: float = 0.05) -> int:
    start = round(from_s * SECOND)
    world.start_block("bob", start)
    return int(world.stop_block("bob", start + round(duration_s * SECOND)).index.size)


def test_no_light_without_its_laser_and_the_declared_light_at_its_operating_point() -> None:
    """Dark counts alone while it does not lase; the very clicks of a bench without laser driver once it does."""
    world, plain = _lit(_bench(pump=_laser())), _lit(_bench())
    assert _counted(world, 0.0) < 60  # 4 detectors of 60 cps for 50 ms
    assert world.tap_power_w("meter", SECOND) == 0.0
    world.beside.set_lasing("pump", 2 * SECOND, lasing=True)
    assert world.tap_power_w("meter", 2 * SECOND) == plain.tap_power_w("meter", 2 * SECOND)
    assert _counted(world, 3.0) == _counted(plain, 3.0)


def test_light_follows_the_current_above_its_threshold() -> None:
    """At 20 mA, half as far above a threshold of 10 mA as at 30 mA, half the power and half the photons arrive."""
    world, plain = _lit(_bench(pump=_laser())), _lit(_bench())
    world.beside.set_lasing("pump", 0, lasing=True)
    world.beside.set_current_a("pump", 0.02, 1)
    assert world.tap_power_w("meter", SECOND) == pytest.approx(plain.tap_power_w("meter", SECOND) / 2.0)
    # an offered rate r gives r / (1 + r / 4 * 50 ns) or so behind four detectors with dead time; darks and afterpulses are 1 %
    half, full = _counted(world, 2.0, 0.2), _counted(plain, 2.0, 0.2)
    offered = [count / (1.0 - count / 0.2 / 2.6 * 50e-9) for count in (half, full)]
    assert offered[0] / offered[1] == pytest.approx(0.5, rel=0.02)
    world.beside.set_current_a("pump", 0.008, 3 * SECOND)
    assert world.tap_power_w("meter", 4 * SECOND) == 0.0


def test_pairs_follow_their_pump() -> None:
    """Half the light of a pump, half the pairs: clicks are what the closed form says of half as many."""
    pump = _laser(drives="source")
    bench = _bench("entangled-metro", pump=pump)
    world = World(bench, 4)
    for receiver in ("alice", "bob"):
        world.set_biased(receiver, 0, biased=True)
    world.set_emitting("source", 0, emitting=True)
    world.beside.set_lasing("pump", 0, lasing=True)
    world.beside.set_current_a("pump", 0.02, 1)
    declared = bench.device["source"]
    half = replace(bench, device={**bench.device, "source": replace(declared, mean_pairs=declared.mean_pairs / 2.0)})
    expected = sum(rate_hz for name, rate_hz in pair_counts_hz(half, next(iter(half.link))).items() if name.startswith("bob."))
    before = sum(world.counters("bob", 10 * SECOND).counts)
    counted = sum(world.counters("bob", 20 * SECOND).counts) - before
    assert abs(counted - 10.0 * expected) < SIGMAS * math.sqrt(1.1 * 10.0 * expected)


def test_a_detector_clicks_while_its_control_unit_gives_it_its_bias() -> None:
    """The other three are not touched, and its own counter shows the same."""
    unit = DetectorDevice(driver="x", of="bob", channel="z1")
    world = _lit(_bench(spd=unit))
    counts = [world.counters("bob", second * SECOND).counts for second in (0, 1)]
    assert counts[1][1] == counts[0][1] == world.beside.clicks("spd", SECOND) == 0
    assert min(counts[1][number] for number in (0, 2, 3)) > 1000
    world.beside.set_biased("spd", SECOND, biased=True)
    assert world.beside.clicks("spd", 2 * SECOND) == world.counters("bob", 2 * SECOND).counts[1] > 1000


def test_tagger_counts_singles_and_the_coincidences_of_pairs() -> None:
    """Coincidences of key-basis detectors of entangled pairs, within 5 sigma of sampled blocks compared pulse by pulse."""
    inputs = ("alice.z0", "bob.z0", "bob.z1")
    bench = _bench("entangled-metro", tagger=TimeTaggerDevice(driver="x", inputs=inputs, window_s=1e-9))
    world = World(bench, 4)
    for receiver in ("alice", "bob"):
        world.set_biased(receiver, 0, biased=True)
    world.set_emitting("source", 0, emitting=True)
    singles = world.beside.singles("tagger", SECOND)
    assert singles == (
        world.counters("alice", SECOND).counts[0],
        *world.counters("bob", SECOND).counts[:2],
    )
    right, wrong = world.beside.coincidences("tagger", [(0, 1), (0, 2)], SECOND, 3 * SECOND)
    for receiver in ("alice", "bob"):
        world.start_block(receiver, SECOND)
    of_a, of_b = (world.stop_block(receiver, 3 * SECOND) for receiver in ("alice", "bob"))
    mine = set(of_a.index[of_a.detector == 0].tolist())
    same = len(mine & set(of_b.index[of_b.detector == 0].tolist()))
    assert abs(right - same) < SIGMAS * math.sqrt(2.0 * same) + 1.0
    assert right > 20 * wrong


def test_an_outlet_takes_the_light_of_what_it_feeds() -> None:
    """Without power a transmitter is dark; with power again it waits to be switched on, as after power-up."""
    world = _lit(_bench(pdu=PowerOutletDevice(driver="x", feeds=("alice",))))
    heard: list[tuple[str, bool]] = []
    world.beside.watch_power(lambda device, on: heard.append((device, on)))
    world.beside.set_powered("pdu", SECOND, powered=False)
    assert not world.emitting("alice")
    assert not world.beside.has_power("alice")
    world.beside.set_powered("pdu", 2 * SECOND, powered=False)
    world.beside.set_powered("pdu", 3 * SECOND, powered=True)
    assert not world.emitting("alice")
    assert heard == [("alice", False), ("alice", True)]


def test_settings_that_are_not_there() -> None:
    """A device of another role, and a setting nobody has."""
    world = World(_bench(pump=_laser()), 1)
    with pytest.raises(UsageError, match="not a laser"):
        world.beside.lasing("voa")
    with pytest.raises(UsageError, match="no setting 'height'"):
        world.change("pump", "height", 1.0, 0)


def test_light_follows_the_temperature_of_its_laser_off_the_filter() -> None:
    """4.44 K off its set point are 0.4 nm at 0.09 nm a kelvin, half the width of the filter: half of the photons pass."""
    world, plain = _lit(_bench(pump=_laser(setpoint_c=25.0))), _lit(_bench())
    world.beside.set_lasing("pump", 0, lasing=True)
    world.set_setpoint_c("pump", 25.0 + 0.4 / 0.09, 1)
    assert world.tap_power_w("meter", SECOND) == plain.tap_power_w("meter", SECOND)  # the pilot is filtered by nobody
    half, full = _counted(world, 2.0, 0.2), _counted(plain, 2.0, 0.2)
    # dead time lets the brighter link count 4 % less of its light
    assert 0.5 < half / full < 0.54
