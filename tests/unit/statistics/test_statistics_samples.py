"""Quantiles, means, differences, sequential tests and edges against published examples and by coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hil.errors import UsageError
from hil.seeds import stream
from hil.statistics.comparison import difference, quantile_difference, rate_difference
from hil.statistics.counts import garwood
from hil.statistics.edge import gap_edge, gaps_to_resolve
from hil.statistics.means import student_t, values_to_decide
from hil.statistics.quantile import quantile_interval, samples_to_bound
from hil.statistics.sequential.sprt import SequentialTest


@pytest.mark.parametrize(
    ("probability", "confidence", "samples"), [(0.95, 0.95, 59), (0.95, 0.99, 90), (0.99, 0.95, 299), (0.99, 0.99, 459)]
)
def test_fewest_samples_that_bound_a_quantile(probability: float, confidence: float, samples: int) -> None:
    """P95 takes 59 samples at 95 % and P99 takes 299; one fewer has no upper bound."""
    assert samples_to_bound(probability, confidence) == samples
    times = np.arange(1.0, samples + 1.0)
    assert quantile_interval(times, probability, confidence).high == samples
    assert math.isinf(quantile_interval(times[:-1], probability, confidence).high)


def test_quantile_bounds_are_order_statistics() -> None:
    """Of 100 samples, P95 lies between the 91st and the 99th at 95 % each: binomial table B(100, 0.95)."""
    interval = quantile_interval(np.arange(1.0, 101.0), 0.95)
    assert (interval.low, interval.estimate, interval.high) == (91.0, 95.0, 99.0)


def test_quantile_covers_the_truth() -> None:
    """Both bounds of P95 hold in at least 95 % of 600 runs of 120 exponential latencies (3 sigma: 7.7 %)."""
    runs = stream(5, "latency").exponential(size=(600, 120))
    truth = -math.log(0.05)
    intervals = [quantile_interval(run, 0.95) for run in runs]
    assert np.mean([one.high < truth for one in intervals]) <= 0.077
    assert np.mean([one.low > truth for one in intervals]) <= 0.077


def test_quantile_of_nothing_and_of_infinity() -> None:
    """No samples bound nothing; an infinite latency is refused, because it is a failure."""
    nothing = quantile_interval(np.array([]), 0.95)
    assert (nothing.low, nothing.high, nothing.n) == (-math.inf, math.inf, 0)
    with pytest.raises(UsageError, match="count a request that never ended as a failure"):
        quantile_interval(np.array([1.0, math.inf]), 0.95)


def test_student_t_on_students_own_data() -> None:
    """Hours of extra sleep, Student 1908: mean 1.58, 95 % from 0.7001142 to 2.4598858, as R's t.test prints."""
    sleep = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    interval = student_t(sleep, 0.95, "two")
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((1.58, 0.7001142, 2.4598858), abs=1e-6)


def test_one_value_and_none_have_no_spread() -> None:
    """One block decides nothing, two equal ones do."""
    assert math.isinf(student_t(np.array([5.0])).high)
    assert math.isnan(student_t(np.array([])).estimate)
    assert student_t(np.array([0.0, 0.0])).high == 0.0


def test_values_to_decide_a_mean() -> None:
    """A mean two standard deviations off takes 3 values at 95 %: t(2) / sqrt 3 = 1.69, t(1) / sqrt 2 = 4.46."""
    assert values_to_decide(10.0, 1.0, 12.0) == 3
    assert values_to_decide(10.0, 1.0, 10.0) is None


