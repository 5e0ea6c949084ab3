"""Columns of plain text."""

from __future__ import annotations

import shutil
import sys
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["columns", "line_width"]

_LEAST = 24
_BELOW = 6


def line_width() -> int:
    """Columns of the terminal; 0 where there is none, so that what a program reads stays one line."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def columns(rows: Sequence[Sequence[str]], indent: str = "  ", width: int = 0) -> str:
    """Rows as lines, each column as wide as its widest cell; the last one is left ragged.

    With a ``width`` the last one goes on below itself; where it would be too narrow, it stands in lines of its own.
    """
    if not rows:
        return ""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    place = len(indent) + sum(widths) + 2 * len(widths)
    lines = []
    for row in rows:
        cells = indent + "".join(f"{cell.ljust(each)}  " for cell, each in zip(row[:-1], widths, strict=True))
        if not width or len(cells) + len(row[-1]) <= width:
            lines.append((cells + row[-1]).rstrip())
        elif width - place >= _LEAST:
            below = " " * place
            lines += wrap(row[-1], width, initial_indent=cells, subsequent_indent=below, break_long_words=False)
        else:
            below = indent + " " * _BELOW
            lines += [cells.rstrip(), *wrap(row[-1], width, initial_indent=below, subsequent_indent=below)]
    return "\n".join(lines)
