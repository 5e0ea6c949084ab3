"""Error budgets against the numbers everybody quotes, and slices of time that was seen in part or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binomtest

from hil.errors import UsageError
from hil.operations.budget import History, budget, slices_of
from hil.operations.burning import BURN_ALERTS, burn_rates, firings, scaled
from hil.operations.windows import Calendar, Duration, Rolling
from hil.statistics.binomial import largest_accepted

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.operations.objective import ServiceObjective

    Objective = Callable[..., ServiceObjective]

MONTH = 43_200
DAY = 1440


def _minutes(bad: dict[int, int] | list[int], minutes: int = MONTH, start_s: float = 0.0) -> History:
    """So many minutes, bad ones at these places (and so many from there on)."""
    spans = bad.items() if isinstance(bad, dict) else [(place, 1) for place in bad]
    marks = np.zeros(minutes)
    for first, count in spans:
        marks[first : first + count] = 1.0
    return History(start_s, 60.0, marks, np.ones(minutes))


def test_a_month_at_three_nines_has_43_minutes(up: Objective) -> None:
    """43.2 min: 0.1 % of 30 days. A burn rate of 3 over a day is 4.32 bad minutes (both as the SRE workbook has them)."""
    found = budget(up(), _minutes({100: 32}))
    assert found.allowed == pytest.approx(43.2)
    assert (found.bad, found.left) == (32.0, pytest.approx(11.2))
    assert found.left_ratio == pytest.approx(11.2 / 43.2)
    assert found.burn_rate == pytest.approx(32 / 43.2)
    assert 3.0 * up().allowed * DAY == pytest.approx(4.32)


@pytest.mark.parametrize(("confidence", "most"), [(0.95, 32), (0.99, 28)])
def test_fewer_bad_minutes_demonstrate_than_the_budget_allows(confidence: float, most: int) -> None:
    """32 of the 43.2 allowed minutes at 95 %, 28 at 99 %: scipy's binomtest is the other implementation of the interval."""
    for bad, shown in ((most, True), (most + 1, False)):
        high = binomtest(bad, MONTH).proportion_ci(2.0 * confidence - 1.0, "exact").high
        assert (high < 0.001) is shown
    assert largest_accepted(MONTH, 0.001, confidence) == most


def test_a_budget_of_a_calendar_month_is_as_long_as_the_month(up: Objective) -> None:
    """February 2026 allows 40.32 min; what was bad in January is January's."""
    window = Calendar(Duration(1, "M"), datetime(2026, 1, 1))  # noqa: DTZ001
    january_s = 1_767_225_600.0  # 2026-01-01T00:00:00Z
    history = _minutes({30 * DAY: 10, 31 * DAY + 5: 3}, 40 * DAY, january_s)
    found = budget(up(window=window), history)
    assert (found.allowed, found.bad, found.seen) == (pytest.approx(40.32), 3.0, 9 * DAY)
    over = budget(up(window=window), history, january_s + 31 * 86_400.0)
    assert (over.allowed, over.bad, over.seen) == (pytest.approx(44.64), 10.0, 31 * DAY)


def test_a_rolling_window_forgets(up: Objective) -> None:
    """A minute that was bad 30 days ago is spent no more."""
    history = _minutes([0, 1, MONTH], MONTH + 2)
    assert budget(up(), history).bad == 1.0
    assert budget(up(), history, history.start_s + 60.0 * MONTH).bad == 2.0
    assert budget(up(window=Rolling(Duration(1, "h"))), history).allowed == pytest.approx(0.06)


def test_occurrences_are_of_what_was_seen(bits: Objective) -> None:
    """1.5 % of 100,000 bits against 2 %: 500 left of 2,000; nothing seen leaves nothing to say."""
    history = History(0.0, 60.0, np.array([500.0, 0.0, 1000.0]), np.array([40_000.0, 0.0, 60_000.0]))
    found = budget(bits(), history)
    assert (found.allowed, found.bad, found.left) == (pytest.approx(2000.0), 1500.0, pytest.approx(500.0))
    assert found.burn_rate == pytest.approx(0.75)
    nothing = budget(bits(), History(0.0, 60.0, np.zeros(3), np.zeros(3)))
    assert (nothing.left_ratio, nothing.burn_rate) == (None, None)


def test_silence_is_never_good(up: Objective) -> None:
    """Minutes without data are bad, or count for nothing where the rule says so: 90 s of five minutes were seen."""
    spans = [(0.0, 60.0, True), (120.0, 150.0, True)]
    as_bad = slices_of(up(slice_target=0.6), spans, (0.0, 300.0))
    assert as_bad.bad.tolist() == [0, 1, 1, 1, 1]
    assert (as_bad.total.sum(), as_bad.silent) == (5, 3)
    rule = replace(up().decision, no_data="exclude")
    excluded = slices_of(up(slice_target=0.6, decision=rule), spans, (0.0, 300.0))
    assert excluded.bad.tolist() == [0, 0, 0, 0, 0]
    assert excluded.total.tolist() == [1, 0, 1, 0, 0]
    nothing = slices_of(up(), [], (0.0, 300.0))
    assert nothing.bad.tolist() == [1.0] * 5


