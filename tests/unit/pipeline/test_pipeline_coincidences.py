"""Pairs of events, against double loops over all of them."""

from __future__ import annotations

import numpy as np
import pytest

from hil.pipeline.coincidences import neighbours, pair_events


def _events(seed: int, number: int, span: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).integers(0, span, number))


def _paired_one_by_one(alice, bob, window):
    """Sort every candidate, take each whose two events are both free."""
    candidates = sorted(
        (abs(int(b) - int(a)), i, j) for i, a in enumerate(alice) for j, b in enumerate(bob) if abs(int(b) - int(a)) <= window
    )
    pairs, used_a, used_b = [], set(), set()
    for _, i, j in candidates:
        if i not in used_a and j not in used_b:
            pairs.append((i, j))
            used_a.add(i)
            used_b.add(j)
    return sorted(pairs)


@pytest.mark.parametrize("span", [60, 400, 5000])
@pytest.mark.parametrize("reach", [0, 1, 7])
def test_neighbours_are_those_a_double_loop_finds(span, reach):
    """Every pair within reach once, in order, also where times repeat."""
    alice, bob = _events(1, 90, span), _events(2, 110, span)
    expected = [(i, j) for i, a in enumerate(alice) for j, b in enumerate(bob) if abs(b - a) <= reach]
    hers, his = neighbours(alice, bob, reach)
    assert list(zip(hers.tolist(), his.tolist(), strict=True)) == expected


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("span", [100, 1000])
def test_pairs_are_those_of_a_greedy_loop(seed, span):
    """Nearest first and each event once, however crowded: the same as taking candidates one by one."""
    alice, bob = _events(seed, 120, span), _events(seed + 100, 100, span)
    pairs = pair_events(alice, bob, 5)
    assert list(zip(pairs.alice.tolist(), pairs.bob.tolist(), strict=True)) == _paired_one_by_one(alice, bob, 5)
    assert np.array_equal(pairs.difference_ticks, bob[pairs.bob] - alice[pairs.alice])


def test_the_nearest_event_is_taken_and_the_other_looks_again():
    """Bob's event at 12 is nearest to Alice's 11; her 10 then takes what is left within the window."""
    pairs = pair_events(np.array([10, 11]), np.array([7, 12]), 4)
    assert (pairs.alice.tolist(), pairs.bob.tolist(), pairs.difference_ticks.tolist()) == ([0, 1], [0, 1], [-3, 1])


def test_a_window_includes_its_edges():
    """Four ticks apart are within a window of four, five are not."""
    assert pair_events(np.array([0, 100]), np.array([4, 105]), 4).alice.tolist() == [0]


def test_no_events_give_no_pairs():
    """An empty side, or nothing near, is no trouble."""
    for bob in (np.empty(0, np.int64), np.array([1000])):
        assert pair_events(np.array([1, 2]), bob, 4).alice.size == 0
