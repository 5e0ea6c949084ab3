"""A virtual month of a simulated link with a calendar of faults: which of its slices were up, sampled and not assumed.

In the middle of every slice a short window of clicks is simulated, with every fault that is in at that moment; the slice is up
when key could be made of such clicks. What the photons do not show (a classical channel that is cut, maintenance) the calendar
says itself. All of it is simulated, and shows what a link would be like on which these faults come as often as declared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.device_sims.world.calendar import Windows
from hil.errors import UsageError
from hil.operations.budget import History
from hil.operations.fault_calendar import occurrences
from hil.operations.month_changes import changes_of
from hil.physics.pair_prediction import pair_rates
from hil.ports.run import Availability
from hil.testbed.injection.planned_fault import plan_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from hil.device_sims.world.month import Survey
    from hil.operations.fault_calendar import FaultCalendar, Occurrence
    from hil.testbed.injection.planned_fault import PlannedFault
    from hil.testbed.link import Link

__all__ = ["Month", "Share", "live"]

_SHORTEST_S = 5e-4
_CLICKS = 1000.0
"""That a window has, on average: its error ratio is then known to half a percent."""


@dataclass(frozen=True)
class Share:
    """What a fault class cost: times it came, slices down while it was in, and those that its rate and length let expect."""

    name: str
    words: str
    times: int
    down: int
    expected: float
    source: str


@dataclass(frozen=True)
class Month:
    """A month that was lived: ``up`` and ``counted`` by slice, two arrays of shape (n,); what broke, and what it cost."""

    link: str
    slice_s: float
    up: npt.NDArray[np.bool_]
    counted: npt.NDArray[np.bool_]
    occurrences: tuple[Occurrence, ...]
    shares: tuple[Share, ...]
    survey: Survey

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """When each slice begins."""
        return self.slice_s * np.arange(self.up.size, dtype=np.float64)

    def availability(self) -> Availability:
        """For the indicator; what the calendar leaves out of the budget is left out of both numbers."""
        good = int((self.up & self.counted).sum())
        return Availability(self.link, self.slice_s, good, int(self.counted.sum()), simulated=True)

    def history(self, start_s: float = 0.0) -> History:
        """For budgets and burn rates; ``start_s`` is the Unix time at which the month begins."""
        bad = (~self.up & self.counted).astype(np.float64)
        return History(start_s, self.slice_s, bad, self.counted.astype(np.float64))


def live(link: Link, calendar: FaultCalendar, seed: int, workers: int = 1) -> Month:
    """Let the month pass on a simulated link that is up. The same for any number of workers.

    MissingCapabilityError for a real link; UsageError for one that gives no key as declared, and for a fault that does not act
    on the simulated light.
    """
    info = calendar.month
    if math.isinf(link.prediction.first_key_block_s):
        raise UsageError(
            f"{link.name}: the closed forms expect no key of it as declared, however long its blocks, so that no slice could be"
            " up; see source, errors and proof of its bench file"
        )
    came = occurrences(calendar, seed)
    stops = frozenset(name for name, one in calendar.fault.items() if one.stops_key)
    planned = {
        name: plan_fault(link, one.fault, one.target, one.settings, one.waveform)
        for name, one in calendar.fault.items()
        if one.fault
    }
    survey = link.survey(
        info.duration_s,
        every=info.slice_s,
        window=_window_s(link, info.slice_s),
        first=info.slice_s / 2.0,
        changes=changes_of(link, planned, came, stops, slice_s=info.slice_s, seed=seed),
        workers=workers,
    )
    middles_s = info.slice_s * (np.arange(round(info.duration_s / info.slice_s), dtype=np.float64) + 0.5)
    up = _makes_key(link, survey) & ~_inside(middles_s, (one for one in came if one.name in stops))
    counted = np.ones(up.shape, dtype=np.bool_)
    for work in calendar.maintenance:
        inside = Windows(work.first_s, work.lasts_s, work.every_s).inside(middles_s)
        up &= ~inside
        counted &= ~inside | work.spends_budget
    shares = tuple(_share(calendar, name, came, planned, (middles_s, up)) for name in calendar.fault)
    return Month(link.name, info.slice_s, up, counted, came, shares, survey)


def _window_s(link: Link, slice_s: float) -> float:
    """Of pulses some thousand clicks; of pairs, which are not simulated one by one, the time in which a slice may be judged."""
    if link.declared.entangled:
        return slice_s
    return min(max(_SHORTEST_S, _CLICKS / link.prediction.counts_hz), slice_s)


def _makes_key(link: Link, survey: Survey) -> npt.NDArray[np.bool_]:
    """By window: errors within the proof's limit, and enough for a block that is long enough to give key.

    The closed forms say which block would be the first to give any; so many times fewer clicks make a whole block as poor, or,
    of pairs, so many times fewer that both ends keep.
    """
    limit, block_s = link.declared.proof.qber_limit, link.declared.block_s
    poorest = link.prediction.first_key_block_s / block_s
    if link.declared.entangled:
        enough = survey.sifted / survey.window_s >= pair_rates(link.testbed.bench, link.name).key_hz * poorest
    else:
        enough = survey.counts.sum(axis=1) / survey.window_s >= link.prediction.counts_hz * poorest
    made: npt.NDArray[np.bool_] = enough & (survey.sifted > 0) & (survey.errors <= limit * survey.sifted)
    return made


def _inside(times_s: npt.NDArray[np.float64], came: Iterable[Occurrence]) -> npt.NDArray[np.bool_]:
    """Whether each time lies in any of them."""
    inside = np.zeros(times_s.shape, dtype=np.bool_)
    for one in came:
        inside |= (times_s >= one.start_s) & (times_s < one.end_s)
    return inside


def _share(
    calendar: FaultCalendar,
    name: str,
    came: Sequence[Occurrence],
    planned: Mapping[str, PlannedFault],
    slices: tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]],
) -> Share:
    declared, (middles_s, up), info = calendar.fault[name], slices, calendar.month
    own = [one for one in came if one.name == name]
    down = int((_inside(middles_s, own) & ~up).sum())
    times = len(declared.at_s) + declared.per_month * info.duration_s / (30.0 * 86_400.0)
    expected = times * declared.lasts_s / info.slice_s
    words = planned[name].words if name in planned else "stops the key"
    return Share(name, words, len(own), down, expected, declared.source)
