"""Which events of two sorted lists of times belong together: time differences, and pairs that use each event once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Pairs", "neighbours", "pair_events"]


@dataclass(frozen=True)
class Pairs:
    """Pairs in order of Alice's events: int64 arrays of shape (n,), indices into both lists and Bob's time minus hers."""

    alice: npt.NDArray[np.int64]
    bob: npt.NDArray[np.int64]
    difference_ticks: npt.NDArray[np.int64]


def neighbours(
    alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], reach_ticks: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices (alice, bob) of all pairs of events no further apart than ``reach_ticks``; both lists ascend.

    An event may be in many of them. Ordered by Alice's event, then Bob's.
    """
    first = np.searchsorted(bob, alice - reach_ticks, side="left")
    number = np.searchsorted(bob, alice + reach_ticks, side="right") - first
    hers = np.repeat(np.arange(alice.size), number)
    before = np.repeat(np.cumsum(number) - number, number)
    return hers, np.arange(hers.size) - before + np.repeat(first, number)


def pair_events(alice: npt.NDArray[np.int64], bob: npt.NDArray[np.int64], window_ticks: int) -> Pairs:
    """Pair the nearest events first, each event once, none further apart than ``window_ticks``.

    Among equal distances the earlier event of Alice, then of Bob, goes first, so that the pairs follow from the times alone.
    A candidate that is the first choice of both its events is settled; what it leaves over is looked at again.
    """
    hers, his = neighbours(alice, bob, window_ticks)
    order = np.lexsort((his, hers, np.abs(bob[his] - alice[hers])))
    hers, his = hers[order], his[order]
    settled: list[npt.NDArray[np.int64]] = []
    while hers.size:
        first_of_hers = np.unique(hers, return_index=True)[1]
        first_of_his = np.unique(his, return_index=True)[1]
        chosen = np.intersect1d(first_of_hers, first_of_his, assume_unique=True)
        settled.append(np.stack([hers[chosen], his[chosen]]))
        left = ~(np.isin(hers, hers[chosen]) | np.isin(his, his[chosen]))
        hers, his = hers[left], his[left]
    both = np.concatenate(settled, axis=1) if settled else np.empty((2, 0), np.int64)
    both = both[:, np.argsort(both[0])]
    return Pairs(both[0], both[1], bob[both[1]] - alice[both[0]])
