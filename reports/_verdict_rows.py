"""Verdicts as rows of a page: numbers in one unit, the margin to the limit, and a bar that shows the interval against it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hil.verdict import Outcome

from ._numbers import quantity, spread
from ._svg import Axis, linear_axis, log_axis
from ._words import case_name, looked, observed, ordered, rules, title_of

if TYPE_CHECKING:
    from hil.record.model import Record, VerdictEntry

__all__ = ["Bar", "Row", "bar", "good_side", "margin", "rows"]

Side = Literal["below", "above", "within", ""]

_BELOW = re.compile(r"PASS if the upper bound <|FAIL if one > limit")
_ABOVE = re.compile(r"PASS if the lower bound >")
_WITHIN = re.compile(r"within ([0-9.]+) % of")
_LIES_WITHIN = re.compile(r"PASS if the interval lies within")
_DECADES = 30.0
_WIDTH = 160.0
_ROOM = 8.0


@dataclass(frozen=True)
class Bar:
    """Positions in a drawing of 160 by 20: interval, estimate, limit, and the stretches where a bound may not be."""

    low: float | None
    high: float | None
    open_low: bool
    open_high: bool
    estimate: float | None
    limit: float | None
    bad: tuple[tuple[float, float], ...]
    words: str


@dataclass(frozen=True)
class Row:
    """One verdict as text."""

    entry: VerdictEntry
    title: str
    estimate: str
    interval: str
    n: str
    looked: str
    limit: str
    relation: str
    source: str
    margin: str
    rule: int | None
    bar: Bar | None
    test: str


def rows(record: Record) -> list[Row]:
    """Every verdict, in the order of all reports."""
    verdicts = ordered(record)
    numbers = rules(verdicts)
    return [_row(record, verdict, numbers.get(verdict.rule)) for verdict in verdicts]


def _row(record: Record, verdict: VerdictEntry, rule: int | None) -> Row:
    estimate, interval = spread(verdict.estimate, verdict.low, verdict.high, verdict.unit)
    side, tolerance = good_side(verdict)
    relation = {"below": "<", "above": "≥", "within": "", "": ""}[side] if verdict.limit is not None else ""
    limit = quantity(verdict.limit, verdict.unit, digits=4)
    if side == "within" and verdict.limit is not None and tolerance is not None:
        limit = f"{limit} ± {100 * tolerance:g} %"
    elif side == "within":
        limit = f"about {limit}"
    return Row(
        entry=verdict,
        title=title_of(record, verdict.indicator),
        estimate=estimate,
        interval=interval,
        n=observed(verdict),
        looked=looked(verdict),
        limit=limit,
        relation=relation,
        source=verdict.limit_source,
        margin=margin(verdict),
        rule=rule,
        bar=bar(verdict),
        test=case_name(verdict.case),
    )


def good_side(verdict: VerdictEntry) -> tuple[Side, float | None]:
    """Where a good value lies, as the rule says, and the relative tolerance of a rule that has one.

    Of a rule in other words the outcome tells the side, if both bounds are on one; else it is left open.
    """
    if found := _WITHIN.search(verdict.rule):
        return "within", float(found[1].rstrip(".")) / 100
    if _LIES_WITHIN.search(verdict.rule):  # a tolerance of several parts, which the rule spells out
        return "within", None
    if _BELOW.search(verdict.rule):
        return "below", None
    if _ABOVE.search(verdict.rule):
        return "above", None
    return _side_by_outcome(verdict), None


def _side_by_outcome(verdict: VerdictEntry) -> Side:
    bounds = [bound for bound in (verdict.low, verdict.high) if bound is not None]
    if verdict.limit is None or not bounds or verdict.outcome not in {Outcome.PASS, Outcome.FAIL}:
        return ""
    good = verdict.outcome is Outcome.PASS
    if max(bounds) <= verdict.limit:
        return "below" if good else "above"
    if min(bounds) >= verdict.limit:
        return "above" if good else "below"
    return ""


def margin(verdict: VerdictEntry) -> str:
    """How far the deciding bound is from the limit, as a share of the limit; negative beyond it, a dash where unknown."""
    side, tolerance = good_side(verdict)
    limit, low, high = verdict.limit, verdict.low, verdict.high
    if not limit:
        return "–"
    if verdict.margin is not None:
        share = verdict.margin / limit
    elif side == "below" and high is not None:
        share = (limit - high) / limit
    elif side == "above" and low is not None:
        share = (low - limit) / limit
    elif side == "within" and tolerance is not None and low is not None and high is not None:
        share = tolerance - max(abs(low - limit), abs(high - limit)) / limit
    else:
        return "–"
    return f"{share:+,.0f} ×" if abs(share) >= 10 else f"{100 * share:+.{_decimals(share)}f} %"


def _decimals(share: float) -> int:
    return 0 if abs(share) >= 0.1 else 1 if abs(share) >= 0.01 else 2


def bar(verdict: VerdictEntry) -> Bar | None:
    """The drawing of one verdict; None where there is no number to draw."""
    low, high, limit, estimate = verdict.low, verdict.high, verdict.limit, verdict.estimate
    side, tolerance = good_side(verdict)
    edges = [limit * (1 - tolerance), limit * (1 + tolerance)] if limit is not None and tolerance is not None else []
    known = [value for value in (low, high, limit, estimate, *edges) if value is not None]
    if not [value for value in (low, high, estimate) if value is not None]:
        return None
    axis = _axis(known)
    bad: list[tuple[float, float]] = []
    if limit is not None and side == "below":
        bad = [(_place(axis, limit), _WIDTH)]
    elif limit is not None and side == "above":
        bad = [(0.0, _place(axis, limit))]
    elif edges:
        bad = [(0.0, _place(axis, edges[0])), (_place(axis, edges[1]), _WIDTH)]
    said, interval = spread(estimate, low, high, verdict.unit)
    words = f"estimate {said}, interval {interval or 'unknown'}, limit {quantity(limit, verdict.unit, digits=4)}"
    one_bound = (low is None) != (high is None)
    return Bar(
        low=(0.0 if one_bound else None) if low is None else _place(axis, low),
        high=(_WIDTH if one_bound else None) if high is None else _place(axis, high),
        open_low=low is None and one_bound,
        open_high=high is None and one_bound,
        estimate=None if estimate is None else _place(axis, estimate),
        limit=None if limit is None else _place(axis, limit),
        bad=tuple((start, round(end - start, 1)) for start, end in bad if end > start),
        words=words,
    )


def _axis(known: list[float]) -> Axis:
    if min(known) > 0 and max(known) / min(known) > _DECADES:
        return log_axis(min(known), max(known))
    return linear_axis(min(known), max(known), from_zero=False)


def _place(axis: Axis, value: float) -> float:
    return round(_ROOM + (_WIDTH - 2 * _ROOM) * axis.at(value), 1)
