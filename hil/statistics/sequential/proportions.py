"""Error rates from blocks of correlated trials, looked at after every block.

The errors of one block are beta-binomial: binomial around a rate of the block's own, which spreads about the process's. The
spread, an intraclass correlation, is not known. It is averaged over with a prior that is even per factor from where it is
invisible to a spread of 1.7 times the limit, and has a share at zero that matters only while blocks hold few errors. For
blocks of many errors this becomes the sequential t test with its invariant prior, for blocks of few the mixture test of
independent trials.

Sources: J. G. Skellam, J. R. Stat. Soc. B 10, 257 (1948), for the beta-binomial; evidence.py for the test; M. F.
Perez-Ortiz et al., Ann. Stat. 52, 1410 (2024), for tests that average over a nuisance parameter. That error rates hold for
correlation in between is measured (docs/reference/error-rates.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.interval import Interval
from hil.statistics.sequential.evidence import MANY_EVENTS, always_valid, bets, log_held, log_mean, log_wealth
from hil.statistics.sequential.pooling import pooled, scales

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.statistics.sequential.evidence import Bets

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.float64] | npt.NDArray[np.int64]

__all__ = [
    "METHOD",
    "ProportionBlocks",
    "caution",
    "correlations",
    "log_likelihoods",
    "prior",
    "proportion_interval",
    "proportion_views",
    "up_to",
]

METHOD = "mixture e-process, beta-binomial blocks"

_INVISIBLE = 0.05
"""Design effect of a block, beyond 1, at which the grid of correlations begins."""
_WIDEST = 3.0
"""Variance of the blocks' rates over the limit squared, at which it ends: bursts beyond it are no spread but a fault."""
_STEP = 0.6
_CAUTION = ((0.5, 0.4), (1.0, 0.55))
"""Up to half an event a block, and from a whole one."""
_CAUTION_MANY = 0.3
_NONE_PER_EVENT = 0.1
"""Weight of no correlation at all: 1 / (1 + this times the events of a block)."""


def correlations(trials: float, limit: float, widest: float = _WIDEST) -> Floats:
    """Grid of intraclass correlations for blocks of so many trials, shape (r,); a correlation of zero comes before it."""
    import numpy as np

    high = min(widest * limit / (1.0 - limit), 0.5)
    low = min(_INVISIBLE / trials, high / 2.0)
    return np.geomspace(low, high, max(math.ceil(math.log(high / low) / _STEP), 4))


def up_to(effect: float, trials: float) -> Floats:
    """The same grid for events that last: their design effect does not grow with the block."""
    import numpy as np

    trials = max(trials, 2.0)
    return np.geomspace(_INVISIBLE, effect - 1.0, 8) / max(trials - 1.0, effect)


def prior(events: float, grid: int) -> Floats:
    """Weights of no correlation and of each of the grid, shape (1 + grid,), for blocks of so many events at the limit."""
    import numpy as np

    none = 1.0 / (1.0 + _NONE_PER_EVENT * events)
    return np.array([none, *([(1.0 - none) / grid] * grid)])


def caution(events: float) -> float:
    """Credit of the likeliest correlation, for blocks of so many events at the limit (log_held).

    A full credit would prove the error rate for every correlation on the grid, and make independent trials wait for bursts
    that nobody has seen. This much keeps it where it was measured: docs/reference/error-rates.md.
    """
    if events >= MANY_EVENTS:
        return _CAUTION_MANY
    (half, least), (whole, most) = _CAUTION
    return least + (most - least) * min(max((events - half) / (whole - half), 0.0), 1.0)


def log_likelihoods(errors: Floats, trials: Floats, values: Floats, grid: Floats) -> Floats:
    """Of blocks (b,), for rates (t,) and correlations 0 and grid (r,): shape (b, t, 1 + r), binomial coefficients left out."""
    import numpy as np
    from scipy.special import betaln

    wrong, right = errors[:, None, None], (trials - errors)[:, None, None]
    rate = values[None, :, None]
    free = wrong * np.log(rate) + right * np.log1p(-rate)
    size = ((1.0 - grid) / grid)[None, None, :]
    alpha, beta = rate * size, (1.0 - rate) * size
    return np.concatenate([free, betaln(alpha + wrong, beta + right) - betaln(alpha, beta)], axis=2)


