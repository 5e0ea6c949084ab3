"""A virtual month of a simulated link with a calendar of faults: which of its slices were up, sampled and not assumed.

In the middle of every slice a short window of clicks is simulated, with every fault that is in at that moment; the slice is up
when key could be made of such clicks. What the photons do not show (a classical channel that is cut, maintenance) the calendar
says itself. All of it is simulated, and shows what a link would be like on which these faults come as often as declared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.device_sims.world.calendar import Windows
from hil.device_sims.world.month import Change
from hil.errors import UsageError
from hil.operations.budget import History
from hil.operations.fault_calendar import occurrences
from hil.ports.run import Availability
from hil.testbed.injection.planned_fault import plan_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from hil.device_sims.world.month import Survey
    from hil.operations.fault_calendar import FaultCalendar, Occurrence
    from hil.testbed.injection.planned_fault import PlannedFault
    from hil.testbed.link import Link

__all__ = ["Month", "Share", "changes_of", "live"]

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

    MissingCapabilityError for a real link, UsageError for a fault that does not act on the simulated light.
    """
    info = calendar.month
    came = occurrences(calendar, seed)
    stops = frozenset(name for name, one in calendar.fault.items() if one.stops_key)
    planned = {name: plan_fault(link, one.fault, one.target, one.settings) for name, one in calendar.fault.items() if one.fault}
    survey = link.survey(
        info.duration_s,
        every=info.slice_s,
        window=min(max(_SHORTEST_S, _CLICKS / link.prediction.counts_hz), info.slice_s),
        first=info.slice_s / 2.0,
        changes=changes_of(link, planned, came, stops),
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


def changes_of(
    link: Link, planned: Mapping[str, PlannedFault], came: Sequence[Occurrence], stops: frozenset[str] = frozenset()
) -> list[Change]:
    """What happens to the bench when: of faults that hold the same setting at once the last one counts, as on a real bench.

    UsageError for a fault that moves something which is no part of the simulated light, unless its class is one of those whose
    effect is declared (``stops``).
    """
    of_light = {*link.device_names, *(f"{link.name}{arm}" for arm in ("", ".a", ".b"))}
    for name, fault in planned.items():
        if name not in stops and (strangers := sorted({move.device for move in fault.moves} - of_light)):
            raise UsageError(
                f"fault.{name}: {fault.words} acts on {', '.join(strangers)}, which the light of {link.name} does not see;"
                " expected a fault of its devices or its fibre, or stops_key = true besides"
            )
    shown = {name: [move for move in fault.moves if move.device in of_light] for name, fault in planned.items()}
    undos = [undo for fault in planned.values() for undo in fault.undos if undo.device in of_light]
    stood = {(undo.device, undo.setting): float(undo.value) for undo in undos}
    found: list[Change] = []
    present = dict(stood)
    for time_s in sorted({moment for one in came if one.name in planned for moment in (one.start_s, one.end_s)}):
        wanted = dict(stood)
        for one in came:
            if one.name in planned and one.start_s <= time_s < one.end_s:
                wanted |= {(move.device, move.setting): float(move.value) for move in shown[one.name]}
        found += [Change(time_s, *key, value) for key, value in wanted.items() if present[key] != value]
        present = wanted
    return found


def _makes_key(link: Link, survey: Survey) -> npt.NDArray[np.bool_]:
    """By window: errors within the proof's limit, and clicks enough for a block that is long enough to give key.

    The closed forms say which block would be the first to give any; so many times fewer clicks make a whole block as poor.
    """
    limit, block_s = link.declared.proof.qber_limit, link.declared.block_s
    fewest_hz = link.prediction.counts_hz * link.prediction.first_key_block_s / block_s
    enough = survey.counts.sum(axis=1) / survey.window_s >= fewest_hz
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
