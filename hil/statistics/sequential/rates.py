"""Count rates from gates, looked at after every gate.

The clicks of one gate are negative binomial: Poisson around a rate of the gate's own, which spreads about the detector's
(afterpulses come in families, drift moves all of a gate). The spread is averaged over as in proportions.py. Counts that
vary less than Poisson's law (dead time) are taken as Poisson, which makes the interval wider than it need be.

Source: M. Greenwood, G. U. Yule, J. R. Stat. Soc. 83, 255 (1920), for the negative binomial; the rest as in proportions.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.interval import Interval
from hil.statistics.sequential.evidence import always_valid, bets, log_held, log_mean, log_wealth
from hil.statistics.sequential.pooling import pooled, scales
from hil.statistics.sequential.proportions import caution, prior

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.statistics.sequential.evidence import Bets

    Floats = npt.NDArray[np.float64]

__all__ = ["METHOD", "RateGates", "log_likelihoods", "rate_interval", "rate_views", "spreads"]

METHOD = "mixture e-process, negative binomial gates"

_INVISIBLE = 0.05
"""Fano factor beyond 1 at which the grid of spreads begins."""
_WIDEST = 3.0
_STEP = 0.6


def spreads(mean: float) -> Floats:
    """Grid of relative variances of a gate's rate, for gates of that mean count, shape (r,); none at all comes before it."""
    import numpy as np

    low = min(_INVISIBLE / mean, _WIDEST / 2.0)
    return np.geomspace(low, _WIDEST, max(math.ceil(math.log(_WIDEST / low) / _STEP), 4))


def log_likelihoods(counts: Floats, means: Floats, grid: Floats) -> Floats:
    """Of gates (b,), for mean counts (t,) and spreads none and grid (r,): shape (b, t, 1 + r). Factorials left out."""
    import numpy as np
    from scipy.special import gammaln

    count, mean = counts[:, None, None], means[None, :, None]
    free = count * np.log(mean) - mean
    shape = (1.0 / grid)[None, None, :]
    families = gammaln(count + shape) - gammaln(shape) + count * np.log(mean / (mean + shape)) - shape * np.log1p(mean / shape)
    return np.concatenate([free, families], axis=2)


@dataclass(frozen=True)
class RateGates:
    """Evidence from gates taken as exchangeable: ``kinds`` (u, 2) of clicks and how many gates are like that."""

    kinds: Floats
    gate_s: float
    limit: float
    grid: Floats
    weights: Floats
    caution: float
    spreads: tuple[Bets, Bets]

    @property
    def estimate(self) -> float:
        """Clicks a second."""
        return float((self.kinds[:, 0] * self.kinds[:, 1]).sum() / self.kinds[:, 1].sum() / self.gate_s)

    def log_marginal(self, values: Floats) -> Floats:
        """Log likelihood of these rates (t,) per second, averaged over the spread."""
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

        logs = self._logs(np.array([factor * self.limit for factor, _ in spread] + [value]))
        held = log_held(logs[-1], self.weights, self.caution)
        return float(log_wealth(log_mean(logs[:-1], self.weights), held, spread))

    def _logs(self, values: Floats) -> Floats:
        """Of these rates and each spread, shape (t, 1 + r)."""
        import numpy as np

        each = log_likelihoods(self.kinds[:, 0], np.maximum(values, 1e-300) * self.gate_s, self.grid)
        total: Floats = (each * self.kinds[:, 1][:, None, None]).sum(axis=0)
        return total


def rate_views(counts: npt.NDArray[np.int64], gate_s: float, limit: float) -> tuple[RateGates, ...]:
    """Gates (b,) of equal length as they came, single and pooled; UsageError for counts that are none."""
    import numpy as np

    gates = np.asarray(counts, dtype=np.float64)
    if not (gate_s > 0.0 and limit > 0.0) or bool((gates < 0).any()):
        raise UsageError(f"counts are zero or more, in gates above 0 s, against a limit above 0; got {gate_s} s, {limit}")
    views = []
    for length in scales(gates.size, limit * gate_s) if gates.size else ():
        alike, count = np.unique(pooled(gates, length), return_counts=True)
        mean = limit * gate_s * length
        grid = spreads(mean)
        kinds = np.column_stack([alike, count])
        views.append(RateGates(kinds, gate_s * length, limit, grid, prior(mean, grid.size), caution(mean), bets(mean)))
    return tuple(views)


def rate_interval(counts: npt.NDArray[np.int64], gate_s: float, limit: float, confidence: float = 0.95) -> Interval:
    """Interval of a rate per second from gates (b,) as they came, valid at every look; ``n`` counts clicks.

    Sharpest for a rate of half or twice the limit. No gates give nan between 0 and infinity.
    """
    views, clicks = rate_views(counts, gate_s, limit), int(counts.sum())
    if not views:
        return Interval(math.nan, 0.0, math.inf, confidence, METHOD, 0)
    found = always_valid(views, confidence, (0.0, math.inf), METHOD, clicks)
    return Interval(found.estimate, found.low, found.high, confidence, METHOD, clicks, events=clicks)
