"""How fast the simulated world samples a 1 GHz decoy-state link: times real time, pulses, clicks, and beside a dense draw.

Dead time 50 ns, 1 % of afterpulses, 50 ps of jitter; through the world's own blocks. ``numba`` is used where it is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.device_sims.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000
PULSES_PER_S = 1e9
OPERATING_LOSS_DB = 20.0
WANTED = {"10db": 1.0, "20db": 10.0, "30db": 100.0}


def world_at(loss_db: float) -> World:
    """metro-25km with this loss from transmitter to click."""
    bench = load("metro-25km")
    less_db = OPERATING_LOSS_DB - loss_db
    voa, bob, link = bench.device["voa"], bench.device["bob"], bench.link["metro"]
    voa = msgspec.structs.replace(voa, attenuation_db=3.0 - min(less_db, 3.0))
    fibre = msgspec.structs.replace(link.fibre, length_km=25.0 - min(max(less_db - 3.0, 0.0), 5.0) / 0.2)
    bob = msgspec.structs.replace(bob, insertion_loss_db=3.81 - max(less_db - 8.0, 0.0), jitter_sigma_s=5e-11)
    link = msgspec.structs.replace(link, fibre=fibre)
    bench = msgspec.structs.replace(bench, device={**bench.device, "voa": voa, "bob": bob}, link={"metro": link})
    world = World(bench, seed=3)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    world.start_block("bob", 0)
    world.stop_block("bob", SECOND // 1000)
    return world


@pytest.mark.parametrize(("variant", "live_s"), [("10db", 0.125), ("20db", 1.0), ("30db", 8.0)])
def test_realtime_factor(
    figure: Callable[..., None],
    seconds: Callable[..., list[float]],
    monkeypatch: pytest.MonkeyPatch,
    variant: str,
    live_s: float,
) -> None:
    """Seconds of a live link sampled in a second of one core; the clicks are as many as the loss lets through."""
    if _numba_installed():
        monkeypatch.setenv("HIL_ENGINE", "numba")
    loss_db = float(variant.removesuffix("db"))
    world, starts, counts = world_at(loss_db), iter(range(1, 1000)), []

    def block() -> None:
        start_ns = round(next(starts) * live_s * SECOND)
        world.start_block("bob", start_ns)
        counts.append(world.stop_block("bob", start_ns + round(live_s * SECOND)).index.size)

    taken = seconds(block, rounds=5)
    figure(f"world.realtime_factor.{variant}", [live_s / each for each in taken], "x real time", peer="required",
           peer_value=WANTED[variant])  # fmt: skip
    offered = PULSES_PER_S * live_s * (0.4 * 0.55 + 0.4 * 0.25 + 0.2 * 2e-4) * 10 ** (-loss_db / 10)
    assert 0.4 * offered < counts[-1] < 1.02 * offered
    if variant == "20db":
        figure("world.pulses_per_s", [PULSES_PER_S * live_s / each for each in taken], "pulses/s")
        figure("world.clicks_per_s", [counts[-1] / each for each in taken], "clicks/s")


def test_against_a_dense_draw(
    figure: Callable[..., None], seconds: Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A numpy draw of every pulse (setting, photons of a detection, detector), without dead time, at 20 dB."""
    if _numba_installed():
        monkeypatch.setenv("HIL_ENGINE", "numba")
    world, rng, pulses = world_at(20.0), np.random.default_rng(1), 1 << 22
    mean = np.array([0.55, 0.25, 2e-4]) * 0.01
    starts, seen = iter(range(1, 1000)), []

    def dense() -> None:
        intensity = rng.choice(3, pulses, p=[0.4, 0.4, 0.2])
        index = np.flatnonzero(rng.random(pulses) < -np.expm1(-mean)[intensity])
        seen.append((index, rng.integers(0, 4, index.size)))

    def sparse() -> None:
        start_ns = next(starts) * SECOND
        world.start_block("bob", start_ns)
        world.stop_block("bob", start_ns + SECOND)

    slow = [pulses / each for each in seconds(dense, rounds=3)]
    fast = [PULSES_PER_S / each for each in seconds(sparse, rounds=3)]
    version = np.__version__
    figure("world.vs_dense_numpy", fast, "pulses/s", peer=f"dense draw, numpy {version}", peer_runs=slow)
    assert abs(seen[-1][0].size / (pulses * 0.0032) - 1) < 0.05


def _numba_installed() -> bool:
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True
