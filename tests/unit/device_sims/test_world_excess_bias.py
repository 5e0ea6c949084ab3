"""Bias and cooler of a detector's control unit: efficiency and dark counts follow, and the other detectors do not."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from hil.bench import load
from hil.bench.model import DetectorDevice, ReceiverDevice
from hil.device_sims.world.world import World
from hil.physics.prediction import detector_counts_hz

SECOND = 1_000_000_000
SIGMAS = 4.9
"""One false alarm in a million."""


def _world(unit: DetectorDevice, **bob: object) -> World:
    bench = load("metro-25km")
    bench = replace(bench, device={**bench.device, "spd": unit, "bob": replace(bench.device["bob"], **bob)})
    world = World(bench, 5)
    world.set_biased("bob", 0, biased=True)
    world.beside.set_biased("spd", 0, biased=True)
    return world


def _block(world: World, at_s: int, length_s: float) -> list[int]:
    """Clicks of each detector in a sampled block."""
    world.start_block("bob", at_s * SECOND)
    records = world.stop_block("bob", at_s * SECOND + round(length_s * SECOND))
    return [int((records.detector == number).sum()) for number in range(4)]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.2])
def test_efficiency_follows_the_excess_bias(share: float) -> None:
    """Of 210 V, 189 V are breakdown: that share of the 21 V above it counts what a detector of so much efficiency does."""
    world = _world(DetectorDevice(driver="x", of="bob", channel="z1", bias_v=210.0), afterpulse_probability=0.0)
    world.set_emitting("alice", 0, emitting=True)
    world.beside.set_bias_v("spd", 189.0 + share * 21.0, 0)
    declared = world.bench.device["bob"]
    assert isinstance(declared, ReceiverDevice)
    at_share = replace(declared, efficiency=0.2 * share + 1e-12, dark_count_rate_hz=60.0 * share)
    expected_hz = {}
    for device, names in ((at_share, ("z1",)), (declared, ("z0", "x0", "x1"))):
        bench = replace(world.bench, device={**world.bench.device, "bob": device})
        expected_hz |= {name: detector_counts_hz(bench, "metro")[name] for name in names}
    counted = _block(world, 0, 0.1)
    between = [after - before for after, before in zip(world.counters("bob", 3 * SECOND).counts, counted, strict=True)]
    for number, name in enumerate(("z0", "z1", "x0", "x1")):
        for count, length_s in ((counted[number], 0.1), (between[number], 2.9)):
            mean = expected_hz[name] * length_s
            assert abs(count - mean) <= SIGMAS * math.sqrt(mean), name


def test_a_warmer_detector_is_noisier() -> None:
    """10 K more double its dark counts, as declared, in blocks and between them; 1 % more would show."""
    world = _world(
        DetectorDevice(driver="x", of="bob", channel="z1", setpoint_c=-40.0),
        dark_count_rate_hz=1e6,
        dead_time_s=0.0,
        afterpulse_probability=0.0,
    )
    world.beside.cool("spd", -30.0, 0)
    for counts, length_s in ((_block(world, 0, 0.5), 0.5), (world.counters("bob", 2 * SECOND).counts, 2.0)):
        assert abs(counts[1] - 2e6 * length_s) < SIGMAS * math.sqrt(2e6 * length_s)
        assert abs(counts[0] - 1e6 * length_s) < SIGMAS * math.sqrt(1e6 * length_s)
        assert SIGMAS * math.sqrt(2e6 * length_s) < 0.01 * 2e6 * length_s
