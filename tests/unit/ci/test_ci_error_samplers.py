"""Blocks as they are drawn for error rates, against the simulated world and against closed forms."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.ci._error_samplers import Wander, dark_gates, key_rates, limit_of_times, qber_blocks, round_trips
from hil.device_sims.world.world import World
from hil.seeds import stream
from hil.statistics.counts import fano_factor

NONE = Wander(0.0, 1.0)
GATES, GATE_S = 800, 0.5


def test_dark_gates_are_the_worlds() -> None:
    """Mean and Fano factor of 400 s in the dark, 90 primary counts a second, afterpulses of 10 %: (1 + P) / (1 - P) = 1.22.

    The mean within 4.9 standard errors of each other; Fano factors of 800 gates have a standard error of sqrt(2 / 800) = 5 %.
    """
    bench = load("metro-25km")
    bob = msgspec.structs.replace(bench.device["bob"], dark_count_rate_hz=90.0, afterpulse_probability=0.1)
    world = World(msgspec.structs.replace(bench, device=dict(bench.device) | {"bob": bob}), 5)
    world.set_biased("bob", 0, biased=True)
    step_ns = round(GATE_S * 1e9)
    looks = [world.counters("bob", gate * step_ns).counts[0] for gate in range(GATES + 1)]
    of_world = np.diff(np.array(looks, dtype=np.int64))
    drawn, _ = dark_gates(stream(4, "dark"), (1, GATES), GATE_S, rate_hz=100.0, afterpulse=0.1, wander=NONE)
    error = np.sqrt((of_world.var() + drawn.var()) / GATES)
    assert abs(of_world.mean() - drawn.mean()) < 4.9 * error
    for counts in (of_world, drawn[0]):
        assert fano_factor(counts) == pytest.approx(1.1 / 0.9, rel=0.25)


def test_qber_blocks_have_the_rate_they_are_given() -> None:
    """Over a million bits, afterpulses included; and they do not make errors come together."""
    errors, truth = qber_blocks(stream(4, "qber"), (40, 500), 50, qber=0.02, afterpulse=0.02, wander=NONE)
    assert errors.mean() / 50 == pytest.approx(0.02, abs=4.9 * np.sqrt(0.02 / 1e6))
    assert errors.var() / errors.mean() == pytest.approx(0.98, abs=0.06)
    assert truth == pytest.approx(0.02)
    with pytest.raises(ValueError, match="afterpulses alone"):
        qber_blocks(stream(4, "qber"), (1, 1), 50, qber=0.02, afterpulse=0.1, wander=NONE)


def test_drift_wanders_as_declared() -> None:
    """Root mean square, and a correlation of 1/e after that many blocks."""
    path = Wander(0.1, 10.0).draw(stream(4, "wander"), 4000, 21)
    assert path.std() == pytest.approx(0.1, rel=0.05)
    assert np.corrcoef(path[:, 5], path[:, 15])[0, 1] == pytest.approx(np.exp(-1.0), abs=0.08)


def test_key_rates_spread_as_declared() -> None:
    rates, truth = key_rates(stream(4, "key"), (200, 50), 0.01, NONE)
    assert rates.std() == pytest.approx(0.01, rel=0.06)
    assert truth == pytest.approx(1.0)


def test_limit_of_times_is_their_percentile() -> None:
    """5 % of 80,000 times are slower, within 4.9 standard errors of as many in pairs."""
    wander = Wander(0.03, 10.0)
    times = round_trips(stream(4, "times"), (400, 10), 20, wander)
    assert (times >= limit_of_times(0.95, wander)).mean() == pytest.approx(0.05, abs=4.9 * np.sqrt(0.05 * 2 / 8e4))
