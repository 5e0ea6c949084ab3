"""Small plots and tables a test recorded (a correlation histogram, a coincidence matrix), ready to be drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._numbers import quantity
from ._svg import HEIGHT, WIDTH, Axis, dots, line, linear_axis, pieces, thin

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.record.model import PlotEntry, TableEntry

__all__ = ["Cell", "Plot", "Table", "plot", "table"]

_COLUMNS = 500
_DOTS_UP_TO = 120


@dataclass(frozen=True)
class Plot:
    """A plot: path, ticks (per cent, label), marks (per cent, label, lane above the plot, turned left)."""

    entry: PlotEntry
    path: str
    points: str
    filled: bool
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]
    marks: tuple[tuple[float, str, int, bool], ...]
    lanes: int
    words: str


@dataclass(frozen=True)
class Cell:
    """A cell as text; ``heat`` from 0 to 1 shades numbers of a matrix, which stay readable beside it."""

    text: str
    number: bool
    heat: float | None = None


@dataclass(frozen=True)
class Table:
    """A table's rows as cells."""

    entry: TableEntry
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def plot(entry: PlotEntry) -> Plot | None:
    """The drawing of a plot; None where it has no number."""
    import numpy as np

    size = min(len(entry.x), len(entry.y))
    x = np.array(entry.x[:size], dtype=np.float64)
    y = np.array([np.nan if value is None else value for value in entry.y[:size]], dtype=np.float64)
    if not np.isfinite(y).any():
        return None
    half = float(np.median(np.diff(x))) / 2 if size > 1 else 0.5
    low, high = float(x.min()) - half, float(x.max()) + half
    across = Axis(low, high if high > low else low + 1.0)
    up = linear_axis(float(np.nanmin(y)), float(np.nanmax(y)))
    peak = int(np.nanargmax(y))
    path, points = _bars(x, y, half, across, up) if entry.style == "bars" else _lines(x, y, across, up)
    return Plot(
        entry=entry,
        path=path,
        points=points,
        filled=entry.style == "bars",
        ticks_x=tuple((round(100 * across.at(value), 3), _plain(value)) for value in across.ticks(6)),
        ticks_y=tuple((round(100 * (1 - up.at(value)), 2), _plain(value)) for value in up.ticks(4)),
        marks=(placed := _marks(entry, across)),
        lanes=max((mark[2] + 1 for mark in placed), default=0),
        words=f"{entry.title}: {size} points, highest {_plain(float(np.nanmax(y)))} at {_plain(float(x[peak]))}",
    )


def _lines(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], across: Axis, up: Axis) -> tuple[str, str]:
    path, points = "", ""
    for part in pieces(x, y, gap=math.inf):
        shown = thin(*part, _COLUMNS)
        path += line(*shown, across, up)
        points += dots(*shown, across, up) if len(x) <= _DOTS_UP_TO else ""
    return path, points


def _bars(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], half: float, across: Axis, up: Axis) -> tuple[str, str]:
    """Bars as one outline; of more bars than columns the highest of each column stays."""
    import numpy as np

    if len(x) > 2 * _COLUMNS:
        every = -(-len(x) // _COLUMNS)
        starts = np.arange(0, len(x), every)
        y = np.maximum.reduceat(np.where(np.isfinite(y), y, -np.inf), starts)
        x, half = x[starts] + half * (every - 1), half * every
    floor = HEIGHT * (1 - up.at(0.0))
    path = "".join(
        f"M{WIDTH * across.at(at - half):.2f} {floor:.2f}V{HEIGHT * (1 - up.at(value)):.2f}"
        f"H{WIDTH * across.at(at + half):.2f}V{floor:.2f}z"
        for at, value in zip(x.tolist(), y.tolist(), strict=True)
        if np.isfinite(value) and value != 0
    )
    return path, ""


def _marks(entry: PlotEntry, across: Axis) -> tuple[tuple[float, str, int, bool], ...]:
    """Marks from the left, each on a lane of its own so that no label covers another; right of the middle they turn left."""
    inside = sorted((mark for mark in entry.marks if across.holds(mark.x)), key=lambda mark: mark.x)
    return tuple(
        (round(at := 100 * across.at(mark.x), 3), f"{mark.label} ({_plain(mark.x)})", lane, at > 55)
        for lane, mark in enumerate(inside)
    )


def table(entry: TableEntry) -> Table:
    """The cells of a table, shaded where it is a matrix: row names, and nothing but numbers."""
    numbers = [cell for row in entry.rows for cell in row if isinstance(cell, int | float)]
    matrix = bool(entry.row_names and numbers) and len(numbers) == sum(len(row) for row in entry.rows) and min(numbers) >= 0
    highest = max(numbers, default=0) if matrix else 0
    rows = []
    for place, row in enumerate(entry.rows):
        name = entry.row_names[place] if place < len(entry.row_names) else ""
        rows.append((name, tuple(_cell(cell, highest) for cell in row)))
    return Table(entry, tuple(rows))


def _cell(cell: str | float | None, highest: float) -> Cell:
    if isinstance(cell, int | float):
        heat = round(cell / highest, 3) if highest > 0 else None
        return Cell(_plain(cell), number=True, heat=heat)
    return Cell("–" if cell is None else cell, number=False)


def _plain(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else quantity(value, "", digits=4)
