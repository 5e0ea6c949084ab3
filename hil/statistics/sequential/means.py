"""Means of measured values, looked at after every value: the sequential t test.

For n values and a mean x to be refuted, tau = sum(v - x) / sqrt(sum (v - x)^2) is all that a scale does not change. The
likelihood ratio of a mean that lies delta standard deviations away,

    E(delta) = exp(-n delta^2 / 2) I(delta tau) / I(0),  I(c) = integral of v^(n-1) exp(c v - v^2 / 2) dv, v > 0,

is an e-process whatever the standard deviation. Bets are spread evenly over delta from 0.15 to 100. Values are taken as
normal and exchangeable; pooled ones as well, see pooling.py.

Sources: W. J. Hall, R. A. Wijsman, J. K. Ghosh, Ann. Math. Stat. 36, 575 (1965); M. F. Perez-Ortiz, T. Lardy, R. de Heide,
P. Gruenwald, Ann. Stat. 52, 1410 (2024), for its validity at every look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.statistics.interval import Interval
from hil.statistics.sequential.evidence import always_valid, log_mean
from hil.statistics.sequential.pooling import pooled, scales

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["METHOD", "MeanValues", "log_t_wealth", "mean_interval", "mean_views"]

METHOD = "sequential t"

_NEAREST, _FURTHEST, _BETS = 0.15, 100.0, 14
_POINTS, _LEFT, _RIGHT = 241, 26.0, 8.0
"""In log v the integrand falls off like v^n to the left, and far faster to the right."""


def log_t_wealth(n: int, tau: Floats) -> Floats:
    """Logarithm of the e-process that the mean is more than what tau (...) was taken about, after ``n`` values."""
    import numpy as np

    effects = np.geomspace(_NEAREST, _FURTHEST, _BETS)
    logs = _log_integral(n, effects * tau[..., None]) - _log_integral(n, np.zeros(1)) - n * effects**2 / 2.0
    return log_mean(logs, np.full(_BETS, 1.0 / _BETS))


def _log_integral(n: int, slope: Floats) -> Floats:
    """Logarithm of the integral of v^(n-1) exp(slope v - v^2 / 2), by the trapezium rule in log v around the peak."""
    import numpy as np

    peak = np.where(
        slope >= 0.0,
        (slope + np.sqrt(slope**2 + 4.0 * n)) / 2.0,
        2.0 * n / (np.sqrt(slope**2 + 4.0 * n) - slope),
    )
    width = 1.0 / np.sqrt(peak**2 + n)
    steps = np.linspace(-_LEFT, _RIGHT, _POINTS)
    log_v = np.log(peak)[..., None] + width[..., None] * steps
    v = np.exp(log_v)
    logs = n * log_v + slope[..., None] * v - v**2 / 2.0
    return np.asarray(log_mean(logs, np.ones(_POINTS)) + np.log(width * (steps[1] - steps[0])))


@dataclass(frozen=True)
class MeanValues:
    """Evidence from values (n,) taken as exchangeable."""

    values: Floats

    @property
    def estimate(self) -> float:
        """Their mean."""
        return float(self.values.mean())

    def below(self, value: float) -> float:
        """Log evidence that the mean is less."""
        return self._about(value, -1.0)

    def above(self, value: float) -> float:
        """Log evidence that the mean is more."""
        return self._about(value, 1.0)

    def _about(self, value: float, sign: float) -> float:
        import numpy as np

        off = self.values - value
        scale = float(np.abs(off).max())
        if self.values.size < 2 or scale == 0.0:
            return 0.0
        off = off / scale
        tau = float(off.sum()) / math.sqrt(float((off**2).sum()))
        return float(log_t_wealth(self.values.size, np.array(sign * tau)))


def mean_views(values: Floats) -> tuple[MeanValues, ...]:
    """Values (n,) as they came, single and as means of groups."""
    return tuple(MeanValues(pooled(values, length) / length) for length in scales(values.size))


def mean_interval(values: Floats, confidence: float = 0.95) -> Interval:
    """Interval of the mean from values (n,) as they came, valid at every look; fewer than two have no bounds."""
    n = int(values.size)
    if n < 2:
        estimate = float(values[0]) if n else math.nan
        return Interval(estimate, -math.inf, math.inf, confidence, METHOD, n)
    return always_valid(mean_views(values), confidence, (-math.inf, math.inf), METHOD, n)
