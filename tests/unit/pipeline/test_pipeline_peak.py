"""Width of the peak, accidentals and other windows, against what was put in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hil.pipeline.coincidences import pair_events
from hil.pipeline.peak import accidentals, full_width_ticks, half_windows, rebinned, scan
from hil.pipeline.synchronisation import synchronise

SPAN, JITTER, PAIRS, OTHERS = 10**9, 30.0, 20_000, 60_000


@pytest.fixture(scope="module")
def events():
    """20,000 pairs with a normal jitter of 30 ticks, and 60,000 lone events of either party, over 10^9 ticks."""
    random = np.random.default_rng(31)
    common = random.uniform(0, SPAN, PAIRS)
    hers = np.concatenate([common, random.uniform(0, SPAN, OTHERS)])
    his = np.concatenate([common + random.normal(0, JITTER, PAIRS), random.uniform(0, SPAN, OTHERS)])
    return np.sort(np.rint(hers).astype(np.int64)), np.sort(np.rint(his).astype(np.int64))


def test_the_width_is_that_of_a_normal_peak(events):
    """2 sqrt(2 ln 2) jitters; 5 %: half the height is crossed where a bin has 0.1 of the pairs, known to 2 % each side."""
    assert full_width_ticks(synchronise(*events)) == pytest.approx(2 * math.sqrt(2 * math.log(2)) * JITTER, rel=0.05)


def test_a_square_peak_has_its_own_width():
    """Uniform over 101 ticks: the width of a square is its base, though its standard deviation says otherwise."""
    random = np.random.default_rng(5)
    alice = np.sort(random.integers(0, SPAN, PAIRS))
    bob = np.sort(alice + random.integers(-50, 51, PAIRS))
    assert full_width_ticks(synchronise(alice, bob)) == pytest.approx(101, abs=2 * 15)  # bins of half the deviation, 15


def test_accidentals_are_the_product_of_the_rates(events):
    """R_a R_b tau T of independent events, within five standard deviations of a Poisson count over the shifted windows."""
    half = 90
    found = accidentals(*events, half, 600)
    expected = (PAIRS + OTHERS) ** 2 / SPAN * (2 * half + 1)
    assert abs(found.in_window(half) - expected) < 5 * expected / math.sqrt(100 * expected)
    assert found.error_in_window(half) == pytest.approx(expected / math.sqrt(100 * expected), rel=0.05)


def test_accidentals_are_counted_one_by_one():
    """The same windows, by subtracting all from all."""
    random = np.random.default_rng(2)
    alice, bob = (np.sort(random.integers(0, 50_000, 300)) for _ in range(2))
    found = accidentals(alice, bob, 3, 20)
    away = np.abs(bob[None, :] - alice[:, None])
    assert (found.counted, found.ticks) == (np.count_nonzero((away > 20) & (away <= 20 + 350)), 700)
    assert found.in_window(3) == pytest.approx(found.counted / 100)


def test_a_scan_counts_what_pairing_in_each_window_counts(events):
    """Pairs of a narrower window are those of a wider one that lie within it."""
    alice, bob = events
    halves = half_windows(90)
    assert halves == (22, 45, 68, 90, 135, 180)
    wide = pair_events(alice, bob, halves[-1])
    none = np.zeros(wide.alice.size, np.bool_)
    counted = scan(wide, none, none, accidentals(alice, bob, 90, 600), halves)
    assert [one.pairs for one in counted] == [pair_events(alice, bob, half).alice.size for half in halves]
    assert counted[3].ratio == pytest.approx((counted[3].pairs - counted[3].accidentals) / counted[3].accidentals)


def test_bins_hold_every_count_once():
    """Odd and even bins; the one around zero, and none that is incomplete."""
    lags, counts = np.arange(-7, 8), np.arange(1, 16)
    centres, summed = rebinned(lags, counts, 3)
    assert centres.tolist() == [-6, -3, 0, 3, 6]
    assert summed.tolist() == [1 + 2 + 3, 4 + 5 + 6, 7 + 8 + 9, 10 + 11 + 12, 13 + 14 + 15]
    centres, summed = rebinned(lags, counts, 4)
    assert centres.tolist() == [-4.5, -0.5, 3.5]
    assert summed.tolist() == [2 + 3 + 4 + 5, 6 + 7 + 8 + 9, 10 + 11 + 12 + 13]
