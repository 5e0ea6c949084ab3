"""Error budgets: how much of an objective's window may be bad, how much was, and how fast it is used up.

Time slices: the budget is (1 - target) of all slices of the window, whether they are over yet or not. Occurrences: it is
(1 - target) of the events seen in the window. A burn rate of 1 uses up the budget exactly by the end of the window. Source: B.
Beyer et al., The Site Reliability Workbook (2018), chapter 5; OpenSLO v1, budgetingMethod.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.operations.windows import Rolling

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import numpy.typing as npt

    from hil.operations.objective import ServiceObjective

__all__ = ["Budget", "History", "budget", "slices_of"]


@dataclass(frozen=True)
class History:
    """What was bad of how much, slot by slot from ``start_s`` (Unix time) on: two float arrays of shape (n,).

    Of time slices a slot is a slice: ``total`` is 1, or 0 where it counts for nothing. ``silent`` counts slots without data.
    """

    start_s: float
    slot_s: float
    bad: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]
    silent: int = 0

    def __post_init__(self) -> None:
        if self.bad.shape != self.total.shape or self.bad.ndim != 1 or not self.slot_s > 0.0:
            raise UsageError(f"a history takes two rows of one length; got {self.bad.shape} and {self.total.shape}")

    @property
    def end_s(self) -> float:
        """Unix time at which the last slot ended."""
        return self.start_s + self.bad.size * self.slot_s

    def between(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Bad and total of the slots that ended in (from, to]."""
        first = max(math.floor((from_s - self.start_s) / self.slot_s + 1e-6), 0)
        last = max(math.floor((to_s - self.start_s) / self.slot_s + 1e-6), 0)
        return float(self.bad[first:last].sum()), float(self.total[first:last].sum())


@dataclass(frozen=True)
class Budget:
    """State of an objective's budget: what may be bad in the window, what was, in slices or events.

    ``seen`` is what was observed so far. ``silent`` counts slices without data in the whole history.
    """

    objective: ServiceObjective
    begin_s: float
    end_s: float
    allowed: float
    bad: float
    seen: float
    silent: int

    @property
    def left(self) -> float:
        """Slices or events that may still be bad; below zero when overspent."""
        return self.allowed - self.bad

    @property
    def left_ratio(self) -> float | None:
        """The same as a share of the budget; None where there is none (no event was seen)."""
        return self.left / self.allowed if self.allowed > 0.0 else None

    @property
    def burn_rate(self) -> float | None:
        """Over what was seen of the window; None where nothing was."""
        return self.bad / self.seen / self.objective.allowed if self.seen > 0.0 else None


def budget(objective: ServiceObjective, history: History, now_s: float | None = None) -> Budget:
    """The budget of the window that ``now_s`` lies in (the end of the history when not given)."""
    now_s = history.end_s if now_s is None else now_s
    # the end of a calendar period belongs to it: a month that is over is judged as that month
    early_s = 0.0 if isinstance(objective.window, Rolling) else history.slot_s / 2.0
    begin_s, end_s = objective.window.bounds(now_s - early_s)
    bad, seen = history.between(begin_s, min(end_s, now_s))
    whole = (end_s - begin_s) / objective.slice_s if objective.method == "Timeslices" else seen
    return Budget(objective, begin_s, end_s, objective.allowed * whole, bad, seen, history.silent)


def slices_of(
    objective: ServiceObjective, spans: Iterable[tuple[float, float, bool]], bounds_s: tuple[float, float], epoch_s: float = 0.0
) -> History:
    """Slices of an objective from (from, to, good) spans of bench time that do not overlap.

    Time in no span has no data. Where that counts as bad, a slice is good when enough of all its time is; where it is
    excluded, when enough of what was seen of it is, and a slice of which nothing was seen counts for nothing. Slices begin at
    ``bounds_s[0]``; one that is not whole at the end is left out. ``epoch_s`` is the Unix time of bench time zero.
    """
    import numpy as np

    slice_s = objective.slice_s
    number = max(math.floor((bounds_s[1] - bounds_s[0]) / slice_s + 1e-6), 0)
    seen, good = np.zeros(number), np.zeros(number)
    for from_s, to_s, is_good in spans:
        _spread(seen, from_s - bounds_s[0], to_s - bounds_s[0], slice_s)
        if is_good:
            _spread(good, from_s - bounds_s[0], to_s - bounds_s[0], slice_s)
    told = seen > slice_s * 1e-6
    exclude = objective.decision.no_data == "exclude"
    whole = np.where(told, seen, slice_s) if exclude else np.full(number, slice_s)
    is_bad = good < objective.slice_target * whole * (1.0 - 1e-9)
    total = told.astype(np.float64) if exclude else np.ones(number)
    return History(epoch_s + bounds_s[0], slice_s, (is_bad & (total > 0.0)).astype(np.float64), total, int((~told).sum()))


def _spread(into: npt.NDArray[np.float64], from_s: float, to_s: float, slice_s: float) -> None:
    """Add the seconds of [from, to) to the slices that they lie in."""
    import numpy as np

    from_s, to_s = max(from_s, 0.0), min(to_s, into.size * slice_s)
    if to_s <= from_s:
        return
    first, last = int(from_s // slice_s), min(int(to_s // slice_s), into.size - 1)
    edges = np.clip(np.arange(first, last + 2) * slice_s, from_s, to_s)
    into[first : last + 1] += np.diff(edges)
