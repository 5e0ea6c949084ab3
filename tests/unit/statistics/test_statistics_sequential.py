"""Intervals that may be looked at after every block. Error rates over many runs: tests/unit/ci/test_ci_error_rates.py."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from hil.errors import UsageError
from hil.seeds import stream
from hil.statistics.interval import Interval
from hil.statistics.sequential import means, proportions, rates
from hil.statistics.sequential.evidence import always_valid, bets, log_mean
from hil.statistics.sequential.means import KINDS, log_t_likelihood, mean_interval, mean_values
from hil.statistics.sequential.pooling import pooled, scales
from hil.statistics.sequential.proportions import proportion_interval, proportion_views
from hil.statistics.sequential.quantiles import always_valid_quantile, slow_by_batch, spreads
from hil.statistics.sequential.rates import rate_interval, rate_views
from hil.statistics.sequential.sprt import decide, decide_all


def test_weights_are_shares() -> None:
    """An e-process begins at 1: bets are spread over alternatives on the right side of the limit, all of the stake, no more."""
    for spread, side in zip((*bets(0.5), *bets(100.0)), (1, -1, 1, -1), strict=True):
        assert math.fsum(weight for _, weight in spread) == pytest.approx(1.0)
        assert all(side * (1.0 - factor) > 0 for factor, _ in spread)


def test_log_mean_does_not_overflow() -> None:
    assert log_mean(np.array([-2000.0, -2000.0 + math.log(3.0)]), np.array([0.5, 0.5])) == pytest.approx(-2000 + math.log(2.0))


@pytest.mark.parametrize(("errors", "trials", "rate", "place"), [(3, 50, 0.02, 1), (0, 25, 0.01, 2), (7, 40, 0.1, -1)])
def test_block_likelihood_is_beta_binomial(errors: int, trials: int, rate: float, place: int) -> None:
    """Against scipy.stats.betabinom and binom, up to the coefficient that is the same for all rates."""
    grid = proportions.correlations(trials, rate)
    (ours,) = proportions.log_likelihoods(np.array([errors]), np.array([trials]), np.array([rate, 2 * rate]), grid)
    size = (1 - grid[place - 1 if place > 0 else place]) / grid[place - 1 if place > 0 else place]
    theirs = [stats.betabinom.logpmf(errors, trials, each * size, (1 - each) * size) for each in (rate, 2 * rate)]
    assert ours[0, place] - ours[1, place] == pytest.approx(theirs[0] - theirs[1], abs=1e-7)
    free = [stats.binom.logpmf(errors, trials, each) for each in (rate, 2 * rate)]
    assert ours[0, 0] - ours[1, 0] == pytest.approx(free[0] - free[1])


def test_gate_likelihood_is_negative_binomial() -> None:
    """Against scipy.stats.nbinom and poisson."""
    grid = rates.spreads(12.0)
    (ours,) = rates.log_likelihoods(np.array([9]), np.array([12.0, 6.0]), grid)
    shape = 1 / grid[3]
    theirs = [stats.nbinom.logpmf(9, shape, shape / (shape + mean)) for mean in (12.0, 6.0)]
    assert ours[0, 4] - ours[1, 4] == pytest.approx(theirs[0] - theirs[1], abs=1e-8)
    assert ours[0, 0] - ours[1, 0] == pytest.approx(stats.poisson.logpmf(9, 12.0) - stats.poisson.logpmf(9, 6.0))


@pytest.mark.parametrize(("n", "t"), [(2, 1.3), (5, -0.7), (10, 2.0), (30, 3.0), (4, 40.0)])
def test_t_wealth_is_a_ratio_of_t_densities(n: int, t: float) -> None:
    """Noncentral over central t, averaged over the bets: scipy.stats.nct, an independent way to the same ratio."""
    tau = math.sqrt(n) * t / math.sqrt(n - 1 + t * t)
    effects = np.geomspace(0.15, 100.0, 14)
    effects = effects[effects * math.sqrt(n) < 30.0]  # further out scipy's density gives up
    ratios = stats.nct.pdf(t, n - 1, effects * math.sqrt(n)) / stats.t.pdf(t, n - 1)
    ours = means._log_integral(n, effects * tau) - means._log_integral(n, np.zeros(1)) - n * effects**2 / 2
    assert np.exp(ours) == pytest.approx(ratios, rel=1e-5, abs=1e-9)
    assert float(log_t_likelihood(n, np.array(tau), n)) >= math.log(ratios.sum() / 14) - 1e-6


@pytest.mark.parametrize("n", [2, 5, 30])
def test_t_wealth_is_fair_whatever_the_spread(n: int) -> None:
    """Its expectation under the mean to be refuted is 1: by the trapezium rule over asinh t, with scipy's density of t."""
    u = np.linspace(-20.0, 20.0, 8001)
    t = np.sinh(u)
    wealth = np.exp(log_t_likelihood(n, math.sqrt(n) * t / np.sqrt(n - 1 + t * t), n))
    fair = integrate.trapezoid(wealth * stats.t.pdf(t, n - 1) * np.cosh(u), u)
    assert fair == pytest.approx(1.0, abs=1e-3)


