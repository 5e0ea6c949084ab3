"""Spans of time of an objective: OpenSLO's durations, rolling windows, and calendar ones in a time zone.

Source: OpenSLO v1, "duration-shorthand" and "SLO" (timeWindow). A rolling month is 30 days, a quarter 90, a year 365; calendar
ones have the length that the calendar gives them, a day of a changed clock included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hil.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["DAY_S", "MONTH", "Calendar", "Duration", "Rolling", "Window", "prometheus_duration", "time_zone"]

DAY_S = 86_400.0
_SECONDS = {"m": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S, "M": 30 * DAY_S, "Q": 90 * DAY_S, "Y": 365 * DAY_S}
_MONTHS = {"M": 1, "Q": 3, "Y": 12}
_SHORTHAND = re.compile(r"([1-9]\d*)([mhdwMQY])")
_PARTS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


@dataclass(frozen=True)
class Duration:
    """A number of minutes, hours, days, weeks, months, quarters or years, as OpenSLO writes it: ``30d``, ``1M``."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Duration:
        """From shorthand; UsageError for anything else, seconds and empty lengths included."""
        found = _SHORTHAND.fullmatch(text)
        if found is None:
            raise UsageError(f"{text!r} is no duration of OpenSLO; expected a number and one of m h d w M Q Y, such as 30d")
        return cls(int(found[1]), found[2])

    @classmethod
    def of(cls, seconds: float) -> Duration:
        """The shortest way to write this many seconds; UsageError for a length that is no whole number of minutes."""
        minutes = seconds / 60.0
        if seconds <= 0.0 or minutes != round(minutes):
            raise UsageError(f"{seconds:g} s cannot be written as a duration of OpenSLO; expected whole minutes, one or more")
        unit = next(unit for unit in "dhm" if seconds % _SECONDS[unit] == 0.0)
        return cls(round(seconds / _SECONDS[unit]), unit)

    @property
    def seconds(self) -> float:
        """Its length where no calendar says otherwise."""
        return self.count * _SECONDS[self.unit]

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def after(self, start: datetime, times: int) -> datetime:
        """``start`` and so many of these later by the calendar: a local time of the same zone."""
        if self.unit in _MONTHS:
            months = start.year * 12 + start.month - 1 + times * self.count * _MONTHS[self.unit]
            return _day_of_month(start, months // 12, months % 12 + 1)
        if self.unit in "dw":  # days of a local clock may have 23 or 25 hours
            return start + timedelta(days=times * self.count * (7 if self.unit == "w" else 1))
        later = start.astimezone(UTC) + timedelta(seconds=times * self.seconds)
        return later.astimezone(start.tzinfo)


MONTH = Duration(30, "d")
"""The usual window of an objective."""


def _day_of_month(start: datetime, year: int, month: int) -> datetime:
    """The same day of another month, or its last one."""
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return start.replace(year=year, month=month, day=min(start.day, (following - timedelta(days=1)).day))


@dataclass(frozen=True)
class Rolling:
    """The last so many days, at every moment."""

    duration: Duration = MONTH

    def bounds(self, now_s: float) -> tuple[float, float]:
        """Begin and end in Unix time, for a moment in Unix time."""
        return now_s - self.duration.seconds, now_s

    def __str__(self) -> str:
        return f"the last {self.duration}"


@dataclass(frozen=True)
class Calendar:
    """Periods one after the other from ``start`` on, a local time without zone: months, quarters, weeks."""

    duration: Duration
    start: datetime
    zone: str = "UTC"

    def bounds(self, now_s: float) -> tuple[float, float]:
        """Begin and end, in Unix time, of the period that a moment lies in; periods before the first are counted back."""
        zone = time_zone(self.zone)
        anchor = self.start.replace(tzinfo=zone)
        number = int((now_s - anchor.timestamp()) // self.duration.seconds)
        while self.duration.after(anchor, number).timestamp() > now_s:
            number -= 1
        while self.duration.after(anchor, number + 1).timestamp() <= now_s:
            number += 1
        return self.duration.after(anchor, number).timestamp(), self.duration.after(anchor, number + 1).timestamp()

    def __str__(self) -> str:
        return f"calendar {self.duration} from {self.start:%Y-%m-%d %H:%M:%S} {self.zone}"


Window = Rolling | Calendar


def time_zone(name: str) -> ZoneInfo:
    """A zone by its name in the IANA database; UsageError for one that it has not."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"no time zone {name!r} here; expected a name of the IANA database, such as Europe/Berlin") from None


def prometheus_duration(seconds: float) -> str:
    """As Prometheus writes it: ``1h``, ``2m30s``, ``500ms``; UsageError for nothing, or less than a millisecond."""
    left = round(seconds * 1000.0)
    if left <= 0:
        raise UsageError(f"{seconds:g} s is too short for a rule of Prometheus; expected a millisecond or more")
    text = ""
    for unit, size in _PARTS:
        whole, left = divmod(left, size)
        text += f"{whole}{unit}" if whole else ""
    return text
