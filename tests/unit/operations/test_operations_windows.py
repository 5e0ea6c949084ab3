"""Durations and windows: OpenSLO's shorthand, months as the calendar has them, changed clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hil.errors import UsageError
from hil.operations.windows import Calendar, Duration, Rolling, prometheus_duration

HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300),
        ("12h", 43_200),
        ("30d", 2_592_000),
        ("4w", 2_419_200),
        ("1M", 2_592_000),
        ("1Q", 7_776_000),
        ("365d", 31_536_000),
    ],
)
def test_shorthand_is_read_and_written(text: str, seconds: int) -> None:
    """The examples of the specification; a month that rolls has 30 days."""
    assert Duration.parse(text).seconds == seconds
    assert str(Duration.parse(text)) == text


@pytest.mark.parametrize("text", ["", "30", "30 d", "0d", "1.5h", "30s", "d", "-1d", "1mo"])
def test_other_spellings_are_refused(text: str) -> None:
    """One letter behind a whole number, and no seconds."""
    with pytest.raises(UsageError, match="no duration of OpenSLO"):
        Duration.parse(text)


def test_seconds_become_the_shortest_shorthand() -> None:
    """Whole minutes only."""
    assert [str(Duration.of(seconds)) for seconds in (60, 5400, 7200, 86_400, 259_200)] == ["1m", "90m", "2h", "1d", "3d"]
    with pytest.raises(UsageError, match="whole minutes"):
        Duration.of(30.0)


def _utc(*when: int) -> float:
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("month", "days"),
    [((2026, 2, 10), 28), ((2028, 2, 10), 29), ((2026, 11, 30), 30), ((2026, 12, 31), 31), ((2025, 1, 1), 31)],
)
def test_calendar_months_have_their_own_lengths(month: tuple[int, int, int], days: int) -> None:
    """Also before the first one, and at its first second."""
    begin_s, end_s = Calendar(Duration(1, "M"), datetime(2026, 1, 1)).bounds(_utc(*month))  # noqa: DTZ001
    assert (end_s - begin_s) / 86_400.0 == days
    assert begin_s == _utc(month[0], month[1], 1)


def test_a_month_keeps_a_changed_clock() -> None:
    """March in Berlin is an hour short (29 March 2026, 02:00), October an hour long."""
    berlin = Calendar(Duration(1, "M"), datetime(2026, 1, 1), "Europe/Berlin")  # noqa: DTZ001
    lengths = [end_s - begin_s for begin_s, end_s in (berlin.bounds(_utc(2026, month, 15)) for month in (3, 10))]
    assert lengths == [31 * 86_400 - HOUR_S, 31 * 86_400 + HOUR_S]
    assert berlin.bounds(_utc(2026, 7, 15))[0] == _utc(2026, 6, 30, 22)
    day = Calendar(Duration(1, "d"), datetime(2026, 1, 1), "Europe/Berlin")  # noqa: DTZ001
    assert day.bounds(_utc(2026, 3, 29, 12)) == (_utc(2026, 3, 28, 23), _utc(2026, 3, 29, 22))


def test_months_from_the_thirty_first() -> None:
    """A shorter month takes its last day."""
    month_end = Calendar(Duration(1, "M"), datetime(2026, 1, 31))  # noqa: DTZ001
    assert month_end.bounds(_utc(2026, 3, 1)) == (_utc(2026, 2, 28), _utc(2026, 3, 31))
    assert Calendar(Duration(1, "Q"), datetime(2026, 1, 1)).bounds(_utc(2026, 5, 1)) == (_utc(2026, 4, 1), _utc(2026, 7, 1))  # noqa: DTZ001


def test_rolling_windows_end_now() -> None:
    """Whatever the calendar says; a zone that nobody knows is named."""
    assert Rolling(Duration(30, "d")).bounds(2_592_000.0 + 5.0) == (5.0, 2_592_005.0)
    with pytest.raises(UsageError, match="'Europe/Bonn'"):
        Calendar(Duration(1, "M"), datetime(2026, 1, 1), "Europe/Bonn").bounds(0.0)  # noqa: DTZ001


def test_durations_of_prometheus() -> None:
    """Its own units, largest first."""
    assert [prometheus_duration(seconds) for seconds in (60, 21_600, 259_200, 150, 0.5, 90_061.5)] == [
        "1m", "6h", "3d", "2m30s", "500ms", "1d1h1m1s500ms",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="too short"):
        prometheus_duration(0.0)