def test_whitened_sums_are_those_of_the_covariance() -> None:
    """Kalman's filter against numpy's inverse and determinant of the correlations, written out for each kind of drift."""
    values = stream(8, "whitened").normal(5.0, 1.0, 9)
    found, apart = mean_values(values), np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
    for kind, (share, keeps) in enumerate(KINDS):
        covariance = (1.0 - share) * np.eye(9) + share * keeps**apart
        inverse, off = np.linalg.inv(covariance), values - values.mean()
        expected = (inverse.sum(), (inverse @ off).sum(), off @ inverse @ off)
        assert found.sums[:, kind] == pytest.approx(expected)
        assert found.log_det[kind] == pytest.approx(np.linalg.slogdet(covariance)[1] / 2.0)


@pytest.mark.parametrize("slope", [-30.0, 0.0, 4.0, 150.0])
def test_integral_of_the_t_wealth(slope: float) -> None:
    """Against adaptive quadrature."""
    peak = (slope + math.sqrt(slope**2 + 8)) / 2
    exponent = math.log(peak) + slope * peak - peak**2 / 2
    value, _ = integrate.quad(
        lambda v: v**2 * math.exp(slope * v - v * v / 2 - exponent), 0, peak + 40, points=[peak], epsabs=0, epsrel=1e-10
    )
    assert float(means._log_integral(3, np.array(slope))) == pytest.approx(math.log(value) + exponent, abs=1e-8)


def test_wealth_is_fair_at_the_limit() -> None:
    """Its expectation after one block of independent bits is 1: summed over all outcomes with scipy's binomial."""
    limit, bits = 0.02, 60
    outcomes = np.arange(bits + 1)
    chance = stats.binom.pmf(outcomes, bits, limit)
    views = [proportion_views(np.array([wrong]), np.array([bits]), limit)[0] for wrong in outcomes]
    for side in ("below", "above"):
        wealth = np.array([math.exp(getattr(view, side)(limit)) for view in views])
        # averaged over a correlation that these bits do not have: near 1, and not above by more than the share of the prior
        assert 0.8 < float(wealth @ chance) < 1.1


