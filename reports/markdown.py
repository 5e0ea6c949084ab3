"""Markdown for a pull request: headline, verdict table, what failed and why; ``report.md``, under 60,000 characters."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hil.ports.spec import ReporterSpec
from hil.record.reader import read_record
from hil.verdict import Outcome

from ._numbers import quantity, seconds, spread
from ._words import (
    case_name,
    headline,
    kind_of_bench,
    looked,
    markdown_line,
    observed,
    ordered,
    outcome_word,
    plural,
    rules,
    tally,
    unresolved_tests,
    unresolved_verdicts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hil.record.model import Record, VerdictEntry

__all__ = ["LONGEST", "SPEC", "text"]

LONGEST = 60_000
"""Characters; GitHub refuses comments over 65,536."""

_SIGNS = {
    Outcome.FAIL: "❌",
    Outcome.ERROR: "💥",
    Outcome.INCONCLUSIVE: "❔",
    Outcome.SKIPPED: "➖",
    Outcome.PASS: "✅",
}
_ROW_BUDGET = 30_000
_REASON_BUDGET = 12_000
_DETAIL_BUDGET = 6_000
_REASON_LENGTH = 1_000


def text(record: Record) -> str:
    """The whole comment; what does not fit is counted and left to the other reports."""
    parts = [
        f"## {_SIGNS[record.outcome]} {record.outcome.value}: {markdown_line(record.bench)} ({kind_of_bench(record)})",
        markdown_line(headline(record)),
        _verdict_table(record),
        _reasons(record),
        _details(record),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict_table(record: Record) -> str:
    passed = [verdict for verdict in ordered(record) if verdict.outcome is Outcome.PASS]
    verdicts = [*unresolved_verdicts(record), *passed]  # what is cut off passed
    numbers = rules(ordered(record))
    head = ["| | SLO | subject | estimate | interval | n | limit | rule |", "|---|---|---|---:|---:|---:|---:|---|"]
    rows = _within(_ROW_BUDGET, [_row(verdict, numbers) for verdict in verdicts], "verdict")
    return "\n".join([*head, *rows]) if verdicts else "No verdict was reached."


def _row(verdict: VerdictEntry, numbers: dict[str, int]) -> str:
    estimate, interval = spread(verdict.estimate, verdict.low, verdict.high, verdict.unit)
    cells = [
        f"{_SIGNS[verdict.outcome]} {verdict.outcome.value}" + (f" ({markdown_line(verdict.grade)})" if verdict.grade else ""),
        markdown_line(verdict.indicator) + ("" if verdict.gate else " (no gate)"),
        markdown_line(verdict.subject),
        markdown_line(estimate),
        markdown_line(interval),
        "; ".join(part for part in (observed(verdict), looked(verdict)) if part),
        markdown_line(quantity(verdict.limit, verdict.unit, digits=4)),
        str(numbers.get(verdict.rule, "–")),
    ]
    return f"| {' | '.join(cells)} |"


def _reasons(record: Record) -> str:
    gates = [verdict for verdict in unresolved_verdicts(record) if verdict.gate and verdict.outcome is not Outcome.SKIPPED]
    told = {(verdict.case, verdict.outcome) for verdict in gates}
    lines = [
        f"- **{verdict.outcome.value}** {_about(verdict)}: {_reason(verdict.reason)}"
        + (f" (in {markdown_line(case_name(verdict.case))})" if verdict.case else "")
        for verdict in gates
    ]
    lines += [
        f"- **{outcome_word(test)}** {markdown_line(test.case)}: {_reason(test.reason or test.outcome.meaning)}"
        for test in unresolved_tests(record)
        if (test.case, test.outcome) not in told
    ]
    lines += [f"- **record** {_reason(problem)}" for problem in record.problems]
    return "\n".join(["### What did not pass", "", *_within(_REASON_BUDGET, lines, "reason")]) if lines else ""


def _details(record: Record) -> str:
    declared = [f"{number}. {markdown_line(rule)}" for rule, number in rules(ordered(record)).items()]
    left = [verdict for verdict in unresolved_verdicts(record) if not verdict.gate or verdict.outcome is Outcome.SKIPPED]
    aside = [f"- {verdict.outcome.value} {_about(verdict)}: {_reason(verdict.reason)}" for verdict in left]
    skipped = Counter(test.reason or "no reason given" for test in record.tests if test.outcome is Outcome.SKIPPED)
    skips = [f"- {plural(number, 'test')}: {_reason(reason)}" for reason, number in skipped.items()]
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    firmware = ", ".join(f"{device.name} {device.firmware}" for device in record.devices if device.firmware)
    identity = [
        f"- run {markdown_line(record.run_id)}, started {record.started}, {seconds(record.duration_s)}",
        f"- bench {markdown_line(record.bench)} ({kind_of_bench(record)}), seed {record.seed}",
        f"- firmware: {markdown_line(firmware) or 'none reported'}",
        f"- {markdown_line(versions)}",
        f"- tests: {tally(record.tests) or 'none'}",
    ]
    sections = [
        _section("Bench and run", identity),
        _section("Decision rules", declared),
        _section("Not decided, and no gate of this run", aside),
        _section("Skipped tests", skips),
    ]
    return "\n\n".join(section for section in sections if section)


def _section(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    body = "\n".join(_within(_DETAIL_BUDGET // 2, lines, "line"))
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _within(budget: int, lines: Iterable[str], word: str) -> list[str]:
    """As many lines as fit the budget of characters, then how many were left out."""
    kept: list[str] = []
    left = 0
    for line in lines:
        budget -= len(line) + 1
        if budget >= 0:
            kept.append(line)
        else:
            left += 1
    prefix = "|" if kept and kept[0].startswith("|") else "-"
    ending = f"… {plural(left, 'more ' + word)} in the HTML report"
    return [*kept, f"{prefix} {ending}{' |' * 8 if prefix == '|' else ''}"] if left else kept


def _reason(reason: str) -> str:
    return markdown_line(reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]} …")


def _about(verdict: VerdictEntry) -> str:
    return f"{markdown_line(verdict.indicator)} of {markdown_line(verdict.subject)}"


def _write(run: Path) -> Path:
    path = run / "report.md"
    path.write_text(text(read_record(run)), encoding="utf-8")
    return path


SPEC = ReporterSpec(name="markdown", title="Markdown for a pull request", write=_write)
