"""Multi-window burn rates: when a budget burns fast enough to wake somebody, and when a ticket will do.

Both windows have to burn: the long one so that it matters, the short one so that it still goes on. Source: B. Beyer et al., The
Site Reliability Workbook (2018), chapter 5, table 5-8 (30 days); the third tier is that of Sloth's catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.operations.budget import History
    from hil.operations.objective import ServiceObjective

__all__ = ["BURN_ALERTS", "BurnAlert", "Firing", "burn_rates", "firings", "scaled"]

_HOUR_S = 3600.0


@dataclass(frozen=True)
class BurnAlert:
    """Fires while the budget burns more than ``factor`` times too fast over both windows."""

    severity: Literal["page", "ticket"]
    factor: float
    long_s: float
    short_s: float

    @property
    def name(self) -> str:
        """``burn-14-4x``, which every kind of name allows."""
        return f"burn-{self.factor:g}x".replace(".", "-")


BURN_ALERTS = (
    BurnAlert("page", 14.4, _HOUR_S, 300.0),
    BurnAlert("page", 6.0, 6 * _HOUR_S, 1800.0),
    BurnAlert("ticket", 3.0, 24 * _HOUR_S, 2 * _HOUR_S),
    BurnAlert("ticket", 1.0, 72 * _HOUR_S, 6 * _HOUR_S),
)
"""2 % of a 30-day budget in an hour, 5 % in six, 10 % in a day, 10 % in three days."""


@dataclass(frozen=True)
class Firing:
    """One time that an alert fired, in Unix time; ``end_s`` is None where it still does."""

    alert: BurnAlert
    start_s: float
    end_s: float | None


def scaled(alerts: tuple[BurnAlert, ...], by: float) -> tuple[BurnAlert, ...]:
    """The same alerts with windows so many times as long: for a game day that has no hours."""
    return tuple(replace(alert, long_s=alert.long_s * by, short_s=alert.short_s * by) for alert in alerts)


def burn_rates(objective: ServiceObjective, history: History, window_s: float, fewest: float = 0.0) -> npt.NDArray[np.float64]:
    """Burn rate over the last ``window_s`` at the end of every slot, shape (n,); nan where nothing, or too few, was seen.

    Of slices it is the bad ones against all that the window has room for, so that the first bad minute of a link that was just
    put in operation is one of a day and not all of it. Of events it is the bad ones against those that were seen.
    """
    import numpy as np

    slots = max(round(window_s / history.slot_s), 1)
    bad, seen = _sums(history.bad, slots), _sums(history.total, slots)
    room = np.full(bad.shape, float(slots)) if objective.method == "Timeslices" else seen
    told = (seen > 0.0) & (seen >= fewest)
    shares: npt.NDArray[np.float64] = np.divide(bad, room * objective.allowed, out=np.full(bad.shape, np.nan), where=told)
    return shares


def firings(objective: ServiceObjective, history: History, alerts: tuple[BurnAlert, ...] = BURN_ALERTS) -> list[Firing]:
    """Every time that one of the alerts fired, in order of beginning; looked at the end of every slot."""
    import numpy as np

    found: list[Firing] = []
    for alert in alerts:
        long = burn_rates(objective, history, alert.long_s, objective.fewest_events)
        short = burn_rates(objective, history, alert.short_s)
        fires = np.concatenate([[False], (long > alert.factor) & (short > alert.factor)])  # nan is not above anything
        turns = np.flatnonzero(fires[1:] != fires[:-1])
        times_s = (history.start_s + (turns + 1) * history.slot_s).tolist()
        found += [Firing(alert, start, end) for start, end in zip(times_s[::2], [*times_s[1::2], None], strict=False)]
    return sorted(found, key=lambda one: (one.start_s, one.alert.long_s))


def _sums(values: npt.NDArray[np.float64], slots: int) -> npt.NDArray[np.float64]:
    """Sums of each value and those before it, ``slots`` in all."""
    import numpy as np

    running = np.concatenate([[0.0], np.cumsum(values)])
    sums: npt.NDArray[np.float64] = running[1:] - running[np.maximum(np.arange(1, running.size) - slots, 0)]
    return sums
