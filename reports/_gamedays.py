"""Game days of a run, gathered for a page: their chart, how soon the link reacted to each fault, and what held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._lanes import moment
from ._numbers import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hil.record.model import GamedayEntry, MomentEntry, ReactionEntry, Record

    from ._link_runs import LinkRunSection
    from ._timechart import Chart

__all__ = ["KINDS", "WORDS", "GamedaySection", "Lane", "Reaction", "gameday_sections"]

WORDS = {
    "detect": "detected",
    "stop": "last key",
    "alert": "alert",
    "recover": "key again",
}
"""A reaction, as a lane is called."""
KINDS = WORDS | {"fault": "fault in", "heal": "healed", "abort": "called off"}
"""A moment, as the timeline calls it."""

_CROWDED = 62.0
"""Per cent of the axis from which on a label no longer fits behind its bar on a narrow screen."""


@dataclass(frozen=True)
class Lane:
    """One reaction along the chart's axis, in per cent from the left: from the moment it is timed from, to when it was there.

    ``limit`` is where it should have been at the latest; None where nothing was expected, or beyond the axis.
    """

    number: int
    what: str
    label: str
    left: float
    width: float
    limit: float | None
    outcome: str
    flipped: bool


@dataclass(frozen=True)
class Reaction:
    """A reaction in words."""

    entry: ReactionEntry
    what: str
    since: str
    expected: str
    measured: str


@dataclass(frozen=True)
class GamedaySection:
    """One game day."""

    anchor: str
    entry: GamedayEntry
    run: LinkRunSection | None
    lanes: tuple[Lane, ...]
    reactions: tuple[Reaction, ...]
    moments: tuple[tuple[str, MomentEntry], ...]

    @property
    def chart(self) -> Chart | None:
        """Curves over the same axis as the lanes."""
        return self.run.chart if self.run else None


def gameday_sections(record: Record, runs: Sequence[LinkRunSection]) -> list[GamedaySection]:
    """Every game day of the record, in its order."""
    return [_section(number, entry, runs) for number, entry in enumerate(record.gamedays, start=1)]


def _section(number: int, entry: GamedayEntry, runs: Sequence[LinkRunSection]) -> GamedaySection:
    run = next((each for each in runs if each.case == entry.case and each.link in {entry.link, ""}), None)
    return GamedaySection(
        anchor=f"gameday-{number}",
        entry=entry,
        run=run,
        lanes=tuple(_lanes(entry, run.chart)) if run is not None and run.chart is not None else (),
        reactions=tuple(_reaction(each) for each in entry.reactions),
        moments=tuple((moment(each.time_s), each) for each in entry.moments),
    )


def _reaction(entry: ReactionEntry) -> Reaction:
    return Reaction(
        entry=entry,
        what=WORDS[entry.what],
        since="healing" if entry.what == "recover" else "the fault",
        expected="–" if entry.expected_s is None else f"within {seconds(entry.expected_s)}",
        measured="not seen" if entry.measured_s is None else seconds(entry.measured_s),
    )


def _lanes(entry: GamedayEntry, chart: Chart) -> Iterator[Lane]:
    """A lane for every reaction that was seen or expected, timed from the fault's own moments."""
    for reaction in entry.reactions:
        from_s = _moment_s(entry, reaction.number, "heal" if reaction.what == "recover" else "fault")
        if from_s is None or (reaction.measured_s is None and reaction.expected_s is None):
            continue
        left = _across(chart, from_s)
        reached_s = reaction.measured_s if reaction.measured_s is not None else reaction.expected_s or 0.0
        right = _across(chart, from_s + reached_s)
        label = f"{WORDS[reaction.what]} {seconds(reaction.measured_s)}" if reaction.measured_s is not None else "not seen"
        limit = None if reaction.expected_s is None else _across(chart, from_s + reaction.expected_s)
        yield Lane(
            number=reaction.number,
            what=WORDS[reaction.what],
            label=label,
            left=round(left, 3),
            width=round(right - left, 3),
            limit=None if limit is None or limit > 100.0 else round(limit, 3),
            outcome=reaction.outcome.value,
            flipped=max(right, limit or 0.0) > _CROWDED,
        )


def _moment_s(entry: GamedayEntry, number: int, kind: str) -> float | None:
    return next((each.time_s for each in entry.moments if each.number == number and each.kind == kind), None)


def _across(chart: Chart, time_s: float) -> float:
    """Per cent from the left of the chart's axis."""
    return 100.0 * (time_s - chart.start_s) / (chart.end_s - chart.start_s)
