"""Mixture e-processes, and the interval that holds at every look.

An e-process is a gambler's wealth: it starts at 1, and against a true hypothesis its expectation is at most 1 whenever the
game is ended, so that the chance that it ever reaches 1 / alpha is at most alpha (J. Ville 1939). Here the bet is a
likelihood ratio, averaged over alternatives with fixed weights, to the limit:

    E_n = sum_j w_j L_n(limit * f_j) / L_n(x)

A value x is refuted once E_n reaches 1 / alpha; the values not refuted make an interval that may be looked at after every
block. Sources: H. Robbins, Ann. Math. Stat. 41, 1397 (1970), for mixtures; A. Ramdas, P. Gruenwald, V. Vovk, G. Shafer, Stat.
Sci. 38, 576 (2023), section 2, for e-processes and the intervals they give.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from hil.statistics.interval import Interval, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["MANY_EVENTS", "Bets", "Evidence", "always_valid", "bets", "log_held", "log_mean", "log_wealth"]

Bets = tuple[tuple[float, float], ...]
"""Multiples of the limit that a bet is spread over, and their weights."""

MANY_EVENTS = 8.0 - 1e-9
"""Events in a block at the limit, eight or a rounding error less, from which on its error rate is seen in itself."""

_FEW_BELOW: Bets = ((0.03, 0.01), (0.25, 0.03), (0.5, 0.9), (0.75, 0.04), (0.93, 0.02))
_FEW_ABOVE: Bets = ((1.07, 0.02), (1.18, 0.04), (1.4, 0.07), (2.0, 0.8), (4.0, 0.07))
_NEAREST, _FURTHEST_BELOW, _FURTHEST_ABOVE, _BETS, _AT_TWICE = 0.02, 4.0, 2.5, 18, 0.3


def bets(events: float) -> tuple[Bets, Bets]:
    """Where to bet on less and on more than the limit, for blocks of so many events at the limit.

    With few, most of it is on half and on twice the limit, which is where they are to be told apart; with many, evenly over
    all distances as well, since a few blocks then tell the rate itself.
    """
    if events < MANY_EVENTS:
        return _FEW_BELOW, _FEW_ABOVE
    return (*_spread(-1.0, _FURTHEST_BELOW), (0.5, _AT_TWICE)), (*_spread(1.0, _FURTHEST_ABOVE), (2.0, _AT_TWICE))


def _spread(sign: float, furthest: float) -> Bets:
    """Distances that grow by a factor each, in the logarithm of the rate."""
    steps = (_NEAREST * (furthest / _NEAREST) ** (number / (_BETS - 1)) for number in range(_BETS))
    return tuple((math.exp(sign * step), (1.0 - _AT_TWICE) / _BETS) for step in steps)


_HALVINGS = 60


class Evidence(Protocol):
    """What blocks say about one quantity: logarithms of e-processes, one per direction."""

    @property
    def estimate(self) -> float:
        """Of the quantity, from the blocks these are about."""
        ...

    def below(self, value: float) -> float:
        """That the truth is less than ``value``."""
        ...

    def above(self, value: float) -> float:
        """That the truth is more than ``value``."""
        ...


def log_mean(logs: Floats, weights: Floats) -> Floats:
    """Logarithm of the weighted mean, over the last axis, of numbers given by their logarithms."""
    import numpy as np

    most = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log((np.exp(logs - most) * weights).sum(axis=-1)) + most[..., 0])


def log_held(logs: Floats, weights: Floats, caution: float) -> Floats:
    """Logarithm of what the value to be refuted is credited with, from likelihoods over a nuisance parameter (..., r).

    Their weighted mean, or the largest times ``caution`` if that is more. At a caution of 1 the error rate is at most alpha
    whatever the nuisance parameter is, at less at most alpha over the caution (L. Wasserman, A. Ramdas, S. Balakrishnan,
    Proc. Natl. Acad. Sci. 117, 16880 (2020), universal inference).
    """
    import numpy as np

    return np.asarray(np.maximum(log_mean(logs, weights), logs.max(axis=-1) + math.log(caution)))


def log_wealth(alternatives: Floats, refuted: Floats, weights: Bets) -> Floats:
    """Logarithm of the e-process: likelihoods of the alternatives (..., j) over that of the value to be refuted (...)."""
    import numpy as np

    return log_mean(alternatives, np.array([weight for _, weight in weights])) - refuted


def always_valid(views: Sequence[Evidence], confidence: float, domain: tuple[float, float], method: str, n: int) -> Interval:
    """The values that not all of these views of the same data refute: each bound holds at all looks together.

    Where one view is right about how blocks depend on each other the interval is, whichever it is. ``estimate`` is the first
    view's.
    """
    enough = -math.log(tail(confidence))
    low, high = domain
    lows = [_edge(view.above, enough, view.estimate, low) for view in views]
    highs = [_edge(view.below, enough, view.estimate, high) for view in views]
    return Interval(views[0].estimate, min(lows), max(highs), confidence, method, n)


def _edge(evidence: Callable[[float], float], enough: float, inner: float, outer: float) -> float:
    """Furthest value from ``inner`` towards ``outer`` that is not refuted: evidence grows that way."""
    if math.isinf(outer):
        step = max(abs(inner), 1e-300)
        outer = inner + math.copysign(step, outer)
        while evidence(outer) < enough:
            step *= 2.0
            outer = inner + math.copysign(step, outer - inner)
            if step > 1e12 * max(abs(inner), 1e-300):
                return math.copysign(math.inf, outer - inner)
    elif not evidence(outer) >= enough:
        return outer
    for _ in range(_HALVINGS):
        middle = (inner + outer) / 2.0
        if evidence(middle) >= enough:
            outer = middle
        else:
            inner = middle
    return inner