def test_bursts_are_credited_to_the_likeliest_correlation() -> None:
    """From scipy's betabinom and binom: eight blocks of 25 bits at 2 % hold half an error each, too few to average alone.

    Against the limit stands the mean over correlations, or 0.4 times the likeliest one if that is more, which it is here.
    """
    errors, bits, limit = np.array([0, 0, 0, 8, 0, 0, 0, 9]), 25, 0.02
    grid = proportions.correlations(bits, limit)
    none = 1.0 / (1.0 + 0.1 * bits * limit)
    weights = np.array([none, *[(1.0 - none) / grid.size] * grid.size])
    sizes = (1.0 - grid) / grid

    def likelihoods(rate: float) -> np.ndarray:
        free = stats.binom.logpmf(errors, bits, rate).sum()
        return np.exp([free, *(stats.betabinom.logpmf(errors, bits, rate * a, (1.0 - rate) * a).sum() for a in sizes)])

    (view,) = proportion_views(errors, np.full(8, bits), limit)
    held = max(float(weights @ likelihoods(limit)), 0.4 * float(likelihoods(limit).max()))
    assert held > 1.5 * float(weights @ likelihoods(limit))
    for spread, found in zip(bets(bits * limit), (view.below(limit), view.above(limit)), strict=True):
        bet = sum(weight * float(weights @ likelihoods(factor * limit)) for factor, weight in spread)
        assert found == pytest.approx(math.log(bet / held), abs=1e-6)


def test_interval_ends_where_the_evidence_does() -> None:
    """Beyond each bound a value is refuted at 20 to 1, inside it is not; PASS is when the limit lies beyond."""
    errors, trials = np.array([0, 1, 0, 0, 1] * 12), np.full(60, 25)
    interval = proportion_interval(errors, trials, 0.02)
    assert (interval.n, interval.events, interval.estimate) == (1500, 24, 0.016)
    views = proportion_views(errors, trials, 0.02)
    for off, refuted in ((1e-6, True), (-1e-6, False)):
        assert all(view.below(interval.high + off) >= math.log(20) for view in views) is refuted
        assert all(view.above(interval.low - off) >= math.log(20) for view in views) is refuted


def test_more_of_the_same_narrows_the_interval() -> None:
    wide, narrow = (proportion_interval(np.array([0, 1] * n), np.full(2 * n, 50), 0.02) for n in (10, 60))
    assert wide.low < narrow.low < 0.01 < narrow.high < wide.high


def test_blocks_that_differ_widen_the_interval() -> None:
    """The same errors in the same bits, once even and once in bursts."""
    even = proportion_interval(np.full(20, 50), np.full(20, 5000), 0.02)
    burst = proportion_interval(np.array([20, 80] * 10), np.full(20, 5000), 0.02)
    assert even.high < 0.015 < burst.high


def test_drift_over_a_few_blocks_shows_in_pooled_ones() -> None:
    """Ten blocks at 1.2 %, ten at 2.0 %, in that order or alternating: only pooling tells them apart."""
    slow, fast = np.repeat([60.0, 100.0], 10), np.tile([60.0, 100.0], 10)
    trials = np.full(20, 5000)
    assert proportion_interval(slow, trials, 0.02).high > proportion_interval(fast, trials, 0.02).high


def test_pooling_waits_for_whole_groups() -> None:
    """Groups of 1; of 2 from eight blocks on; not where a group has fewer than eight events."""
    assert scales(7) == (1,)
    assert scales(8) == (1, 2)
    assert scales(35) == (1, 2, 4, 8)
    assert scales(64, 0.5) == (1, 16)
    assert pooled(np.arange(7.0), 3).tolist() == [3.0, 12.0]


def test_nothing_counted_bounds_nothing() -> None:
    """No block, no trial, no gate, one value, no sample."""
    none = proportion_interval(np.array([0]), np.array([0]), 0.02)
    assert (none.low, none.high, none.n) == (0.0, 1.0, 0)
    assert math.isnan(none.estimate)
    assert math.isinf(rate_interval(np.array([], dtype=np.int64), 1.0, 100.0).high)
    assert math.isinf(mean_interval(np.array([3.0])).high)
    assert math.isinf(always_valid_quantile(np.array([]), 0.95).high)


def test_counts_of_gates_are_decided() -> None:
    """60 a second in gates of 0.5 s against 100: under after ten gates, over when 200."""
    quiet, loud = (rate_interval(np.array([low, low + 2] * 5), 0.5, 100.0) for low in (29, 99))
    assert quiet.high < 100.0 < loud.low
    assert (quiet.n, quiet.estimate) == (300, 60.0)
    assert rate_views(np.array([30]), 0.5, 100.0)[0].log_ratio(60.0, 100.0) > 0.0


