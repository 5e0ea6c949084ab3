"""Where a distribution of waiting times begins: the dead time behind a histogram of inter-click gaps."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.interval import Interval, tail

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["STRAY_SHARE", "gap_edge", "gaps_to_resolve", "sequential_gap_edge"]

STRAY_SHARE = 1e-4
"""Of the gaps may lie below the edge without moving it: cross-talk and glitches happen, a dead time is what holds without."""


_FIRST_LOOK = 64
"""Gaps, at the first look of many."""


def gap_edge(gaps: npt.NDArray[np.int64], confidence: float = 0.95) -> Interval:
    """First tick at which a detector clicks again, from its inter-click ``gaps`` (n,) in ticks.

    Takes the r-th smallest gap, r = 1 + n / 10,000, so that a few strays do not count. How far it lies beyond the edge is gamma
    distributed with shape r and rate n lambda, where lambda, the click probability per tick, follows from the mean of the gaps.
    Valid for waiting times that are exponential or denser right after the edge (afterpulses only make the interval too wide).
    Fewer than two gaps: nan, between 0 and infinity. UsageError for gaps below zero.

    Source: order statistics of the shifted exponential distribution, N. L. Johnson et al., Continuous Univariate
    Distributions 1, chapter 19.
    """
    import numpy as np
    from scipy.special import gammaincinv

    alpha = tail(confidence)
    sample = np.asarray(gaps)
    n = int(sample.size)
    method = "edge of the inter-click gaps"
    if n and int(sample.min()) < 0:
        raise UsageError("inter-click gaps are zero ticks or more; are the clicks sorted?")
    if n < 2:
        return Interval(math.nan, 0.0, math.inf, confidence, method, n)
    rank = 1 + int(n * STRAY_SHARE)
    edge = float(np.partition(sample, rank - 1)[rank - 1])
    scale = max(float(sample.mean()) - edge, 0.0) / n
    low = edge - float(gammaincinv(rank, 1.0 - alpha)) * scale
    estimate = edge - float(gammaincinv(rank, 0.5)) * scale
    return Interval(max(estimate, 0.0), max(low, 0.0), edge, confidence, method, n)


def sequential_gap_edge(gaps: npt.NDArray[np.int64], confidence: float = 0.95) -> Interval:
    """As :func:`gap_edge`, with bounds that hold at every look together.

    Looks only when the number of gaps has doubled, from 64 on, and at the j-th doubling spends 1 / (j (j + 1)) of the error
    probability: these shares sum to 1, so that all bounds together err as often as one is allowed to (Boole's inequality).
    Gaps beyond the last doubling wait. ``n`` is of all gaps. Fewer than 64 gaps: between 0 and infinity.
    """
    import numpy as np

    sample = np.asarray(gaps)
    doublings = int(sample.size // _FIRST_LOOK).bit_length()
    if not doublings:
        return replace(gap_edge(sample, confidence), low=0.0, high=math.inf)
    spent = tail(confidence) / (doublings * (doublings + 1))
    found = gap_edge(sample[: _FIRST_LOOK * 2 ** (doublings - 1)], 1.0 - spent)
    return replace(found, confidence=confidence, n=int(sample.size), method=f"{found.method}, after {doublings} doublings")


def gaps_to_resolve(mean_excess: float, ticks: float, confidence: float = 0.95) -> int:
    """Gaps after which the smallest lies within ``ticks`` of the edge, when they exceed it by ``mean_excess`` on average."""
    return math.ceil(-math.log(tail(confidence)) * mean_excess / ticks)
