"""Tables a test recorded (a coincidence matrix), as a terminal shows them, with what they show and what they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._words import clean

if TYPE_CHECKING:
    from rich.console import Console

    from hil.record.model import TableEntry

__all__ = ["print_table"]


def print_table(console: Console, entry: TableEntry) -> None:
    """The title, the table, and each sentence on a line of its own."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    axes = f" ({entry.row_title} down, {entry.column_title} across)" if entry.row_title and entry.column_title else ""
    console.print(Text(clean(f"{entry.title}{axes}")))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    if entry.row_names:
        table.add_column("")
    for title in entry.columns:
        table.add_column(Text(clean(title)), justify="right")
    for number, row in enumerate(entry.rows):
        name = [Text(clean(entry.row_names[number]))] if entry.row_names else []
        table.add_row(*name, *(Text(_cell(cell)) for cell in row))
    console.print(table)
    for sentence in entry.sentences:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_row(Text("·"), Text(clean(sentence)))
        console.print(grid)
    console.print()


def _cell(value: str | float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else clean(str(value))