def test_slices_add_up_what_was_good_in_them(up: Objective) -> None:
    """Spans over several slices, in pieces, beyond the ends; a slice that is not whole is left out."""
    spans = [(-50.0, 31.0, True), (31.0, 60.0, False), (60.0, 80.0, False), (80.0, 119.0, True), (119.0, 400.0, True)]
    found = slices_of(up(), spans, (0.0, 210.0), epoch_s=1000.0)
    assert found.bad.tolist() == [0, 0, 0]  # 31 s, 40 s and 60 s of 60 s are good
    assert slices_of(up(slice_target=0.6), spans, (0.0, 210.0)).bad.tolist() == [1, 0, 0]
    assert slices_of(up(slice_target=1.0), spans, (0.0, 210.0)).bad.tolist() == [1, 1, 0]
    assert (found.start_s, found.end_s) == (1000.0, 1180.0)


@pytest.mark.parametrize(("bad", "fires"), [(4, False), (5, True)])
def test_five_bad_minutes_in_a_day_are_three_times_too_fast(up: Objective, bad: int, fires: bool) -> None:
    """4.32 of 1,440: the fifth trips it; one of them in two hours is enough for the short window (1/120 = 0.83 % > 0.3 %)."""
    history = _minutes([300 * (number + 1) for number in range(bad)], 2 * DAY)
    found = [one for one in firings(up(), history) if one.alert.factor == 3.0]
    assert bool(found) is fires
    if found:
        assert found[0].start_s == 60.0 * (300 * 5 + 1)


def test_an_outage_pages_and_stops_paging(up: Objective) -> None:
    """All bad: 14.4 x 0.1 % of 60 minutes is 0.864, so the first bad minute pages; 5 minutes after the last one it ends."""
    history = _minutes({3000: 20}, 2 * DAY + DAY)
    (page,) = [one for one in firings(up(), history) if one.alert.factor == 14.4]
    assert page.alert.severity == "page"
    assert (page.start_s, page.end_s) == (60.0 * 3001, 60.0 * (3020 + 5))
    still = firings(up(), _minutes({DAY - 10: 10}, DAY))
    assert [one.end_s for one in still if one.alert.factor == 14.4] == [None]


def test_burn_alerts_spend_the_shares_of_the_workbook() -> None:
    """2 % of a 30-day budget within the long window, then 5, 10 and 10 %."""
    shares = [alert.factor * alert.long_s / (30 * 86_400.0) for alert in BURN_ALERTS]
    assert shares == pytest.approx([0.02, 0.05, 0.1, 0.1])
    shortest, *_ = scaled(BURN_ALERTS, 1 / 3600)
    assert (shortest.long_s, shortest.short_s) == pytest.approx((1.0, 1 / 12))
    assert [alert.severity for alert in BURN_ALERTS] == ["page", "page", "ticket", "ticket"]


def test_a_single_event_does_not_page(bits: Objective) -> None:
    """One wrong bit of two is 25 times the allowed share, and no reason to wake anybody: it takes 50 to show 2 %."""
    few = History(0.0, 60.0, np.array([1.0]), np.array([2.0]))
    assert burn_rates(bits(), few, 3600.0)[0] == pytest.approx(25.0)
    assert firings(bits(), few) == []
    enough = History(0.0, 60.0, np.array([25.0]), np.array([50.0]))
    assert {one.alert.factor for one in firings(bits(), enough)} == {14.4, 6.0, 3.0, 1.0}


def test_burn_rates_are_those_of_a_plain_loop(up: Objective) -> None:
    """Minutes before the first one are not bad."""
    rng = np.random.default_rng(3)
    history = History(0.0, 60.0, (rng.random(500) < 0.1).astype(float), np.ones(500))
    slow = [history.bad[max(0, end - 30) : end].sum() / 30 / 0.001 for end in range(1, 501)]
    assert burn_rates(up(), history, 1800.0).tolist() == pytest.approx(slow)


def test_impossible_objectives_are_refused(up: Objective) -> None:
    """Each with what was expected."""
    for changes, said in (
        ({"target": 1.0}, r"\[0, 1\)"),
        ({"name": "Metro"}, "lower-case"),
        ({"slice_target": 0.0}, "timeSliceTarget"),
    ):
        with pytest.raises(UsageError, match=said):
            up(**changes)
    with pytest.raises(UsageError, match="confidence lies between"):
        replace(up().decision, confidence=0.4)
    with pytest.raises(UsageError, match="two rows of one length"):
        History(0.0, 60.0, np.zeros(3), np.zeros(4))
