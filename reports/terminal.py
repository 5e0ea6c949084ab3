"""The verdict table for a terminal, 80 columns or more, with or without colour; written as ``verdicts.txt``."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from typing import TYPE_CHECKING

from hil.ports.spec import ReporterSpec
from hil.record.events import STAGE
from hil.record.model import TableEntry
from hil.record.reader import read_record
from hil.verdict import Outcome

from ._numbers import count, quantity, seconds, spread
from ._terminal_gamedays import print_gameday
from ._terminal_tables import print_table
from ._words import (
    case_name,
    clean,
    headline,
    kind_of_bench,
    looked,
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
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from hil.record.model import LatencyEntry, Record, VerdictEntry

__all__ = ["SPEC", "render"]

_STYLES = {
    Outcome.FAIL: "bold red",
    Outcome.ERROR: "bold magenta",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.SKIPPED: "dim",
    Outcome.PASS: "green",
}
_WIDE = 120
_LEFT = {"outcome", "SLO", "subject", "test"}
_WIDE_TITLES = ["outcome", "SLO", "subject", "test", "estimate", "interval", "n", "limit", "rule"]
_NARROW_TITLES = ["outcome", "SLO\nsubject", "estimate\ninterval", "n", "limit", "rule"]
_ELASTIC_WIDE = (3, 2, 1)
_ELASTIC_NARROW = (1,)
_SHORTEST = 8


def render(record: Record, width: int = 80, color: bool = False) -> str:
    """Verdicts, recorded tables, game days, what is not PASS and why, rules and headline, ``width`` columns wide."""
    from rich.console import Console

    text = StringIO()
    console = Console(
        file=text,
        width=max(72, width),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    if record.verdicts:
        console.print(_table(record, console.width))
        console.print()
    for entry in (*record.tables, *_stage_tables(record)):
        print_table(console, entry)
    for day in record.gamedays:
        print_gameday(console, day, _STYLES)
    _print_looks(console, record)
    _print_reasons(console, record)
    _print_skips(console, record)
    for rule, number in rules(ordered(record)).items():
        _hang(console, f"[{number}]", rule, "dim")
    for problem in record.problems:
        _hang(console, "record:", problem, "bold magenta")
    console.print()
    _print_headline(console, record)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _stage_tables(record: Record) -> list[TableEntry]:
    """For each link whose blocks were distilled here, what a block's stages took."""
    of_link: dict[str, list[LatencyEntry]] = {}
    for entry in record.latencies:
        if entry.operation.startswith(STAGE):
            of_link.setdefault(entry.link, []).append(entry)
    return [
        TableEntry(
            title=f"{link}: what a block takes of this machine",
            columns=("blocks", "median", "95 %", "longest"),
            rows=tuple((one.n, *(quantity(s, "s") for s in (one.median_s, one.p95_s, one.max_s))) for one in stages),
            row_names=tuple(one.operation.removeprefix(STAGE) for one in stages),
            row_title="stage",
            sentences=("On the process's own clock, both parties together; stages of different blocks overlap.",),
            link=link,
        )
        for link, stages in of_link.items()
    ]


def _table(record: Record, width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide = width >= _WIDE
    verdicts = ordered(record)
    cells = [_cells(verdict, number, wide=wide) for verdict, number in zip(verdicts, _numbers(verdicts), strict=True)]
    titles = _WIDE_TITLES if wide else _NARROW_TITLES
    fitted = _fit([titles, *cells], width - (2 if wide else 1) * (len(titles) - 1), _ELASTIC_WIDE if wide else _ELASTIC_NARROW)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1 if wide else 0, 0, 0))
    for title in fitted[0]:
        table.add_column(title, justify="left" if title.partition("\n")[0] in _LEFT else "right", no_wrap=True)
    for verdict, row in zip(verdicts, fitted[1:], strict=True):
        table.add_row(Text(row[0], _STYLES[verdict.outcome]), *(Text(cell) for cell in row[1:]))
    if not all(verdict.gate for verdict in verdicts):
        table.caption = "* not a gate of this run"
        table.caption_justify = "left"
    return table


def _numbers(verdicts: list[VerdictEntry]) -> list[str]:
    numbers = rules(verdicts)
    return [f"[{numbers[verdict.rule]}]" if verdict.rule else "–" for verdict in verdicts]


