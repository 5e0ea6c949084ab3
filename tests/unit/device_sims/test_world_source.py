"""Settings of pulses: frequencies, independence, and being a pure function of the index."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hil.bench import load
from hil.device_sims.world.source import PulseClock
from hil.device_sims.world.world import World

PULSES = 600_000


@pytest.fixture(scope="module")
def world() -> World:
    """The world of the shipped bench: intensities 0.4, 0.4, 0.2, key basis 0.83."""
    return World(load("metro-25km"), seed=11)


def test_settings_have_their_declared_frequencies(world: World) -> None:
    """Intensity, basis and bit together occur as the product of their probabilities (chi-square at five sigma)."""
    got = world.prepare("alice", np.arange(10**12, 10**12 + PULSES))
    counts = np.bincount(got.intensity * 4 + got.basis * 2 + got.bit, minlength=12)
    expected = np.outer([0.4, 0.4, 0.2], np.outer([0.83, 0.17], [0.5, 0.5]).ravel()).ravel() * PULSES
    assert stats.chisquare(counts, expected).pvalue > 5.7e-7


def test_neighbouring_pulses_are_independent(world: World) -> None:
    """The joint setting of a pulse says nothing about the next one (chi-square of the pairs at five sigma)."""
    got = world.prepare("alice", np.arange(PULSES))
    code = (got.intensity * 4 + got.basis * 2 + got.bit).astype(np.int64)
    pairs = np.zeros((12, 12))
    np.add.at(pairs, (code[:-1:2], code[1::2]), 1)
    assert stats.chi2_contingency(pairs).pvalue > 5.7e-7


def test_a_setting_depends_on_seed_and_index_alone(world: World) -> None:
    """Asked in another order, alone or in another world of the same seed, a pulse has the same setting; of another seed not."""
    index = np.array([5, 10**15, 7, 5], dtype=np.int64)
    together = world.prepare("alice", index)
    other = World(load("metro-25km"), seed=11)
    alone = [other.prepare("alice", index[[position]]) for position in (3, 2, 1, 0)][::-1]
    for part in ("basis", "bit", "intensity"):
        assert [int(getattr(one, part)[0]) for one in alone] == getattr(together, part).tolist()
    many = np.arange(1000)
    other.reset(12)
    assert (world.prepare("alice", many).bit != other.prepare("alice", many).bit).mean() == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("rate_hz", [1e9, 1.25e9, 156.25e6, 3.0])
def test_pulse_clock_is_exact(rate_hz: float) -> None:
    """The pulse at a time is the first that leaves at or after it, in integer arithmetic at any rate and age."""
    clock = PulseClock(rate_hz)
    for now_ns in (0, 1, 999_999_999, 30 * 86_400 * 10**9 + 1):
        index = clock.index_at(now_ns)
        period = (10**9 * 4, int(rate_hz * 4))
        assert index * period[0] >= now_ns * period[1] > (index - 1) * period[0]
