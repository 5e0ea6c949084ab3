"""Proportions against published intervals and planning tables, and by coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hil.errors import UsageError
from hil.seeds import stream
from hil.statistics.binomial import clopper_pearson, largest_accepted, trials_to_decide, trials_without_failure


def test_matches_r_binom_test() -> None:
    """Five of a hundred, two-sided 95 %: 1.6432 to 11.2835 %, as R's binom.test(5, 100) prints."""
    interval = clopper_pearson(5, 100, 0.95, "two")
    assert interval.low == pytest.approx(0.01643188, abs=5e-8)
    assert interval.high == pytest.approx(0.11283491, abs=5e-8)
    assert interval.estimate == 0.05


@pytest.mark.parametrize(("n", "high"), [(10, 0.2588656), (100, 0.0295130), (2995, 0.0009997)])
def test_zero_events_follow_the_closed_form(n: int, high: float) -> None:
    """Without any event the upper bound is 1 - alpha^(1/n), and the lower bound zero."""
    interval = clopper_pearson(0, n)
    assert interval.low == 0.0
    assert interval.high == pytest.approx(1 - 0.05 ** (1 / n), rel=1e-9)
    assert interval.high == pytest.approx(high, abs=2e-6)


def test_all_events_mirror_none() -> None:
    """All of n has the mirrored interval of none of n."""
    assert clopper_pearson(7, 7).low == pytest.approx(1 - clopper_pearson(0, 7).high)
    assert clopper_pearson(7, 7).high == 1.0


def test_no_trials_say_nothing() -> None:
    """Nothing observed: no estimate, and every proportion possible."""
    interval = clopper_pearson(0, 0)
    assert math.isnan(interval.estimate)
    assert (interval.low, interval.high, interval.n) == (0.0, 1.0, 0)


@pytest.mark.parametrize(("events", "trials"), [(-1, 5), (6, 5), (0, math.inf)])
def test_refuses_impossible_counts(events: float, trials: float) -> None:
    """More events than trials, or fewer than none, are a usage error."""
    with pytest.raises(UsageError, match="events are between 0"):
        clopper_pearson(events, trials)


def test_refuses_a_confidence_of_nothing() -> None:
    """A confidence level of 95 is refused with the accepted form."""
    with pytest.raises(UsageError, match=r"such as 0\.95; got 95"):
        clopper_pearson(1, 2, 95)


@pytest.mark.parametrize(
    ("trials", "limit", "confidence", "accepted"),
    [
        (1365, 0.02, 0.95, 18),
        (2267, 0.03, 0.95, 54),
        (923, 0.05, 0.95, 35),
        (6057, 0.02, 0.95, 103),
        (9147, 0.02, 0.99, 152),
        (523, 0.02, 0.95, 5),
        (148, 0.02, 0.95, None),
        (149, 0.02, 0.95, 0),
        (43_200, 0.001, 0.95, 32),
        (43_200, 0.001, 0.99, 28),
    ],
)
def test_largest_accepted_number_of_errors(trials: int, limit: float, confidence: float, accepted: int | None) -> None:
    """The largest error count that still shows a limit, from the planning tables for QBER gates and a month of minutes."""
    assert largest_accepted(trials, limit, confidence) == accepted


@pytest.mark.parametrize(
    ("limit", "confidence", "trials"), [(0.001, 0.95, 2995), (0.001, 0.99, 4603), (0.02, 0.95, 149), (0.02, 0.99, 228)]
)
def test_trials_without_failure(limit: float, confidence: float, trials: int) -> None:
    """99.9 % at 95 % takes 2,995 good slices without a bad one; 2 % errors take 149 good bits."""
    assert trials_without_failure(limit, confidence) == trials
    assert clopper_pearson(0, trials, confidence).high < limit <= clopper_pearson(0, trials - 1, confidence).high


@pytest.mark.parametrize(("confidence", "fewest", "most"), [(0.95, 2030, 2370), (0.99, 3960, 4310)])
def test_bits_to_decide_an_observed_qber(confidence: float, fewest: int, most: int) -> None:
    """An observed 1.5 % proves less than 2 % from about 2,030 to 2,370 bits at 95 %, 3,960 to 4,310 at 99 %."""
    needed = trials_to_decide(0.015, 0.02, confidence)
    assert needed is not None
    assert fewest <= needed <= most


def test_deciding_against_the_device_counts_too() -> None:
    """An estimate above the limit is decided once the lower bound is there; on the limit it never is."""
    needed = trials_to_decide(0.03, 0.02)
    assert needed is not None
    assert clopper_pearson(0.03 * needed, needed).low >= 0.02 > clopper_pearson(0.03 * (needed - 1), needed - 1).low
    assert trials_to_decide(0.02, 0.02) is None


def test_bounds_cover_the_truth() -> None:
    """Each one-sided 95 % bound misses a true 1.5 % in at most 5 % of 4,000 seeded runs (3 sigma: 6.0 %)."""
    errors = stream(1, "coverage", "binomial").binomial(500, 0.015, size=4000)
    table = {int(k): clopper_pearson(int(k), 500) for k in np.unique(errors)}
    above = np.mean([table[int(k)].high < 0.015 for k in errors])
    below = np.mean([table[int(k)].low > 0.015 for k in errors])
    assert above <= 0.06
    assert below <= 0.06
    assert above + below > 0.03
