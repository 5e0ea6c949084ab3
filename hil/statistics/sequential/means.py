"""Means of measured values, looked at after every value: the sequential t test, of values that may drift.

Values are a mean, white noise and a slow drift, an Ornstein-Uhlenbeck process. For one kind of drift (its share of the
variance, its correlation time) the values are whitened, v and ones u; with a mean x to be refuted, tau = u (v - x u) /
|v - x u| is all that a scale does not change. The likelihood ratio of a mean that lies delta standard deviations away,

    E(delta) = exp(-delta^2 u^2 / 2) I(delta tau) / I(0),  I(c) = integral of v^(n-1) exp(c v - v^2 / 2) dv, v > 0,

is an e-process whatever the standard deviation. Bets are spread evenly over delta from 0.15 to 100. Which kind of drift it is
is not known: what is bet is averaged over the kinds, what is held against it is the kind that explains the values best
(log_held, in full). So the error rate is at most alpha, proven, for each of the kinds; between and beyond them it is
measured (docs/reference/error-rates.md).

Sources: W. J. Hall, R. A. Wijsman, J. K. Ghosh, Ann. Math. Stat. 36, 575 (1965); M. F. Perez-Ortiz, T. Lardy, R. de Heide,
P. Gruenwald, Ann. Stat. 52, 1410 (2024), for its validity at every look; L. Wasserman, A. Ramdas, S. Balakrishnan, Proc.
Natl. Acad. Sci. 117, 16880 (2020), for the nuisance parameter; R. E. Kalman, J. Basic Eng. 82, 35 (1960), for whitening.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.statistics.interval import Interval
from hil.statistics.sequential.evidence import always_valid, log_held, log_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = [
    "CAUTION",
    "KINDS",
    "METHOD",
    "MeanValues",
    "log_drift_wealth",
    "log_t_likelihood",
    "mean_interval",
    "mean_values",
]

METHOD = "sequential t, drift whitened"

KINDS = ((0.0, 0.0), *((share, math.exp(-1.0 / values)) for values in (3.0, 10.0) for share in (0.2, 0.5)))
"""Share of the variance that drifts, and what stays of the drift in the next value: none, and over three or ten values."""
CAUTION = 1.0
_STEADY = 0.5
"""Weight of no drift."""

_NEAREST, _FURTHEST, _BETS = 0.15, 100.0, 14
_POINTS, _LEFT, _RIGHT = 241, 26.0, 8.0
"""In log v the integrand falls off like v^n to the left, and far faster to the right."""


def log_t_likelihood(n: int, tau: Floats, ones: Floats | float) -> Floats:
    """Log likelihood ratio of a mean above that which tau (...) was taken about, after ``n`` values, averaged over the bets.

    ``ones``: the squared length of the whitened ones, ``n`` for values that do not drift; tau is at most its root.
    """
    import numpy as np

    effects = np.geomspace(_NEAREST, _FURTHEST, _BETS)
    scale = np.asarray(ones, dtype=np.float64)[..., None]
    logs = _log_integral(n, effects * np.asarray(tau)[..., None]) - _log_integral(n, np.zeros(1)) - scale * effects**2 / 2.0
    return log_mean(logs, np.full(_BETS, 1.0 / _BETS))


def log_drift_wealth(held: Floats, likelihood: Floats) -> Floats:
    """Logarithm of the e-process from log likelihoods (..., k) of the value to be refuted, and ratios, by kind of drift."""
    import numpy as np

    weights = np.array([_STEADY, *([(1.0 - _STEADY) / (len(KINDS) - 1)] * (len(KINDS) - 1))])
    return log_mean(held + likelihood, weights) - log_held(held, weights, CAUTION)


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
    """Evidence from values as they came, over all kinds of drift at once.

    ``sums``: for each kind, sums over the whitened values v and ones u of u^2, u v and v^2; ``log_det`` half the logarithm of
    the determinant of its correlations. Values are counted from ``estimate``, their mean, which keeps the sums small.
    """

    n: int
    estimate: float
    sums: Floats
    log_det: Floats

    def below(self, value: float) -> float:
        """Log evidence that the mean is less."""
        return self._about(value, -1.0)

    def above(self, value: float) -> float:
        """Log evidence that the mean is more."""
        return self._about(value, 1.0)

    def _about(self, value: float, sign: float) -> float:
        import numpy as np

        ones, both, squares = self.sums
        off = value - self.estimate
        scale = max(abs(off), math.sqrt(float(squares.max())))
        if self.n < 2 or scale == 0.0:
            return 0.0
        off, both, squares = off / scale, both / scale, squares / scale / scale
        about = squares - 2.0 * off * both + off**2 * ones
        if not float(about.min()) > 0.0:  # every value is this one
            return 0.0
        tau = (both - off * ones) / np.sqrt(about)
        held = -self.log_det - self.n / 2.0 * np.log(about)
        return float(log_drift_wealth(held, log_t_likelihood(self.n, sign * tau, ones)))


def mean_values(values: Floats) -> MeanValues:
    """Whiten values (n,) for each kind of drift: Kalman's filter of an Ornstein-Uhlenbeck process seen through white noise."""
    import numpy as np

    share, keeps = (np.array(column) for column in zip(*KINDS, strict=True))
    n, mean = int(values.size), float(values.mean())
    gone = np.stack([np.ones(n), values - mean])
    state, spread, log_det = np.zeros((2, share.size)), share.copy(), np.zeros(share.size)
    sums = np.zeros((3, share.size))
    for place in range(n):
        variance = spread + 1.0 - share
        news = gone[:, place, None] - state
        ones, value = news / np.sqrt(variance)
        sums += np.stack([ones**2, ones * value, value**2])
        log_det += np.log(variance) / 2.0
        state = keeps * (state + spread / variance * news)
        spread = keeps**2 * (spread - spread**2 / variance) + share * (1.0 - keeps**2)
    return MeanValues(n, mean, sums, log_det)


def mean_interval(values: Floats, confidence: float = 0.95) -> Interval:
    """Interval of the mean from values (n,) as they came, valid at every look; fewer than two have no bounds."""
    n = int(values.size)
    if n < 2:
        estimate = float(values[0]) if n else math.nan
        return Interval(estimate, -math.inf, math.inf, confidence, METHOD, n)
    return always_valid((mean_values(values),), confidence, (-math.inf, math.inf), METHOD, n)
