"""What a link did over bench time: panels on one axis, with limits, fault windows and blocks, ready to be drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._lanes import Band, Brick, Mark, bands, bricks, marks
from ._numbers import quantity, symbol_for
from ._svg import Axis, dots, line, linear_axis, log_axis, pieces, thin
from ._words import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from hil.record.model import BlockEntry, DeclaredRule, FaultEntry, TimelineEntry, VerdictEntry
    from hil.record.series import Series


__all__ = ["Chart", "Curve", "Limit", "Panel", "Tick", "time_chart", "time_ticks"]

_ORDER = ("qber_ratio", "counts_hz", "key_rate_bps", "temperature_c")
_TITLES = {
    "qber_ratio": "QBER",
    "counts_hz": "detector counts",
    "key_rate_bps": "secret key rate",
    "temperature_c": "temperature",
}
_LIMITS = {"qber_ratio": ("qber",), "key_rate_bps": ("key_rate", "contract_key_rate")}
_BY_DECADES = {"qber_ratio", "counts_hz"}
_DECADES_FROM = 30.0
_LEAST = {"temperature_c": 1.0}
_DOTS_UP_TO = 120
_TIMES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200)
_DAYS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True)
class Tick:
    """A labelled position in per cent of its axis, from the left or from the top; a minor one is left out on narrow screens."""

    at: float
    label: str
    minor: bool = False


@dataclass(frozen=True)
class Limit:
    """A line across a panel."""

    at: float
    label: str


@dataclass(frozen=True)
class Curve:
    """One series as paths; ``style`` numbers its colour and dashes."""

    label: str
    style: int
    path: str
    points: str
    n: int


@dataclass(frozen=True)
class Panel:
    """One quantity. ``low``, ``high`` and ``log`` let the page's script read values back from positions, in ``unit``."""

    title: str
    unit: str
    curves: tuple[Curve, ...]
    ticks: tuple[Tick, ...]
    limits: tuple[Limit, ...]
    low: float
    high: float
    log: bool
    notes: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class Chart:
    """All panels of one test and link over ``start`` to ``end``, in ``unit``; the same in seconds of bench time."""

    panels: tuple[Panel, ...]
    ticks: tuple[Tick, ...]
    bands: tuple[Band, ...]
    lanes: int
    marks: tuple[Mark, ...]
    bricks: tuple[Brick, ...]
    start: float
    end: float
    unit: str
    start_s: float
    end_s: float


def time_chart(
    series: Series,
    columns: int,
    *,
    faults: Sequence[FaultEntry] = (),
    blocks: Sequence[BlockEntry] = (),
    moments: Sequence[TimelineEntry] = (),
    limits: Sequence[VerdictEntry | DeclaredRule] = (),
) -> Chart | None:
    """The chart of one test and link with at most so many columns of points; None where there is nothing over time."""
    across = _across(series, faults, blocks)
    if across is None:
        return None
    grouped: dict[str, list[str]] = {}
    for name in series:
        if series[name][0].size:
            grouped.setdefault(name.rpartition(".")[2], []).append(name)
    order = sorted(grouped, key=lambda kind: (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind))
    panels = [_panel(kind, {name: series[name] for name in grouped[kind]}, across, columns, limits) for kind in order]
    factor, unit = symbol_for("s", across.high - across.low)
    placed, lanes = bands(faults, across)
    return Chart(
        panels=tuple(panel for panel in panels if panel is not None),
        ticks=tuple(time_ticks(across)),
        bands=placed,
        lanes=lanes,
        marks=marks(moments, across),
        bricks=bricks(blocks, across),
        start=across.low / factor,
        end=across.high / factor,
        unit=unit,
        start_s=across.low,
        end_s=across.high,
    )


def time_ticks(across: Axis) -> list[Tick]:
    """Round bench times, in the unit their extent asks for."""
    extent = across.high - across.low
    step = next((step for step in (*_TIMES, *(86_400 * days for days in _DAYS)) if extent / step <= 10), None)
    if step is None or extent < 1:
        values = across.ticks(8)
        step = values[1] - values[0] if len(values) > 1 else extent
    else:
        first = math.ceil(across.low / step - 1e-9)
        values = [number * step for number in range(first, math.floor(across.high / step + 1e-9) + 1)]
    factor, unit = symbol_for("s", max(abs(across.low), abs(across.high)))
    while factor > 1.0 and abs(100 * step / factor - round(100 * step / factor)) > 1e-6:
        factor, unit = symbol_for("s", factor)  # 70 s rather than 1.166666667 min
    labels = [f"{value / factor:.10g}" for value in values]
    return [
        Tick(at=round(100 * across.at(value), 3), label=f"{label} {unit}", minor=bool(number % 2) and len(values) > 5)
        for number, (value, label) in enumerate(zip(values, labels, strict=True))
    ]