def test_equal_values_are_far_from_another_mean() -> None:
    """Three blocks without key, four at one rate: any other mean is refuted, and the scale does not matter."""
    assert mean_interval(np.zeros(3)).high == 0.0
    a, b = (mean_interval(scale * np.array([1.0, 1.1, 0.9, 1.0])) for scale in (1.0, 1e6))
    assert b.low == pytest.approx(1e6 * a.low)
    assert b.high == pytest.approx(1e6 * a.high)


def test_quantile_of_durations() -> None:
    """No sample of 200 near 100 ms: P95 is below it. Half of 100 above: it is not. Too few decide nothing."""
    quick = np.full(200, 1e-3)
    assert always_valid_quantile(quick, 0.95).high == 1e-3
    assert math.isinf(always_valid_quantile(quick[:40], 0.95).high)
    slow = always_valid_quantile(np.tile([0.001, 0.2], 50), 0.95)
    assert slow.low == 0.2
    assert slow_by_batch(np.array([1.0] * 21 + [3.0] * 24), np.array([2.0, 3.0, 3.5])).tolist() == [[0, 19], [0, 19], [0, 0]]
    with pytest.raises(UsageError, match="finite samples"):
        always_valid_quantile(np.array([math.inf]), 0.95)


def test_quantile_bounds_are_the_samples_at_which_the_share_is_refuted() -> None:
    """Against the evidence on the share, one limit after the other: nothing beyond a bound is left standing."""
    samples = stream(31, "quantile").exponential(1.0, 300)
    interval = always_valid_quantile(samples, 0.8)
    ordered, batches, enough = np.sort(samples), np.full(15, 20), math.log(20)

    def refuted(side: str, limit: float) -> bool:
        (slow,) = slow_by_batch(samples, np.array([limit]))
        views = [
            replace(
                view,
                caution=1.0,  # bursts are credited in full, up to one and a half times the allowed share squared
                grid=(grid := proportions.correlations(20 * length, 0.2, 1.5)),
                weights=proportions.prior(4.0 * length, grid.size),
                spreads=spreads(4.0 * length),
            )
            for view, length in zip(proportion_views(slow, batches, 0.2), (1, 2), strict=True)
        ]
        return all(getattr(view, side)(0.2) >= enough for view in views)

    above = [refuted("below", float(np.nextafter(x, np.inf))) for x in ordered]
    below = [refuted("above", float(x)) for x in ordered]
    assert interval.high == ordered[299 - above[::-1].index(False) + 1]
    assert interval.low == ordered[below.index(False) - 1]


def test_an_unbounded_side_stays_unbounded() -> None:
    """Evidence that never comes leaves the bound infinite."""

    class Never:
        estimate = 1.0

        def below(self, value: float) -> float:
            return 0.0 * value

        above = below

    interval = always_valid([Never()], 0.95, (0.0, math.inf), "none", 3)
    assert interval == Interval(1.0, 0.0, math.inf, 0.95, "none", 3)


def test_walds_bounds() -> None:
    """At 5 % each, ln 20 either way: 2.9957."""
    assert [decide(ratio) for ratio in (3.0, 2.99, -2.99, -3.0)] == ["accept", "continue", "continue", "refuse"]


def test_wald_waits_where_single_and_pooled_blocks_disagree() -> None:
    """One that says stop and one that does not, or says the opposite, are no answer."""
    assert decide_all([3.0, 3.5]) == "accept"
    assert decide_all([-3.0, -3.5]) == "refuse"
    for ratios in ([3.0, 2.99], [3.0, -3.0], [-3.0, 0.0], [0.0, 0.0]):
        assert decide_all(ratios) == "continue"


@pytest.mark.parametrize("limit", [0.0, 1.0, -0.1])
def test_no_limit_no_test(limit: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        proportion_interval(np.array([1]), np.array([10]), limit)
