"""How the cost of a simulated block grows with pulse rate, loss and length; ``plot_cost.py`` beside it draws it.

Each figure is in seconds of one core for a second of the link, metro-25km with another loss or pulse rate; below 1 the world is
faster than the link. Compiled loops where numba is installed, as a user has them who samples more than a moment.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from hil.bench import load
from hil.bench.model import ReceiverDevice
from hil.compiled import available
from hil.device_sims.world.world import World

STEADY_NS = 1_000_000_000
CLICKS = 3e6
DECLARED_DB = 20.0
"""From the transmitter of metro-25km to a click."""
CLICKS_HZ = 3.2e6
"""About what it clicks a second."""


@pytest.fixture(autouse=True)
def _fastest_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    if available():
        monkeypatch.setenv("HIL_ENGINE", "numba")


@pytest.mark.parametrize("loss_db", [10, 15, 20, 25, 30, 35, 40])
@pytest.mark.parametrize("rate_mhz", [100, 1000])
def test_cost_by_rate_and_loss(figure: Any, seconds: Any, rate_mhz: int, loss_db: int) -> None:
    """Blocks of about as many clicks at every loss."""
    rate_hz = CLICKS_HZ * rate_mhz / 1000 * 10 ** ((DECLARED_DB - loss_db) / 10)
    live_s = CLICKS / rate_hz
    figure(f"world.cost.rate_{rate_mhz}mhz.loss_{loss_db}db", _cost(seconds, rate_mhz, loss_db, live_s), "s per s of the link")


@pytest.mark.parametrize("length_ms", [1, 10, 100, 1000])
def test_cost_by_length(figure: Any, seconds: Any, length_ms: int) -> None:
    """The same link for a longer and longer block."""
    figure(f"world.cost.length_{length_ms}ms", _cost(seconds, 1000, 20, length_ms / 1000), "s per s of the link")


def _cost(seconds: Any, rate_mhz: int, loss_db: int, live_s: float) -> list[float]:
    bench = load("metro-25km")
    alice, bob, link = bench.device["alice"], bench.device["bob"], bench.link["metro"]
    assert isinstance(bob, ReceiverDevice)
    # all of the loss in the receiver
    optics_db = loss_db + 10.0 * math.log10(bob.efficiency)
    changed = {
        "alice": msgspec.structs.replace(alice, pulse_rate_hz=rate_mhz * 1e6),
        "bob": msgspec.structs.replace(bob, insertion_loss_db=optics_db),
    }
    dark_path = {"metro": msgspec.structs.replace(link, path=(), fibre=None)}
    world = World(msgspec.structs.replace(bench, device=bench.device | changed, link=dark_path), 1)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    at_ns = STEADY_NS

    def block() -> None:
        nonlocal at_ns
        world.start_block("bob", at_ns)
        at_ns += round(live_s * 1e9)
        assert world.stop_block("bob", at_ns).index.size > CLICKS_HZ / 2e6

    return [taken / live_s for taken in seconds(block, rounds=3)]
