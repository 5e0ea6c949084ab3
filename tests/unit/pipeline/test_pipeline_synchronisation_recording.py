"""Synchronising and pairing the recorded photon pairs: the counts published beside the file, however Bob's clock ran.

The file is not part of the project; without it these tests skip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil.pipeline.coincidences import pair_events
from hil.pipeline.synchronisation import synchronise

FILE = Path(__file__).parents[4] / "shared" / "data" / "photon_pairs.txt"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the recorded pairs are not beside this checkout")

# ../shared/data/README.md, counted independently of this project: all pairs with Bob - Alice from -3 to +5 bins
MATRIX = [[279, 1, 0, 2], [0, 341, 1, 0], [0, 0, 95, 0], [0, 0, 0, 59]]
WINDOW_TICKS = 4


@pytest.fixture(scope="module")
def recorded():
    """(Alice's ticks, her channels, Bob's ticks, his channels)."""
    channel, ticks = np.loadtxt(FILE, dtype=np.int64).T
    hers = channel < 4
    return ticks[hers], channel[hers].astype(np.uint8), ticks[~hers], channel[~hers] - 4


def _matrix(recorded, bob):
    alice, her_channel, _, his_channel = recorded
    found = synchronise(alice, bob, alice_channel=her_channel)
    pairs = pair_events(alice, found.clock.to_alice(bob), WINDOW_TICKS)
    matrix = np.zeros((4, 4), int)
    np.add.at(matrix, (her_channel[pairs.alice], his_channel[pairs.bob]), 1)
    return found, matrix.tolist()


def test_the_peak_and_the_matrix_are_the_published_ones(recorded):
    """The peak is at Bob = Alice + 1, and four bins to either side hold the published matrix."""
    found, matrix = _matrix(recorded, recorded[2])
    assert (found.clock.delay_ticks, found.clock.rate) == (1.0, 0.0)
    assert matrix == MATRIX
    assert found.significance > 50


def test_the_histogram_is_a_brute_force_one(recorded):
    """Differences of all events of a tenth of the file, subtracted all from all, are the histogram of that tenth."""
    alice, _, bob, _ = recorded
    alice, bob = alice[alice < 12_000_000], bob[bob < 12_000_000]
    found = synchronise(alice, bob)
    differences = bob[None, :] - alice[:, None]
    assert found.clock.rate == 0.0
    expected = [np.count_nonzero(differences == lag + found.clock.delay_ticks) for lag in found.lags_ticks]
    assert found.counts.tolist() == expected


def test_the_other_structures_are_seen_where_they_are(recorded):
    """The published side structures, about -17 bins and near +20, are in the histogram and are not the peak."""
    found, _ = _matrix(recorded, recorded[2])
    at = {int(lag) + 1: int(number) for lag, number in zip(found.lags_ticks, found.counts, strict=True)}
    assert at[1] == max(at.values()) == 166  # counted with awk over the sorted file
    assert sum(at[lag] for lag in range(-19, -14)) > 3 * sum(at[lag] for lag in range(-30, -25))
    assert sum(at[lag] for lag in range(19, 24)) > 3 * sum(at[lag] for lag in range(29, 34))


@pytest.mark.parametrize("shift", [0, 10**6, -(10**6), 98_765_432])
@pytest.mark.parametrize("rate", [5e-6, -5e-6, 20e-6, 0.0])
def test_a_shifted_and_stretched_clock_gives_the_same_matrix(recorded, shift, rate):
    """Bob's times stretched and rounded, then shifted."""
    bob = np.round(recorded[2] * (1 + rate)).astype(np.int64) + shift
    found, matrix = _matrix(recorded, bob)
    assert (found.clock.rate, found.clock.delay_ticks) == (rate, shift + 1)
    assert matrix == MATRIX


@pytest.mark.parametrize("rate", [5e-6, -5e-6])
def test_shifted_first_and_then_stretched(recorded, rate):
    """The order in which a clock is shifted and stretched does not matter."""
    bob = np.round((recorded[2] + 10**6) * (1 + rate)).astype(np.int64)
    assert _matrix(recorded, bob)[1] == MATRIX


@pytest.mark.parametrize("rate", [5e-6, -5e-6, 20e-6])
def test_a_clock_that_cuts_off_gives_the_same_matrix(recorded, rate):
    """A tagger that cuts off instead of rounding is half a tick late."""
    bob = np.floor(recorded[2] * (1 + rate)).astype(np.int64) + 10**6
    found, matrix = _matrix(recorded, bob)
    assert found.clock.delay_ticks == 10**6 + 0.5
    assert matrix == MATRIX


def test_rates_of_two_decimals_give_the_same_matrix(recorded):
    """Any rate of hundredths of a ppm, drawn over +-20 ppm, with any whole delay: twenty of twenty."""
    random = np.random.default_rng(20)
    for _ in range(20):
        rate, shift = int(random.integers(-2000, 2001)) * 1e-8, int(random.integers(-(10**6), 10**6))
        bob = np.round(recorded[2] * (1 + rate)).astype(np.int64) + shift
        assert _matrix(recorded, bob)[1] == MATRIX


def test_any_other_clock_moves_few_pairs_over_the_edge(recorded):
    """A rate and a delay of many decimals cannot be known to the last tick: nine pairs in ten stay, none changes its kind."""
    random = np.random.default_rng(21)
    for _ in range(10):
        rate, delay = random.uniform(-20e-6, 20e-6), random.uniform(-1e6, 1e6)
        matrix = np.array(_matrix(recorded, np.round(recorded[2] * (1 + rate) + delay).astype(np.int64))[1])
        assert np.abs(matrix - MATRIX).sum() < 78
        assert matrix.sum() - np.trace(matrix) <= 8
