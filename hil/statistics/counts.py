"""Detector counts: rates with intervals that carry the spread the run itself showed.

Afterpulses and drift make counts vary more than a Poisson process (Fano factor above 1), dead time less. The Fano factor is
measured over gates of equal length and its own uncertainty enters through Student's t: few gates give a wide interval.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.interval import Interval, Sided, tail
from hil.statistics.search import smallest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["fano_factor", "garwood", "gated_rate", "gates_to_decide"]

_FEW_PER_GATE = 25
"""Below this many counts a gate, equal gates are common by chance, and a small measured Fano factor means nothing."""


def garwood(counts: float, exposure: float = 1.0, confidence: float = 0.95, sided: Sided = "one") -> Interval:
    """Exact interval of a Poisson rate from ``counts`` in ``exposure`` (seconds, trials): quantiles of gamma distributions.

    Source: F. Garwood, Biometrika 28, 437 (1936).
    """
    alpha = tail(confidence, sided)
    if counts < 0 or not exposure > 0:
        raise UsageError(f"counts are zero or more in an exposure above zero; got {counts} in {exposure}")
    low, high = _gamma_bounds(counts, alpha)
    return Interval(counts / exposure, low / exposure, high / exposure, confidence, "Garwood", int(counts), sided, counts)


def fano_factor(counts: npt.NDArray[np.int64]) -> float:
    """Variance over mean of the counts of n gates; nan for fewer than two gates or no counts at all."""
    import numpy as np

    gates = np.asarray(counts, dtype=np.float64)
    if gates.size < 2 or gates.sum() == 0:
        return math.nan
    return float(gates.var(ddof=1) / gates.mean())


def gated_rate(counts: npt.NDArray[np.int64], gate_s: float, confidence: float = 0.95, sided: Sided = "one") -> Interval:
    """Quasi-Poisson interval of a rate, per second, from the counts of n gates of ``gate_s`` seconds each.

    The Garwood interval of counts divided by the measured Fano factor, at the level whose normal quantile is Student's t of
    n - 1 degrees of freedom: it becomes the t interval of the gates for many counts, and Garwood's for a Poisson process
    and many gates. It holds for one look; sequential/rates.py is for looking after every gate. With few counts a gate the
    factor is never taken below 1. One gate shows no spread: its bounds are those of a Poisson process, and the method says
    so. No gates: nan, between 0 and infinity. ``n`` of the result counts clicks.

    Source: P. McCullagh, J. A. Nelder, Generalized Linear Models (1989), chapter 9, for the dispersion.
    """
    import numpy as np
    from scipy.special import ndtr, stdtrit

    alpha = tail(confidence, sided)
    gates = np.asarray(counts)
    total, live_s = int(gates.sum()), gates.size * gate_s
    if not gate_s > 0 or bool((gates < 0).any()):
        raise UsageError(f"counts are zero or more in gates above zero seconds; got gates of {gate_s} s")
    if gates.size == 0:
        return Interval(math.nan, 0.0, math.inf, confidence, "no gates", 0, sided)
    if gates.size == 1:
        return _renamed(garwood(total, live_s, confidence, sided), "Garwood, spread not measured (one gate)")
    fano = _usable(fano_factor(gates), total / gates.size)
    alpha_t = float(ndtr(-stdtrit(gates.size - 1, 1.0 - alpha)))
    low, high = _gamma_bounds(total / fano, alpha_t) if fano > 0 else (float(total), float(total))
    scale = (fano if fano > 0 else 1.0) / live_s
    method = f"quasi-Poisson, Fano factor {fano:.3g} of {gates.size} gates"
    return Interval(total / live_s, low * scale, high * scale, confidence, method, total, sided, total)


def gates_to_decide(
    rate_hz: float,
    fano: float,
    gate_s: float,
    limit_hz: float,
    confidence: float = 0.95,
) -> int | None:
    """Gates of this length that would decide a limit, if rate and Fano factor stayed as they are; None for never."""
    from scipy.special import ndtr, stdtrit

    if math.isclose(rate_hz, limit_hz, rel_tol=1e-9):
        return None
    factor = _usable(fano, rate_hz * gate_s) or 1.0

    def decided(gates: int) -> bool:
        live_s = gates * gate_s
        alpha_t = float(ndtr(-stdtrit(gates - 1, confidence)))
        low, high = _gamma_bounds(rate_hz * live_s / factor, alpha_t)
        return high * factor / live_s < limit_hz if rate_hz < limit_hz else low * factor / live_s > limit_hz

    return smallest(decided, start=2)


def _usable(fano: float, per_gate: float) -> float:
    if math.isnan(fano):
        return 1.0
    return max(fano, 1.0) if per_gate < _FEW_PER_GATE else fano


def _gamma_bounds(counts: float, alpha: float) -> tuple[float, float]:
    from scipy.special import gammaincinv

    low = 0.0 if counts == 0 else float(gammaincinv(counts, alpha))
    return low, float(gammaincinv(counts + 1.0, 1.0 - alpha))


def _renamed(interval: Interval, method: str) -> Interval:
    return Interval(
        interval.estimate, interval.low, interval.high, interval.confidence, method, interval.n, interval.sided, interval.events
    )