def _across(series: Series, faults: Sequence[FaultEntry], blocks: Sequence[BlockEntry]) -> Axis | None:
    times = [float(edge) for moments, _ in series.values() if moments.size for edge in (moments.min(), moments.max())]
    times += [edge for fault in faults for edge in (fault.start_s, fault.end_s)]
    times += [edge for block in blocks for edge in (block.start_s, block.end_s)]
    times = [time for time in times if math.isfinite(time)]
    if not times:
        return None
    low, high = min(times), max(times)
    return Axis(low, high if high > low else low + 1.0)


def _panel(
    kind: str, series: Series, across: Axis, columns: int, limits: Sequence[VerdictEntry | DeclaredRule]
) -> Panel | None:
    import numpy as np

    cut = {name: pieces(*pair) for name, pair in series.items()}
    seen = [values for parts in cut.values() for _, values in parts]
    if not seen:
        return None
    everything = np.concatenate(seen)
    lines = _limit_values(kind, limits)
    up = _up(kind, everything, [value for _, value in lines])
    unit = _unit(kind)
    factor, symbol = symbol_for(unit, 1.0 if up.log else max(abs(up.high), abs(up.low)))
    curves = [
        _curve(name, cut[name], (across, up), style=style, columns=columns) for style, name in enumerate(_styled(list(series)))
    ]
    drawn = [
        Limit(round(100 * (1 - up.at(value)), 2), f"{said} {quantity(value, unit, digits=4)}")
        for said, value in lines
        if up.holds(value)
    ]
    notes = [f"{said} {quantity(value, unit, digits=4)}: outside this panel" for said, value in lines if not up.holds(value)]
    if up.log and float(everything.min()) <= 0:
        notes.append(f"{plural(int((everything <= 0).sum()), 'point')} of zero drawn at the lower edge")
    extent = f"{quantity(float(everything.min()), unit)} to {quantity(float(everything.max()), unit)}"
    return Panel(
        title=_TITLES.get(kind, kind.rpartition("_")[0].replace("_", " ")),
        unit=symbol + (", by decades" if up.log else ""),
        curves=tuple(curves),
        ticks=tuple(_value_ticks(up, unit)),
        limits=tuple(drawn),
        low=up.low / factor,
        high=up.high / factor,
        log=up.log,
        notes=tuple(notes),
        words=f"{plural(everything.size, 'point')}, {extent}",
    )


def _curve(
    name: str, parts: list[tuple[np.ndarray, np.ndarray]], axes: tuple[Axis, Axis], *, style: int, columns: int
) -> Curve:
    total = sum(len(times) for times, _ in parts)
    path, points = "", ""
    for times, values in parts:
        share = max(1, round(columns * len(times) / total))
        shown = thin(times, values, share)
        path += line(*shown, *axes)
        if total <= _DOTS_UP_TO or len(times) == 1:
            points += dots(*shown, *axes)
    return Curve(label=name.rpartition(".")[0], style=style, path=path, points=points, n=total)


def _styled(names: list[str]) -> list[str]:
    """The sum of all first, then the parts by name."""
    return sorted(names, key=lambda name: (name.count("."), name))


def _up(kind: str, values: np.ndarray, limits: list[float]) -> Axis:
    positive = values[values > 0]
    if kind in _BY_DECADES and positive.size and float(positive.max()) > _DECADES_FROM * float(positive.min()):
        return log_axis(min([float(positive.min()), *limits]), max([float(positive.max()), *limits]))
    low, high = float(values.min()), float(values.max())
    if kind in _ORDER[:3]:
        near = [limit for limit in limits if limit <= 4 * high or high == 0]
        return linear_axis(low, max([high, *near]))
    return linear_axis(low, high, from_zero=False, least=_LEAST.get(kind, 0.0))


def _limit_values(kind: str, limits: Sequence[VerdictEntry | DeclaredRule]) -> list[tuple[str, float]]:
    words = {"contract_key_rate": "contract"}
    found = {
        (words.get(verdict.indicator, "limit"), verdict.limit)
        for verdict in limits
        if verdict.indicator in _LIMITS.get(kind, ()) and verdict.limit is not None
    }
    return sorted(found)


def _unit(kind: str) -> str:
    from hil.errors import UsageError
    from hil.record.series import UNITS, unit_of

    if kind == "counts_hz":
        return "cps"
    try:
        word = unit_of(kind)
    except UsageError:
        return ""
    return UNITS[word] or ("ratio" if word == "ratio" else "")


def _value_ticks(up: Axis, unit: str) -> list[Tick]:
    values = up.ticks(3)
    return [Tick(at=round(100 * (1 - up.at(value)), 2), label=quantity(_round(value, up), unit)) for value in values]


def _round(value: float, up: Axis) -> float:
    """Zero where only rounding keeps it from zero."""
    return 0.0 if not up.log and abs(value) < 1e-9 * (up.high - up.low) else value
