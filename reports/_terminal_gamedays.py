"""Game days for a terminal: how soon the link reacted to each fault against what was expected, what held, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.verdict import Outcome

from ._gamedays import WORDS
from ._lanes import moment
from ._numbers import seconds
from ._words import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.text import Text

    from hil.record.model import CheckEntry, GamedayEntry, ReactionEntry

__all__ = ["print_gameday"]

_NOT_JUDGED = "not judged"
_FEW = 4
"""Names of more than these do not fit beside each other."""


def print_gameday(console: Console, entry: GamedayEntry, styles: Mapping[Outcome, str]) -> None:
    """Its outcome, a line for each fault and reaction, and what had to hold; words where something is not as expected."""
    from rich.text import Text

    link = f" on link {entry.link}" if entry.link else ""
    lasted = f", {moment(entry.begins_s)} to {moment(entry.ends_s)}"
    console.print(
        Text.assemble((entry.outcome.value, styles[entry.outcome]), f"  game day {clean(entry.name)}{clean(link)}{lasted}")
    )
    if entry.words:
        _indented(console, f"it ended early: {entry.words}")
    if entry.reactions:
        _reactions(console, entry.reactions, styles)
    for when in ("before", "after"):
        steady = [check for check in entry.steady if check.name.endswith(f", {when}")]
        _held(console, f"steady state {when}", steady, styles, f", {when}")
    _held(console, "held throughout", entry.checks, styles)
    console.print()


def _reactions(console: Console, reactions: Sequence[ReactionEntry], styles: Mapping[Outcome, str]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title, justify in (("fault", "left"), ("reaction", "left"), ("measured", "right"), ("expected", "right")):
        table.add_column(title, justify=justify, no_wrap=title != "fault")  # type: ignore[arg-type]
    table.add_column("outcome", no_wrap=True)
    before = 0
    for each in reactions:
        fault = f"F{each.number} {each.fault} on {each.target}" if each.number != before else ""
        measured = "not seen" if each.measured_s is None else seconds(each.measured_s)
        expected = "–" if each.expected_s is None else f"within {seconds(each.expected_s)}"
        judged = Text(_NOT_JUDGED, "dim") if each.outcome is Outcome.SKIPPED else _outcome(each.outcome, styles)
        table.add_row(Text(clean(fault)), WORDS[each.what], measured, expected, judged)
        before = each.number
    console.print(table)
    for each in reactions:
        if each.outcome not in {Outcome.PASS, Outcome.SKIPPED}:
            _indented(console, f"F{each.number} {WORDS[each.what]}: {each.words}")


def _held(console: Console, title: str, checks: Sequence[CheckEntry], styles: Mapping[Outcome, str], ending: str = "") -> None:
    """On one line where all of them did."""
    from rich.text import Text

    if not checks:
        return
    line = Text(f"  {title}: ")
    good = sum(check.outcome is Outcome.PASS for check in checks)
    if good == len(checks) > _FEW:
        line.append(f"all {good} ").append(_outcome(Outcome.PASS, styles))
    else:
        for number, check in enumerate(checks):
            name = clean(check.name.removesuffix(ending))
            line.append(f"{', ' if number else ''}{name} ").append(_outcome(check.outcome, styles))
    console.print(line)
    for check in checks:
        if check.outcome is not Outcome.PASS:
            _indented(console, f"{check.name.removesuffix(ending)}: {check.words}")


def _outcome(outcome: Outcome, styles: Mapping[Outcome, str]) -> Text:
    from rich.text import Text

    return Text(outcome.value, styles[outcome])


def _indented(console: Console, text: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(clean(text)), (0, 0, 0, 4)))
