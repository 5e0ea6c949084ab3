"""Count rates against published Poisson limits, and by coverage of processes that are none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hil.errors import UsageError
from hil.seeds import stream
from hil.statistics.counts import fano_factor, garwood, gated_rate, gates_to_decide


@pytest.mark.parametrize(("counts", "low", "high"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)])
def test_matches_the_published_poisson_limits(counts: int, low: float, high: float) -> None:
    """Two-sided 95 % limits of 0, 1 and 10 counts, as tabulated by Garwood and in every health-statistics handbook."""
    interval = garwood(counts, 1.0, 0.95, "two")
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=6e-5)


def test_one_second_with_eighty_dark_counts() -> None:
    """80 counts in a second bound the rate below 96.4 cps at 95 %, and 103.4 cps at 99 %."""
    assert garwood(80, 1.0, 0.95).high == pytest.approx(96.4, abs=0.05)
    assert garwood(80, 1.0, 0.99).high == pytest.approx(103.4, abs=0.05)


def test_gates_of_a_poisson_process_come_close_to_garwood() -> None:
    """With many gates of a Poisson process, measuring the Fano factor costs a few percent of width."""
    gates = stream(2, "poisson").poisson(60.0, size=200)
    measured, exact = gated_rate(gates, 1.0), garwood(int(gates.sum()), 200.0)
    assert measured.estimate == exact.estimate
    assert measured.high - measured.low == pytest.approx(exact.high - exact.low, rel=0.2)


def test_many_counts_give_the_t_interval_of_the_gates() -> None:
    """For large counts the interval is the t interval of the gates: 1000, 1010, 1020 give 1010 -+ 16.86 at 95 %."""
    interval = gated_rate(np.array([1_000_000, 1_010_000, 1_020_000]), 1.0)
    # t(0.95; 2) = 2.91999, s / sqrt(3) = 5773.5; the square root of N / phi = 10,300 keeps it a percent from symmetric
    assert interval.high - interval.estimate == pytest.approx(2.91999 * 5773.5, rel=0.02)
    assert interval.estimate - interval.low == pytest.approx(2.91999 * 5773.5, rel=0.02)


def test_fano_factor_is_variance_over_mean() -> None:
    """1, 2, 3, 4 have variance 5/3 and mean 5/2; one gate and empty gates have none."""
    assert fano_factor(np.array([1, 2, 3, 4])) == pytest.approx(2 / 3)
    assert math.isnan(fano_factor(np.array([5])))
    assert math.isnan(fano_factor(np.array([0, 0])))


def test_boundary_cases() -> None:
    """No gates, one gate, and gates without a click each give a statement that is true."""
    nothing = gated_rate(np.array([], dtype=np.int64), 1.0)
    assert math.isnan(nothing.estimate)
    assert (nothing.low, nothing.high) == (0.0, math.inf)
    one = gated_rate(np.array([80]), 1.0)
    assert one.high == pytest.approx(96.4, abs=0.05)
    assert "not measured" in one.method
    silent = gated_rate(np.zeros(30, dtype=np.int64), 1.0)
    assert silent.low == 0.0
    assert silent.high == pytest.approx(2.9957 / 30, rel=0.1)  # -ln 0.05, a little wider for 30 gates
    equal = gated_rate(np.array([5, 5]), 1.0)
    assert equal.high > garwood(10, 2.0).high
    with pytest.raises(UsageError, match="gates above zero"):
        gated_rate(np.array([1]), 0.0)


@pytest.mark.parametrize(("gates", "mean", "chain"), [(5, 60.0, 0.0), (10, 60.0, 0.2), (3, 2000.0, 0.1), (30, 0.5, 0.0)])
def test_bounds_cover_the_truth(gates: int, mean: float, chain: float) -> None:
    """Each bound misses the true rate in at most 5 % of 3,000 runs (3 sigma: 6.2 %), with afterpulse cascades and few gates."""
    random = stream(3, "coverage", gates, str(mean))
    primaries = random.poisson(mean * (1 - chain), size=(3000, gates))
    counts = primaries if chain == 0 else primaries + random.negative_binomial(np.maximum(primaries, 1), 1 - chain)
    intervals = [gated_rate(row, 1.0) for row in counts]
    assert np.mean([one.high < mean for one in intervals]) <= 0.062
    assert np.mean([one.low > mean for one in intervals]) <= 0.062


def test_poisson_interval_would_not_cover_afterpulses() -> None:
    """With cascades of half a click each, Garwood alone misses far more often than it says: the spread has to be measured."""
    random = stream(4, "cascade")
    primaries = random.poisson(100.0, size=(1000, 10))
    counts = primaries + random.negative_binomial(primaries, 0.5)
    missed = np.mean([garwood(int(row.sum()), 10.0).high < 200.0 for row in counts])
    kept = np.mean([gated_rate(row, 1.0).high < 200.0 for row in counts])
    assert missed > 0.1
    assert kept < 0.08


def test_counting_time_for_a_dark_count_limit() -> None:
    """Counts at 90 cps show less than 100 cps sooner than the 8.3 s that 90 % power takes, and those at 95 cps later."""
    needed = gates_to_decide(90.0, 1.0, 0.1, 100.0)
    assert needed is not None
    assert 2.0 < needed * 0.1 < 8.3
    closer = gates_to_decide(95.0, 1.0, 0.1, 100.0)
    assert closer is not None
    assert closer > 3 * needed
    assert gates_to_decide(100.0, 1.0, 0.1, 100.0) is None
