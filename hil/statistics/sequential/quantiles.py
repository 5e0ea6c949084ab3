"""A quantile of durations, looked at after every batch, without assuming a distribution.

The share of samples that take longer than ``x`` is an error rate (proportions.py), in batches because slow ones come
together. A bound on the quantile is the furthest ``x`` whose share is not refuted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.interval import Interval, tail
from hil.statistics.sequential.evidence import MANY_EVENTS, Bets, bets, log_held, log_mean, log_wealth
from hil.statistics.sequential.pooling import pooled, scales
from hil.statistics.sequential.proportions import correlations, log_likelihoods, prior

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["BATCH", "CAUTION", "METHOD", "WIDEST", "always_valid_quantile", "slow_by_batch", "spreads"]

BATCH = 20
"""Consecutive samples that are taken together; those over at the end wait until there are as many."""

CAUTION = 1.0
"""Bursts are what latencies are made of, and samples are cheap: the likeliest correlation is credited in full."""

WIDEST = 1.5
"""Variance of a batch's share of slow ones, over what is allowed squared, at which the grid of correlations ends."""

METHOD = "mixture e-process on the share of slow ones"


_BELOW: Bets = ((0.03, 0.2), (0.12, 0.2), (0.3, 0.2), (0.5, 0.3), (0.75, 0.1))
"""Bets on less, of batches of few slow ones: most channels are far better than their limit."""


def spreads(events: float) -> tuple[Bets, Bets]:
    """Bets on less and on more, for groups of batches with so many slow ones allowed."""
    less, more = bets(events)
    return (_BELOW if events < MANY_EVENTS else less), more


def slow_by_batch(samples: Floats, limits: Floats) -> Floats:
    """Of each whole batch (b,) of samples as they came, how many reach each of these limits (x,): shape (x, b)."""
    import numpy as np

    batches = np.sort(samples[: samples.size // BATCH * BATCH].reshape(-1, BATCH), axis=1)
    below = [np.searchsorted(batch, limits, side="left") for batch in batches]
    return BATCH - np.array(below, dtype=np.float64).reshape(len(batches), limits.size).T


def always_valid_quantile(samples: Floats, probability: float, confidence: float = 0.95) -> Interval:
    """Bounds on the ``probability`` quantile of samples (n,) in the order they were taken, valid at every look."""
    import numpy as np

    if not 0.0 < probability < 1.0:
        raise UsageError(f"a quantile lies between 0 and 1, both excluded, such as 0.95; got {probability}")
    n = int(samples.size)
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    if not bool(np.isfinite(ordered).all()):
        raise UsageError("a quantile needs finite samples; count a request that never ended as a failure, not as a latency")
    estimate = float(ordered[min(n, math.ceil(probability * n)) - 1]) if n else math.nan
    if n < BATCH:
        return Interval(estimate, -math.inf, math.inf, confidence, METHOD, n)
    allowed, enough = 1.0 - probability, -math.log(tail(confidence))
    # a sample itself is an upper bound if few are beyond it, and a lower bound if many reach it
    beyond = slow_by_batch(samples, np.nextafter(ordered, np.inf))
    open_above = np.flatnonzero(_evidence(beyond, allowed, 0) < enough)
    open_below = np.flatnonzero(_evidence(slow_by_batch(samples, ordered), allowed, 1) < enough)
    first = int(open_above[-1]) + 1 if open_above.size else 0
    last = int(open_below[0]) - 1 if open_below.size else n - 1
    high = float(ordered[first]) if first < n else math.inf
    low = float(ordered[last]) if last >= 0 else -math.inf
    return Interval(estimate, low, high, confidence, METHOD, n)


def _evidence(slow: Floats, allowed: float, side: int) -> Floats:
    """Log evidence, by row of slow ones by batch (x, b), for less (0) or more (1) than allowed; the least of all views."""
    import numpy as np

    least = np.full(len(slow), math.inf)
    for length in scales(slow.shape[1], BATCH * allowed):
        size = BATCH * length
        spread = spreads(size * allowed)[side]
        rates = np.array([*(min(factor * allowed, 1.0 - 1e-12) for factor, _ in spread), allowed])
        grid = correlations(size, allowed, WIDEST)
        each = log_likelihoods(np.arange(size + 1.0), np.full(size + 1, float(size)), rates, grid)
        groups = pooled(slow, length).astype(np.int64)
        alike = np.stack([np.bincount(row, minlength=size + 1) for row in groups])
        logs, weights = np.tensordot(alike, each, axes=1), prior(size * allowed, grid.size)
        held = log_held(logs[:, -1], weights, CAUTION)
        least = np.minimum(least, log_wealth(log_mean(logs[:, :-1], weights), held, spread))
    return least