@dataclass(frozen=True)
class ProportionBlocks:
    """Evidence from blocks taken as exchangeable: ``kinds`` (u, 3) of errors, trials and how many blocks are like that."""

    kinds: Floats
    limit: float
    grid: Floats
    weights: Floats
    caution: float
    spreads: tuple[Bets, Bets]

    @property
    def estimate(self) -> float:
        """All errors over all trials."""
        wrong, trials = (self.kinds[:, :2] * self.kinds[:, 2:]).sum(axis=0)
        return float(wrong / trials)

    def log_marginal(self, values: Floats) -> Floats:
        """Log likelihood of these rates (t,), averaged over the correlation."""
        return log_mean(self._logs(values), self.weights)

    def below(self, value: float) -> float:
        """Log evidence that the rate is less."""
        return self._against(value, self.spreads[0])

    def above(self, value: float) -> float:
        """Log evidence that the rate is more."""
        return self._against(value, self.spreads[1])

    def log_ratio(self, good: float, bad: float) -> float:
        """Log likelihood ratio of two rates."""
        import numpy as np

        of_good, of_bad = self.log_marginal(np.array([good, bad]))
        return float(of_good - of_bad)

    def _against(self, value: float, spread: Bets) -> float:
        import numpy as np

        rates = np.array([min(factor * self.limit, 1.0) for factor, _ in spread] + [value])
        logs = self._logs(rates)
        held = log_held(logs[-1], self.weights, self.caution)
        return float(log_wealth(log_mean(logs[:-1], self.weights), held, spread))

    def _logs(self, values: Floats) -> Floats:
        """Of these rates and each correlation, shape (t, 1 + r)."""
        import numpy as np

        inside = np.clip(values, 1e-12, 1.0 - 1e-12)
        each = log_likelihoods(self.kinds[:, 0], self.kinds[:, 1], inside, self.grid)
        total: Floats = (each * self.kinds[:, 2][:, None, None]).sum(axis=0)
        return total


def proportion_views(
    errors: Counts, trials: Counts, limit: float, *, effect: float | None = None
) -> tuple[ProportionBlocks, ...]:
    """Blocks (b,) of errors and trials as they came, single and pooled; blocks without a trial are left out.

    ``effect``: the largest design effect there can be, where that is known of the events; any up to it is credited in full.

    UsageError for counts that are none and a limit that is no proportion.
    """
    import numpy as np

    wrong, total = (np.asarray(each, dtype=np.float64) for each in (errors, trials))
    if wrong.shape != total.shape or bool((wrong < 0).any() or (wrong > total).any()):
        raise UsageError("errors are between 0 and the trials of their block, one of each for every block")
    if not 0.0 < limit < 1.0:
        raise UsageError(f"a proportion is held against a limit between 0 and 1, both excluded; got {limit}")
    wrong, total = wrong[total > 0], total[total > 0]
    if not total.size:
        return ()
    first = float(total[0])
    views = []
    for length in scales(total.size, first * limit):
        pairs = np.stack([pooled(wrong, length), pooled(total, length)], axis=1)
        alike, count = np.unique(pairs, axis=0, return_counts=True)
        grid = correlations(first * length, limit) if effect is None else up_to(effect, first * length)
        kinds, events = np.column_stack([alike, count]), first * length * limit
        weights = prior(events, grid.size)
        credit = caution(events) if effect is None else 1.0
        views.append(ProportionBlocks(kinds, limit, grid, weights, credit, bets(events)))
    return tuple(views)


def proportion_interval(
    errors: Counts, trials: Counts, limit: float, confidence: float = 0.95, *, effect: float | None = None
) -> Interval:
    """Interval of the rate from blocks (b,) as they came, valid at every look; sharpest for a rate of half or twice the limit.

    No trials give nan between 0 and 1.
    """
    views = proportion_views(errors, trials, limit, effect=effect)
    n = int(trials.sum())
    if not views:
        return Interval(math.nan, 0.0, 1.0, confidence, METHOD, 0)
    found = always_valid(views, confidence, (0.0, 1.0), METHOD, n)
    return Interval(found.estimate, found.low, found.high, confidence, METHOD, n, events=int(errors.sum()))
