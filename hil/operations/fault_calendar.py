"""Calendars of faults as data: one TOML file says what breaks in a month, when or how often, and for how long.

Keys of the file carry no unit because their values do; the attributes here carry it. What comes by a rate is drawn from the
seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from msgspec import Meta, field

from hil.bench.tables.quantities import Seconds, SomeSeconds, Table
from hil.bench.toml_file import locate, read_toml
from hil.bench.walk import build, readable, walk
from hil.errors import Mistake, OperationsFileError
from hil.operations.windows import DAY_S
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FaultCalendar",
    "FaultClass",
    "MonthInfo",
    "Occurrence",
    "Planned",
    "load_calendar",
    "occurrences",
    "shipped_calendars",
]

_PER_S = 30.0 * DAY_S
"""Rates are per 30 days."""


class MonthInfo(Table, frozen=True, kw_only=True):
    """``[month]``."""

    name: str
    description: str = ""
    duration_s: SomeSeconds = field(name="duration", default=_PER_S)
    slice_s: SomeSeconds = field(name="slice", default=60.0)
    seed: Annotated[int, Meta(ge=0)] | None = None
    """Of dates and photons, unless another is given."""


class FaultClass(Table, frozen=True, kw_only=True):
    """``[fault.X]``: one way to break, at dates or at a rate."""

    fault: str = ""
    """One of `hil list faults`; what the simulated light does not see of it, ``stops_key`` has to say, and may say alone."""
    target: str = ""
    settings: dict[str, float | str] = {}  # noqa: RUF012  (msgspec copies it)
    waveform: str = "step"
    """How it goes each time it comes, as of any fault: ``"ramp 20 min"``. Its levels in the middle of slices count."""
    stops_key: bool = False
    """No key comes meanwhile, whatever the photons do: a classical channel that is cut, a key store that is down."""
    at_s: tuple[Seconds, ...] = field(name="at", default=())
    per_month: Annotated[float, Meta(ge=0.0, le=10_000.0)] = 0.0
    """How often it comes in 30 days, on average and independently (a Poisson process)."""
    lasts_s: SomeSeconds = field(name="lasts")
    """Of those at dates; the mean of those at a rate."""
    spread: Literal["exponential", "fixed"] = "exponential"
    """How the lengths of those at a rate are spread."""
    source: str = ""
    """Where rate and length come from."""


class Planned(Table, frozen=True, kw_only=True):
    """``[[maintenance]]``: work on the link, once or regularly, during which there is no key."""

    first_s: Seconds = field(name="first")
    lasts_s: SomeSeconds = field(name="lasts")
    every_s: Seconds = field(name="every", default=0.0)
    spends_budget: bool = True
    """Whether its slices count; a contract that leaves them out says so."""
    title: str = "maintenance"


class FaultCalendar(Table, frozen=True, kw_only=True):
    """A whole file."""

    month: MonthInfo
    fault: dict[str, FaultClass] = {}  # noqa: RUF012
    maintenance: tuple[Planned, ...] = ()


@dataclass(frozen=True)
class Occurrence:
    """One time that something was broken, in seconds from the beginning of the month; ``name`` of its class."""

    name: str
    start_s: float
    end_s: float


def shipped_calendars() -> dict[str, Path]:
    """The calendars that come with the package, by name."""
    return {file.stem: file for file in sorted((Path(__file__).parent / "calendars").glob("*.toml"))}


def load_calendar(name_or_path: str | Path) -> FaultCalendar:
    """The calendar of that name (a shipped one) or file.

    UnknownNameError, OperationsFileError with every mistake of the file at once, UsageError where it cannot be read.
    """
    path = locate(name_or_path, shipped_calendars(), "calendar")
    mistakes: list[Mistake] = []
    walked = walk(read_toml(path, "calendar", OperationsFileError), FaultCalendar, "", mistakes)
    mistakes += _check(readable(walked))
    if mistakes:
        raise OperationsFileError(str(path), tuple(mistakes))
    return cast("FaultCalendar", build(walked))


def occurrences(calendar: FaultCalendar, seed: int) -> tuple[Occurrence, ...]:
    """Everything that breaks in the month, in order of beginning; what outlasts the month ends with it.

    Each class has a stream of its own, so that another class changes none of its dates.
    """
    duration_s = calendar.month.duration_s
    found = [
        Occurrence(name, start_s, min(start_s + lasts_s, duration_s))
        for name, one in calendar.fault.items()
        for start_s, lasts_s in _dates(name, one, duration_s, seed)
        if start_s < duration_s
    ]
    return tuple(sorted(found, key=lambda one: (one.start_s, one.name)))


def _dates(name: str, one: FaultClass, duration_s: float, seed: int) -> Iterator[tuple[float, float]]:
    for start_s in one.at_s:
        yield start_s, one.lasts_s
    rng = stream(seed, "month", name)
    number = int(rng.poisson(one.per_month * duration_s / _PER_S))
    for start_s in sorted(rng.uniform(0.0, duration_s, number).tolist()):
        yield start_s, one.lasts_s if one.spread == "fixed" else float(rng.exponential(one.lasts_s))


def _check(calendar: Any) -> Iterator[Mistake]:
    """Of what could be read of the file: the rest is None, and told already."""
    for name, one in (calendar.fault or {}).items():
        yield from _check_fault(f"fault.{name}", one)
    for number, planned in enumerate(calendar.maintenance or ()):
        if planned.every_s and planned.lasts_s and planned.every_s <= planned.lasts_s:
            yield Mistake(f"maintenance[{number}].every", f"{planned.every_s:g} s", "more than it lasts, or nothing for once")
    if calendar.month is None or not calendar.month.duration_s or not calendar.month.slice_s:
        return
    slices = calendar.month.duration_s / calendar.month.slice_s
    if slices < 1.0 or abs(slices - round(slices)) > 1e-9:
        yield Mistake("month.slice", f"{slices:g} slices in the duration", "a whole number of slices")


def _check_fault(where: str, one: Any) -> Iterator[Mistake]:
    from hil.testbed.injection.planned_fault import wrong_in_plan

    if one.fault == "" and one.stops_key is False:
        yield Mistake(where, "neither fault nor stops_key", "a fault of `hil list faults`, or stops_key = true")
    if one.settings and one.fault == "":
        yield Mistake(f"{where}.settings", "settings of no fault", "fault = the one whose settings they are")
    if one.waveform not in {None, "step"} and one.fault == "":
        yield Mistake(f"{where}.waveform", "a waveform of no fault", "fault = the one that comes and goes so")
    if one.fault and one.settings is not None:
        found = wrong_in_plan(one.fault, one.settings, one.waveform or "step")
        yield from (replace(wrong, where=f"{where}.{wrong.where}") for wrong in found)
    if one.at_s == () and one.per_month == 0.0:
        yield Mistake(where, "neither at nor per_month", "dates such as at = ['50 h'], or a rate per 30 days")
