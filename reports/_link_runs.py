"""What each test did with each link, gathered for one section of a page: chart, moments, blocks, verdicts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from hil.errors import UsageError
from hil.record.series import read_series
from hil.record.timeline import first_key_after
from hil.verdict import Outcome

from ._lanes import moment
from ._numbers import quantity, seconds
from ._timechart import Chart, time_chart
from ._words import case_name, plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hil.record.model import BlockEntry, FaultEntry, Record, SeriesEntry, TestEntry, TimelineEntry
    from hil.record.series import Series

    from ._verdict_rows import Row

__all__ = ["Blocks", "FaultStory", "LinkRunSection", "link_runs"]


class _Placed(Protocol):
    """Whatever names its test and link."""

    @property
    def case(self) -> str: ...

    @property
    def link(self) -> str: ...


_POINTS = 70_000
"""Points drawn on a whole page, about 12 bytes each."""
_COLUMNS = (500, 350, 250, 160, 100, 60, 40, 20, 10)
_ROWS = 600
"""Rows of block tables on a whole page, about 900 bytes each."""
_OPEN = 4


@dataclass(frozen=True)
class FaultStory:
    """A fault from injection to the first key afterwards."""

    number: int
    entry: FaultEntry
    lasted: str
    recovery: str
    touched: str


@dataclass(frozen=True)
class Blocks:
    """The blocks that are shown, and what the others were."""

    shown: tuple[BlockEntry, ...]
    said: str
    left_out: str


@dataclass(frozen=True)
class LinkRunSection:
    """One test on one link."""

    anchor: str
    case: str
    name: str
    link: str
    test: TestEntry | None
    chart: Chart | None
    files: tuple[str, ...]
    trouble: tuple[str, ...]
    faults: tuple[FaultStory, ...]
    moments: tuple[tuple[str, TimelineEntry], ...]
    blocks: Blocks
    verdicts: tuple[Row, ...]
    opened: bool = False

    @property
    def outcome(self) -> Outcome | None:
        """Of the test; None where the record names none."""
        return self.test.outcome if self.test else None


def link_runs(record: Record, run: Path, verdicts: Sequence[Row]) -> list[LinkRunSection]:
    """One section for each test and link that has something to show: those with faults first, then worst first."""
    groups: tuple[Sequence[_Placed], ...] = (record.series, record.faults, record.blocks, record.timeline)
    keys = dict.fromkeys((entry.case, entry.link) for group in groups for entry in group)
    source = _Source(record, run, verdicts, _columns(record.series), max(10, _ROWS // max(1, len(keys))))
    found = [_section(source, case, link) for case, link in _merged(list(keys))]
    severity = {None: len(Outcome)} | {outcome: outcome.severity for outcome in Outcome}
    found.sort(key=lambda section: (not section.faults, severity[section.outcome], section.case, section.link))
    return [_opened(section, place) for place, section in enumerate(found)]


def _merged(keys: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What names no link belongs to the test's only link, if it has just one."""
    links: dict[str, list[str]] = {}
    for case, link in keys:
        links.setdefault(case, [])
        if link:
            links[case].append(link)
    return [(case, link) for case, link in keys if link or len(links[case]) != 1]


def _opened(section: LinkRunSection, place: int) -> LinkRunSection:
    notable = bool(section.faults) or section.outcome not in {Outcome.PASS, Outcome.SKIPPED, None}
    return replace(section, opened=place == 0 or (notable and place < _OPEN))


def _columns(series: Sequence[SeriesEntry]) -> int:
    """How finely curves are drawn so that all of them together stay light."""
    sizes = [column.points for entry in series for column in entry.columns]
    fits = (columns for columns in _COLUMNS if sum(min(size, 4 * columns) for size in sizes) <= _POINTS)
    return next(fits, _COLUMNS[-1])


@dataclass(frozen=True)
class _Source:
    """Where sections come from, and how much each may show."""

    record: Record
    run: Path
    verdicts: Sequence[Row]
    columns: int
    rows: int


def _section(source: _Source, case: str, link: str) -> LinkRunSection:
    record = source.record
    files = [entry.file for entry in record.series if _belongs(entry, case, link)]
    faults = sorted((entry for entry in record.faults if _belongs(entry, case, link)), key=lambda entry: entry.start_s)
    blocks = [entry for entry in record.blocks if _belongs(entry, case, link)]
    moments = [entry for entry in record.timeline if _belongs(entry, case, link)]
    own = [row for row in source.verdicts if row.entry.case == case]
    series, trouble = _read(source.run, files)
    judged = {row.entry.indicator for row in own}
    limits = [row.entry for row in own if row.entry.subject == link or not link]
    declared = [rule for rule in record.rules if rule.indicator not in judged and rule.link in {"", link}]
    return LinkRunSection(
        anchor=f"run-{hashlib.sha256(f'{case}/{link}'.encode()).hexdigest()[:10]}",
        case=case,
        name=case_name(case) or "outside any test",
        link=link,
        test=next((test for test in record.tests if test.case == case), None),
        chart=time_chart(series, source.columns, faults=faults, blocks=blocks, moments=moments, limits=[*limits, *declared]),
        files=tuple(files),
        trouble=tuple(trouble),
        faults=tuple(_story(number, fault, blocks) for number, fault in enumerate(faults, start=1)),
        moments=tuple((moment(entry.time_s), entry) for entry in moments),
        blocks=_blocks(blocks, source.rows),
        verdicts=tuple(own),
    )


def _belongs(entry: _Placed, case: str, link: str) -> bool:
    return entry.case == case and (not entry.link or entry.link == link)


def _read(run: Path, files: Sequence[str]) -> tuple[Series, list[str]]:
    """The series of all files of a test and link; a test that ran the link twice has two, joined by name."""
    import numpy as np

    joined: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    trouble = []
    for file in files:
        try:
            for name, pair in read_series(run / file).items():
                joined.setdefault(name, []).append(pair)
        except UsageError as error:
            trouble.append(str(error).replace(f"{run / file}", file))
    return {
        name: (np.concatenate([times for times, _ in pairs]), np.concatenate([values for _, values in pairs]))
        for name, pairs in joined.items()
    }, trouble


def _story(number: int, fault: FaultEntry, blocks: Sequence[BlockEntry]) -> FaultStory:
    first = first_key_after(fault, blocks)
    touched = [block for block in blocks if block.start_s < fault.end_s and block.end_s > fault.start_s]
    gave = sum(block.released for block in touched)
    if not fault.healed:
        recovery = "not seen to be healed"
    elif first is None:
        recovery = "no later block gave key"
    else:
        recovery = f"first key {quantity(max(0.0, first.end_s - fault.end_s), 's')} after healing, block {first.sequence}"
    said = f"{plural(len(touched), 'block')} touched, {gave or 'none'} with key" if touched else "no block touched"
    return FaultStory(number, fault, seconds(fault.end_s - fault.start_s), recovery, said)


def _blocks(blocks: Sequence[BlockEntry], cap: int) -> Blocks:
    """All blocks, or of many the ones without key and in a fault first."""
    ordered = sorted(blocks, key=lambda block: (block.start_s, block.sequence))
    gave = sum(block.released for block in ordered)
    said = f"{plural(len(ordered), 'block')}, {gave} with key" if ordered else ""
    if len(ordered) <= cap:
        return Blocks(tuple(ordered), said, "")
    telling = sorted(range(len(ordered)), key=lambda place: (ordered[place].released and not ordered[place].faults, place))
    shown = [ordered[place] for place in sorted(telling[:cap])]
    return Blocks(tuple(shown), said, f"{plural(len(ordered) - cap, 'more block')} in record.json")
