"""A draft of the post-mortem of each game day of a run, for people to finish: ``post-mortem.md``; nothing without game days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.ports.spec import ReporterSpec
from hil.record.reader import read_record
from hil.verdict import Outcome

from ._gamedays import KINDS, WORDS
from ._lanes import moment
from ._numbers import seconds
from ._words import headline, kind_of_bench, markdown_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hil.record.model import FaultEntry, GamedayEntry, Record

__all__ = ["SPEC", "render"]


def render(record: Record) -> str:
    """All of it, in Markdown."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: Record) -> Iterator[str]:
    yield f"# Post-mortem, draft: {markdown_line(record.bench)}, run {markdown_line(record.run_id)}"
    yield ""
    when = f"{record.started[:10]} {record.started[11:19]} UTC"
    yield f"{markdown_line(headline(record))} Bench {kind_of_bench(record)}, seed {record.seed}, {when}."
    for entry in record.gamedays:
        yield from ("", *_gameday(entry, record))


def _gameday(entry: GamedayEntry, record: Record) -> Iterator[str]:
    faults = [fault for fault in record.faults if fault.case == entry.case and fault.link in {entry.link, ""}]
    yield f"## {entry.outcome.value}: {markdown_line(entry.title or entry.name)}"
    yield ""
    lasted = f"{moment(entry.begins_s)} to {moment(entry.ends_s)} of bench time"
    yield f"Game day {markdown_line(entry.name)} on link {markdown_line(entry.link)}, {lasted}."
    if entry.words:
        yield f"It ended early: {markdown_line(entry.words)}"
    yield from ("", "### What was injected", "")
    yield from (_injected(fault) for fault in sorted(faults, key=lambda fault: fault.start_s)) if faults else ("Nothing.",)
    yield from ("", "### What was seen, and when", "")
    yield from (
        f"- {moment(each.time_s)}: {_number(each.number)}{KINDS[each.kind]}. {markdown_line(each.text)}"
        for each in entry.moments
    )
    yield from ("", "### How soon, against what was expected", "")
    yield from ("| fault | reaction | measured | expected | outcome |", "|---|---|---|---|---|")
    for each in entry.reactions:
        measured = "not seen" if each.measured_s is None else seconds(each.measured_s)
        expected = "–" if each.expected_s is None else f"within {seconds(each.expected_s)}"
        judged = "not judged" if each.outcome is Outcome.SKIPPED else each.outcome.value
        yield f"| {_number(each.number)}{markdown_line(each.fault)} | {WORDS[each.what]} | {measured} | {expected} | {judged} |"
    yield from ("", "### What did not react, or did not hold", "")
    wrong = list(_wrong(entry))
    yield from wrong or ("Nothing: every reaction came in time, and everything held.",)
    yield from ("", "### For people to write", "")
    yield from (
        "- What it meant for whoever uses the keys:",
        "- Why it went as it did:",
        "- What is to be changed, by whom, until when:",
    )


def _injected(fault: FaultEntry) -> str:
    what = f"{markdown_line(fault.commanded or fault.fault)} on {markdown_line(fault.target)}"
    lasted = f"{moment(fault.start_s)} to {moment(fault.end_s)}, {seconds(fault.end_s - fault.start_s)}"
    healing = f"healed ({markdown_line(fault.healing)})" if fault.healed else "NOT SEEN TO BE HEALED"
    return f"- {what}, {lasted}. Seen: {markdown_line(fault.evidence)}. Then {healing}."


def _wrong(entry: GamedayEntry) -> Iterator[str]:
    for each in entry.reactions:
        if each.outcome not in {Outcome.PASS, Outcome.SKIPPED}:
            yield f"- {_number(each.number)}{markdown_line(each.fault)}, {WORDS[each.what]}: {markdown_line(each.words)}."
    for check in (*entry.steady, *entry.checks):
        if check.outcome is not Outcome.PASS:
            yield f"- {markdown_line(check.name)}: {check.outcome.value}, {markdown_line(check.words)}."


def _number(number: int) -> str:
    return f"F{number} " if number else ""


def _write(run: Path) -> Path | None:
    record = read_record(run)
    if not record.gamedays:
        return None
    path = run / "post-mortem.md"
    path.write_text(render(record), encoding="utf-8")
    return path


SPEC = ReporterSpec(name="post-mortem", title="a draft of the post-mortem of each game day, for people to finish", write=_write)