def _cells(verdict: VerdictEntry, rule: str, *, wide: bool) -> list[str]:
    unit = clean(verdict.unit)
    estimate, interval = spread(verdict.estimate, verdict.low, verdict.high, unit)
    outcome = verdict.outcome.value + ("" if verdict.gate else "*")
    ending = [observed(verdict), quantity(verdict.limit, unit, digits=4), rule]
    if wide:
        return [outcome, verdict.indicator, verdict.subject, case_name(verdict.case), estimate, interval, *ending]
    return [outcome, f"{verdict.indicator}\n{verdict.subject}", f"{estimate}\n{interval}".rstrip(), *ending]


def _fit(rows: list[list[str]], width: int, elastic: tuple[int, ...]) -> list[list[str]]:
    """Shorten names, in the columns that may be shortened, until the rows fit; numbers are never cut."""
    widths = [max(len(line) for row in rows for line in row[column].split("\n")) for column in range(len(rows[0]))]
    for column in elastic:
        excess = sum(widths) - width
        widths[column] = max(_SHORTEST, widths[column] - max(0, excess)) if excess > 0 else widths[column]
    return [
        [
            "\n".join(_shorten(line, widths[column]) for line in cell.split("\n")) if column in elastic else cell
            for column, cell in enumerate(row)
        ]
        for row in rows
    ]


def _shorten(text: str, width: int) -> str:
    text = clean(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _print_looks(console: Console, record: Record) -> None:
    """Of verdicts that were looked for block after block: how often, and what that saved."""
    for verdict in ordered(record):
        if said := looked(verdict):
            most = f", n up to {count(verdict.n_max)}" if verdict.n_max else ""
            _hang(console, f"{verdict.indicator} of {verdict.subject}:", f"{said} (n {count(verdict.n)}{most})", "dim")


def _print_reasons(console: Console, record: Record) -> None:
    """Every verdict, and every test, that is not PASS, with its reason; a test that only repeats its verdict is left out."""
    told: set[tuple[str, Outcome]] = set()
    for verdict in unresolved_verdicts(record):
        told.add((verdict.case, verdict.outcome))
        place = f"  ({case_name(verdict.case)})" if verdict.case else ""
        said = f"{verdict.indicator} of {verdict.subject}{'' if verdict.gate else ' (not a gate)'}: {verdict.reason}"
        _hang(console, f"{verdict.outcome.value:<12}", said, _STYLES[verdict.outcome], place)
    same: dict[tuple[str, Outcome, str], list[str]] = {}
    for test in unresolved_tests(record):
        if (test.case, test.outcome) not in told:
            same.setdefault((outcome_word(test), test.outcome, test.reason or test.outcome.meaning), []).append(test.case)
    for (said, outcome, reason), cases in same.items():  # a bench that is away is said once, not once for each test
        where = cases[0] if len(cases) == 1 else f"{plural(len(cases), 'test')} ({case_name(cases[0])} and others)"
        _hang(console, f"{said:<12}", f"{where}: {reason}", _STYLES[outcome])


def _print_skips(console: Console, record: Record) -> None:
    skipped = Counter(test.reason or "no reason given" for test in record.tests if test.outcome is Outcome.SKIPPED)
    for reason, number in skipped.items():
        _hang(console, f"{'SKIPPED':<12}", f"{plural(number, 'test')}: {reason}", "dim")
    if skipped or unresolved_verdicts(record):
        console.print()


def _hang(console: Console, mark: str, text: str, style: str, aside: str = "") -> None:
    """A mark, and text indented beside it."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(mark, style), Text(clean(text), "dim" if style == "dim" else "").append(clean(aside), "dim"))
    console.print(grid)


def _print_headline(console: Console, record: Record) -> None:
    from rich.text import Text

    console.print(Text.assemble((record.outcome.value, _STYLES[record.outcome]), f"  {clean(headline(record))}"))
    tests = tally(record.tests) or "none"
    gates = tally(verdict for verdict in record.verdicts if verdict.gate) or "none"
    console.print(Text(f"tests: {tests}"))
    console.print(Text(f"gates: {gates}"))
    console.print(
        Text(f"bench: {clean(record.bench)} ({kind_of_bench(record)}), seed {record.seed}, {seconds(record.duration_s)}")
    )


def _write(run: Path) -> Path:
    path = run / "verdicts.txt"
    path.write_text(render(read_record(run), width=140), encoding="utf-8")
    return path


SPEC = ReporterSpec(name="terminal", title="verdict table as plain text", write=_write)