def test_difference_of_two_error_rates() -> None:
    """56 of 70 against 48 of 80, two-sided 95 %: 0.0524 to 0.3339, Newcombe 1998 table II, method 10."""
    interval = rate_difference((56, 70), (48, 80), 0.95, "two")
    assert interval.estimate == pytest.approx(0.2)
    assert (interval.low, interval.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert rate_difference((0, 0), (1, 2)).high == 1.0


def test_difference_of_two_count_rates() -> None:
    """60 counts in 10 s against 90 in 12 s, each bound at 95 %: -3.381308 to 0.406927 a second.

    Source: statsmodels 0.15.0, confint_poisson_2indep, method "mover", method_mover "exact-c", alpha 0.1.
    """
    interval = difference(garwood(60, 10.0), garwood(90, 12.0))
    assert interval.estimate == pytest.approx(-1.5)
    assert (interval.low, interval.high) == pytest.approx((-3.381307998667672, 0.406926683308114), rel=1e-9)
    assert interval.n == 150


def test_arms_have_to_be_comparable() -> None:
    """Another confidence is a mistake; an arm without data tells nothing."""
    with pytest.raises(UsageError, match="at one confidence"):
        difference(garwood(60, 10.0), garwood(90, 12.0, 0.99))
    unknown = difference(garwood(60, 10.0), student_t(np.array([])))
    assert math.isnan(unknown.estimate)
    assert math.isinf(unknown.high)


def test_difference_of_two_quantiles() -> None:
    """P95 of exponentials of mean 1 s and 2 s differ by ln 20 (3.0 s): inside 99.9 % bounds, and apart from zero."""
    rng = stream(8, "quantiles")
    slow, quick = ([mean * rng.exponential(1.0, 20) for _ in range(50)] for mean in (2.0, 1.0))
    interval = quantile_difference(slow, quick, 0.95, stream(8, "bootstrap"), 0.999)
    assert 0.0 < interval.low < math.log(20.0) < interval.high
    assert interval.n == 2000
    assert interval == quantile_difference(slow, quick, 0.95, stream(8, "bootstrap"), 0.999)
    assert math.isinf(quantile_difference(slow[:9], quick, 0.95, stream(8, "bootstrap")).high)
    same = [np.ones(20)] * 10
    assert math.isinf(quantile_difference(same, same, 0.95, stream(8, "bootstrap")).high)


def test_each_bound_of_a_quantile_difference_has_its_own_error() -> None:
    """At 80 % one in five resamples lies beyond either bound, counted over 2,000 drawn here.

    Standard deviation of the two shares together, of what is drawn here and there: 1.8 %; of an interval for both: 0.2.
    """
    rng = stream(9, "quantiles")
    slow, quick = ([mean * rng.exponential(1.0, 5) for _ in range(40)] for mean in (2.0, 1.0))
    interval = quantile_difference(slow, quick, 0.5, stream(9, "bootstrap"), 0.8)

    def drawn(arm: list[np.ndarray]) -> float:
        return float(np.median(np.concatenate([arm[number] for number in rng.integers(0, 40, 40)])))

    again = np.array([drawn(slow) - drawn(quick) for _ in range(2000)])
    assert np.mean(again < interval.low) + np.mean(again > interval.high) == pytest.approx(0.4, abs=0.09)  # five of them


def test_sequential_test_takes_as_long_as_simulated_elsewhere() -> None:
    """2 % against 1.5 % at 5 % each accepts a true 1.5 % after 3,990 bits on average, in 95 % of the runs."""
    test = SequentialTest(good=0.015, bad=0.02)
    errors = stream(6, "sprt").random((400, 24_000), dtype=np.float32) < 0.015
    ratio = np.where(errors, test.log_ratio(1, 1), test.log_ratio(0, 1)).cumsum(axis=1, dtype=np.float64)
    bound = math.log(19.0)
    outside = np.abs(ratio) >= bound
    first = np.where(outside.any(axis=1), outside.argmax(axis=1), outside.shape[1] - 1)
    assert np.mean(first + 1) == pytest.approx(3990, rel=0.12)
    assert np.mean(ratio[np.arange(400), first] > 0) >= 0.92


def test_sequential_test_decides_and_waits() -> None:
    """Few bits decide nothing, many errors refuse, many matches accept; nonsense is refused."""
    test = SequentialTest(good=0.015, bad=0.02)
    assert test.decide(0, 100) == "continue"
    assert test.decide(0, 1000) == "accept"
    assert test.decide(60, 1000) == "refuse"
    with pytest.raises(UsageError, match="good < bad"):
        SequentialTest(good=0.02, bad=0.02)


@pytest.mark.parametrize(("gaps", "hazard"), [(20_000, 1.25e-3), (2_000, 2e-4), (500, 1e-2)])
def test_gap_edge_covers_the_dead_time(gaps: int, hazard: float) -> None:
    """A dead time of 50 ticks lies inside the interval in at least 95 % of 200 runs of exponential gaps (3 sigma: 9.7 %)."""
    random = stream(7, "gaps", gaps)
    missed = 0
    for _ in range(200):
        interval = gap_edge(50 + random.geometric(hazard, size=gaps) - 1)
        missed += not interval.low <= 50 <= interval.high
    assert missed / 200 <= 0.097


def test_gap_edge_ignores_strays() -> None:
    """Five stray gaps among 100,000 do not move the edge; a tenth of a percent do."""
    honest = 50 + stream(8, "strays").geometric(1e-3, size=100_000)
    strays = honest.copy()
    strays[:5] = 3
    assert gap_edge(strays).estimate == pytest.approx(51.0, abs=0.5)
    strays[:100] = 3
    assert gap_edge(strays).estimate == pytest.approx(3.0, abs=0.5)


def test_gap_edge_of_too_little() -> None:
    """One gap shows no edge; unsorted clicks are refused."""
    assert math.isinf(gap_edge(np.array([60])).high)
    assert gap_edge(np.array([60, 60])).estimate == 60.0
    with pytest.raises(UsageError, match="sorted"):
        gap_edge(np.array([5, -1]))
    assert gaps_to_resolve(800.0, 1.0) == 2397  # 800 ln 20
