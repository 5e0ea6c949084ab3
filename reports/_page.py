"""Everything the HTML page says, gathered from the record; its template only places it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.verdict import WRONG_USE, Outcome

from ._gamedays import KINDS, gameday_sections
from ._lanes import moment
from ._link_runs import link_runs
from ._numbers import quantity, seconds, size
from ._plots import plot, table
from ._verdict_rows import rows
from ._words import (
    case_name,
    headline,
    kind_of_bench,
    ordered,
    outcome_word,
    plural,
    rules,
    tally,
    unresolved_tests,
    unresolved_verdicts,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hil.record.model import KeyEntry, Record, TestEntry

__all__ = ["HELPERS", "page"]

SIGNS = {
    Outcome.FAIL: "✕",
    Outcome.ERROR: "!",
    Outcome.INCONCLUSIVE: "?",
    Outcome.SKIPPED: "–",
    Outcome.PASS: "✓",
}
_KINDS = {
    "simulated": "Every device of this bench was simulated: the numbers below say nothing of hardware.",
    "mixed": "Some devices of this bench were simulated: what they fed is marked, and says nothing of hardware.",
    "rehearsed": "A rehearsal of a chaos plan on twins: nothing below was measured on this bench, and nothing real was moved.",
    "replayed": "The devices of this bench were tapes of an earlier run: nothing below was measured in this one.",
    "real": "Nothing in this run was simulated.",
}
_FINGERPRINTS = 3
HELPERS = {
    "quantity": quantity,
    "seconds": seconds,
    "size": size,
    "moment": moment,
    "case_name": case_name,
    "outcome_word": outcome_word,
}
"""Filters of the template."""


def page(record: Record, run: Path) -> dict[str, Any]:
    """The template's variables."""
    verdicts = rows(record)
    sections = link_runs(record, run, verdicts)
    days = gameday_sections(record, sections)
    return {
        "record": record,
        "headline": headline(record),
        "unjudged": not record.tests and not record.verdicts and bool(record.tables or record.plots),
        "kind": kind_of_bench(record),
        "kind_words": _KINDS[kind_of_bench(record)],
        "gates": tally(verdict for verdict in record.verdicts if verdict.gate) or "none",
        "tally": tally(record.tests) or "none",
        "verdicts": verdicts,
        "unresolved": _unresolved(record),
        "confidences": " or ".join(
            f"{100 * level:g} %" for level in sorted({v.confidence for v in record.verdicts if v.confidence})
        ),
        "skips": _skips(record),
        "sections": sections,
        "gamedays": days,
        "moment_kinds": KINDS,
        "drawn_above": {day.run.anchor: day.anchor for day in days if day.run},
        "anchors": {section.case: section.anchor for section in reversed(sections)},
        "stories": [(section, story) for section in sections for story in section.faults],
        "notes": [note for note in record.notes if note.time_s is None],
        "recordings": _recordings(record),
        "suites": _suites(record),
        "rules": list(rules(ordered(record))),
        "declared": record.rules,
        "keys": [_keys(entry) for entry in record.keys if entry.fingerprints],
        "signs": SIGNS,
        "outcomes": list(Outcome),
        "wrong_use": WRONG_USE,
    }


def _unresolved(record: Record) -> list[tuple[Outcome, str, str, str, str, bool]]:
    """(outcome, its word, what, reason, case, gate) of all but PASS; a test that only repeats its verdict is left out."""
    told = {(verdict.case, verdict.outcome) for verdict in unresolved_verdicts(record)}
    found = [
        (
            verdict.outcome,
            verdict.outcome.value,
            f"{verdict.indicator} of {verdict.subject}",
            verdict.reason,
            verdict.case,
            verdict.gate,
        )
        for verdict in unresolved_verdicts(record)
    ]
    found += [
        (test.outcome, outcome_word(test), _name(test), test.reason or test.outcome.meaning, test.case, True)
        for test in unresolved_tests(record)
        if (test.case, test.outcome) not in told
    ]
    return sorted(found, key=lambda left: (not left[-1], left[0].severity))


def _name(test: TestEntry) -> str:
    return case_name(test.case) if test.title in {"", test.case} else test.title


def _skips(record: Record) -> list[tuple[str, list[str]]]:
    """Each reason for skipping, and the tests it skipped."""
    found: dict[str, list[str]] = {}
    for test in record.tests:
        if test.outcome is Outcome.SKIPPED:
            found.setdefault(test.reason or "no reason given", []).append(test.case)
    return list(found.items())


def _recordings(record: Record) -> list[tuple[str, str, list[Any], list[Any]]]:
    """(case, link, plots, tables) of every test that recorded some."""
    keys = dict.fromkeys(
        [(entry.case, entry.link) for entry in record.plots] + [(entry.case, entry.link) for entry in record.tables]
    )
    return [
        (
            case,
            link,
            [(entry, plot(entry)) for entry in record.plots if (entry.case, entry.link) == (case, link)],
            [table(entry) for entry in record.tables if (entry.case, entry.link) == (case, link)],
        )
        for case, link in keys
    ]


def _suites(record: Record) -> list[tuple[str, list[TestEntry], str]]:
    """(suite, its tests, their outcomes in words), the worst tests first."""
    found: dict[str, list[TestEntry]] = {}
    for test in record.tests:
        found.setdefault(test.case.partition("::")[0].partition(".")[0] or "tests", []).append(test)
    return [
        (suite, sorted(tests, key=lambda test: (test.outcome.severity, test.case)), tally(tests))
        for suite, tests in found.items()
    ]


def _keys(entry: KeyEntry) -> tuple[KeyEntry, str]:
    """An entry, and the first of its fingerprints in short."""
    first = ", ".join(f"{text[:16]}…" for text in entry.fingerprints[:_FINGERPRINTS])
    more = len(entry.fingerprints) - _FINGERPRINTS
    return entry, f"{first} and {plural(more, 'other')}" if more > 0 else first
