"""Error rates from blocks whose trials are correlated: drift and afterpulses make the errors of one block alike.

How much more blocks differ than independent trials would is measured from the blocks themselves (the design effect), and
what that measurement is worth enters the interval. The design effect is never taken below 1: nothing makes the errors of a
link more even than chance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.statistics.binomial import clopper_pearson
from hil.statistics.interval import Interval, Sided, tail

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Counts = npt.NDArray[np.int64]

__all__ = ["clustered_proportion", "design_effect", "intraclass_correlation"]


def design_effect(errors: Counts, trials: Counts) -> float:
    """Variance of the error rate over blocks (b,) against that of independent trials; 1 or more, nan where nothing shows it.

    d = n b / (b - 1) sum (k_i - m_i p)^2 / (n^2 p (1 - p)), for k_i errors in m_i trials, n in all.
    Source: J. N. K. Rao, A. J. Scott, Biometrics 48, 577 (1992).
    """
    wrong, total = _checked(errors, trials)
    n, blocks = float(total.sum()), total.size
    rate = float(wrong.sum()) / n if n else 0.0
    if blocks < 2 or not 0.0 < rate < 1.0:
        return math.nan
    squares = float(((wrong - total * rate) ** 2).sum())
    return max(1.0, squares * blocks / (blocks - 1) / (n * rate * (1.0 - rate)))


def intraclass_correlation(errors: Counts, trials: Counts, confidence: float = 0.95, sided: Sided = "one") -> Interval:
    """Correlation between two trials of one block, from the analysis of variance, with bounds from the F distribution.

    Below zero is possible by chance. Fewer than two blocks, or none with two trials, or no errors at all: nan between -1
    and 1. ``n`` counts blocks. Source: A. Donner, Int. Stat. Rev. 54, 67 (1986), sections 2 and 4.
    """
    from scipy.special import fdtri

    alpha = tail(confidence, sided)
    wrong, total = _checked(errors, trials)
    n, blocks, method = float(total.sum()), total.size, "analysis of variance"
    rates = wrong / total
    within = float((total * rates * (1.0 - rates)).sum())
    if blocks < 2 or n <= blocks or within == 0.0:
        return Interval(math.nan, -1.0, 1.0, confidence, method, blocks, sided)
    of_between, of_within = blocks - 1, n - blocks
    between = float((total * (rates - wrong.sum() / n) ** 2).sum())
    ratio = between / of_between / (within / of_within)
    size = (n - float((total**2).sum()) / n) / of_between
    low, middle, high = (
        (f - 1.0) / (f + size - 1.0)
        for f in (
            ratio / float(fdtri(of_between, of_within, 1.0 - alpha)),
            ratio,
            ratio / float(fdtri(of_between, of_within, alpha)),
        )
    )
    return Interval(middle, low, high, confidence, method, blocks, sided)


def clustered_proportion(errors: Counts, trials: Counts, confidence: float = 0.95, sided: Sided = "one") -> Interval:
    """Interval of an error rate from blocks (b,) of errors and trials: Clopper-Pearson for the effective number of trials.

    n is divided by the design effect and multiplied by (t_n-1 / t_b-1)^2, the quantiles of Student's t that the uncertainty
    of the design effect from b blocks calls for. One block, and blocks without an error, show no spread: their trials count
    as independent. ``n`` and ``events`` are what was counted. Source: E. L. Korn, B. I. Graubard, Surv. Methodol. 24, 193
    (1998).
    """
    from scipy.special import stdtrit

    wrong, total = _checked(errors, trials)
    n, events = int(total.sum()), int(wrong.sum())
    plain = clopper_pearson(events, n, confidence, sided)
    effect = design_effect(errors, trials)
    if math.isnan(effect):
        return plain
    level = 1.0 - tail(confidence, sided)
    trust = float(stdtrit(n - 1, level) / stdtrit(total.size - 1, level)) ** 2
    worth = trust / effect
    found = clopper_pearson(events * worth, n * worth, confidence, sided)
    method = f"Clopper-Pearson, design effect {effect:.3g} of {total.size} blocks"
    return Interval(plain.estimate, found.low, found.high, confidence, method, n, sided, events)


def _checked(errors: Counts, trials: Counts) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """As numbers, without blocks that had no trial; UsageError for counts that are none."""
    import numpy as np

    wrong, total = np.asarray(errors, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if wrong.shape != total.shape or bool((wrong < 0).any() or (wrong > total).any()):
        raise UsageError("errors are between 0 and the trials of their block, one of each for every block")
    return wrong[total > 0], total[total > 0]
