"""Error rates of blocks whose trials are correlated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hil.errors import UsageError
from hil.seeds import stream
from hil.statistics.binomial import clopper_pearson
from hil.statistics.clusters import clustered_proportion, design_effect, intraclass_correlation

ERRORS = np.array([3, 8, 1, 6, 2, 10])
TRIALS = np.full(6, 200)


def test_design_effect_is_the_variance_of_the_block_rates() -> None:
    """Of equal blocks: the sample variance of their rates over that of 200 independent trials, 2.6256."""
    rate = 30 / 1200
    assert design_effect(ERRORS, TRIALS) == pytest.approx(np.var(ERRORS / 200, ddof=1) / (rate * (1 - rate) / 200))
    assert design_effect(ERRORS, TRIALS) == pytest.approx(2.6256, abs=1e-4)


def test_design_effect_is_never_below_one_and_needs_two_blocks() -> None:
    """Blocks that are equal by chance are no better than independent trials; one block, or no error, shows nothing."""
    assert design_effect(np.array([5, 5, 5]), np.full(3, 200)) == 1.0
    assert math.isnan(design_effect(np.array([5]), np.array([200])))
    assert math.isnan(design_effect(np.array([0, 0]), np.array([200, 200])))


def test_interval_is_korn_and_graubards() -> None:
    """Written out with scipy.stats for 30 errors in six blocks of 200: 1.2248 % to 4.5277 %."""
    interval = clustered_proportion(ERRORS, TRIALS)
    worth = 1200 / design_effect(ERRORS, TRIALS) * (stats.t.ppf(0.95, 1199) / stats.t.ppf(0.95, 5)) ** 2
    events = worth * 30 / 1200
    assert interval.low == pytest.approx(stats.beta.ppf(0.05, events, worth - events + 1))
    assert interval.high == pytest.approx(stats.beta.ppf(0.95, events + 1, worth - events))
    assert (interval.low, interval.high) == pytest.approx((0.012248, 0.045277), abs=1e-6)
    assert (interval.estimate, interval.n, interval.events) == (0.025, 1200, 30)
    plain = clopper_pearson(30, 1200)
    assert interval.low < plain.low < plain.high < interval.high


def test_one_block_and_blocks_without_errors_are_independent_trials() -> None:
    """There is no spread to see: Clopper-Pearson."""
    assert clustered_proportion(np.array([18]), np.array([1365])) == clopper_pearson(18, 1365)
    assert clustered_proportion(np.array([0, 0]), np.array([100, 0])).high == clopper_pearson(0, 100).high
    assert clustered_proportion(np.array([0, 0]), np.array([100, 49])).high < 0.02
    with pytest.raises(UsageError, match="errors are between 0 and the trials"):
        clustered_proportion(np.array([3]), np.array([2]))


def test_bounds_hold_where_blocks_differ() -> None:
    """Blocks of 2,000 bits around 2 %, each with a rate of its own: a bound errs in 5 % of 2,000 runs.

    The correlation is 0.002, the design effect 5. Allowed up to 7.3 % (binomial, one in a million); Clopper-Pearson on the
    sum errs in far more.
    """
    rng = stream(11, "clusters")
    correlation, blocks = 0.002, 10
    size = (1 - correlation) / correlation
    wrong = plain = 0
    for _ in range(2000):
        errors = rng.binomial(2000, rng.beta(0.02 * size, 0.98 * size, blocks))
        wrong += clustered_proportion(errors, np.full(blocks, 2000)).high < 0.02
        plain += clopper_pearson(int(errors.sum()), 2000 * blocks).high < 0.02
    assert wrong <= stats.binom.ppf(1 - 1e-6, 2000, 0.05)
    assert plain > 0.15 * 2000


def test_intraclass_correlation_from_the_analysis_of_variance() -> None:
    """F over the single trials, and its quantiles, from scipy.stats."""
    trials = [np.r_[np.ones(wrong), np.zeros(200 - wrong)] for wrong in ERRORS]
    ratio = float(stats.f_oneway(*trials).statistic)
    interval = intraclass_correlation(ERRORS, TRIALS)
    assert interval.estimate == pytest.approx((ratio - 1) / (ratio + 199))
    low, high = ratio / stats.f.ppf(0.95, 5, 1194), ratio / stats.f.ppf(0.05, 5, 1194)
    assert interval.low == pytest.approx((low - 1) / (low + 199))
    assert interval.high == pytest.approx((high - 1) / (high + 199))
    assert math.isnan(intraclass_correlation(np.array([1]), np.array([20])).estimate)


def test_intraclass_correlation_finds_what_was_put_in() -> None:
    """0.05 in 400 blocks of 50 trials at 10 %: inside both bounds at one in a million each."""
    rng = stream(12, "correlation")
    size = (1 - 0.05) / 0.05
    errors = rng.binomial(50, rng.beta(0.1 * size, 0.9 * size, 400))
    interval = intraclass_correlation(errors, np.full(400, 50), 1 - 1e-6)
    assert interval.low < 0.05 < interval.high
    assert interval.low > 0.01
