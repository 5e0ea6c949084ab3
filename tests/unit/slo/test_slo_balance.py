"""The balance of the detectors of a basis: outcomes against exact binomial intervals, and what a declared mismatch allows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hil.errors import UsageError
from hil.ports.objective import Objective
from hil.ports.run import BasisBalance
from hil.slo.detector_balance import SPEC
from hil.testbed.joining import joined
from hil.verdict import Outcome

TOLERANCE = Objective("detector_balance", 0.02, "ratio")


def seen(ones: list[int], clicks: int, declared: float = 0.5, mismatch: float = 0.0) -> BasisBalance:
    return BasisBalance("bob.z0/z1", np.array(ones), np.full(len(ones), clicks), declared, mismatch, simulated=False)


@pytest.mark.parametrize(
    ("ones", "outcome", "words"),
    [
        ([5_010, 4_990, 5_000], Outcome.PASS, "within 2 % of the declared 50 %"),
        ([5_310, 5_290, 5_300], Outcome.FAIL, "3 % more than the declared 50 %, allowed 2 %"),
        ([4_710, 4_690, 4_700], Outcome.FAIL, "3 % less than the declared"),
        ([5_210, 5_190, 5_200], Outcome.INCONCLUSIVE, "count longer"),
    ],
)
def test_outcomes_about_a_half(ones: list[int], outcome: Outcome, words: str) -> None:
    (found,) = SPEC.judge(seen(ones, 10_000), TOLERANCE)
    assert found.outcome is outcome
    assert words in found.reason
    assert (found.limit, found.n, found.k) == (0.5, 30_000, sum(ones))
    assert "within 2 % of all clicks" in found.rule


def test_one_stretch_has_the_exact_binomial_interval() -> None:
    """Against scipy.stats.binomtest, whose two-sided 90 % interval has our one-sided 95 % bounds."""
    (found,) = SPEC.judge(seen([5_123], 10_000), TOLERANCE)
    exact = stats.binomtest(5_123, 10_000).proportion_ci(0.90, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), rel=1e-9)


def test_what_was_declared_is_allowed() -> None:
    """A detector with 80 % of the other's efficiency has 0.8 / 1.8 of the clicks: 5.6 % from a half, so 44.4 % pass then."""
    share = [4_450, 4_440, 4_445]
    assert SPEC.judge(seen(share, 10_000), TOLERANCE)[0].outcome is Outcome.FAIL
    assert SPEC.judge(seen(share, 10_000, mismatch=0.0556), TOLERANCE)[0].outcome is Outcome.PASS
    assert SPEC.judge(seen(share, 10_000, declared=0.445), TOLERANCE)[0].outcome is Outcome.PASS


def test_nothing_counted_decides_nothing() -> None:
    for rule in ("fixed", "sequential"):
        (found,) = SPEC.judge(seen([0, 0], 0), Objective("detector_balance", 0.02, "ratio", rule=rule))
        assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no clicks")


def test_looks_after_every_stretch() -> None:
    """The sequential interval of means (its error rates: docs/reference/error-rates.md) over the shares of the stretches."""
    rng = np.random.default_rng(3)
    looked = Objective("detector_balance", 0.02, "ratio", rule="sequential")
    for share, outcome in ((0.5, Outcome.PASS), (0.54, Outcome.FAIL), (0.52, Outcome.INCONCLUSIVE)):
        ones = rng.binomial(20_000, share, 20).tolist()
        assert SPEC.judge(seen(ones, 20_000), looked)[0].outcome is outcome
        assert SPEC.judge(seen(ones[:1], 20_000), looked)[0].outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("ones", "clicks"), [([1] * 3, 2), ([1] * 4, 1), ([0] * 4, 1), ([2] * 20, 4)])
def test_a_few_clicks_that_fall_alike_decide_nothing(ones: list[int], clicks: int) -> None:
    """Of 80 clicks even the exact interval of one look, 40.3 % to 59.7 % for a half, is wider than 2 %."""
    looked = Objective("detector_balance", 0.02, "ratio", rule="sequential")
    (found,) = SPEC.judge(seen(ones, clicks), looked)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert (found.n, found.k) == (clicks * len(ones), sum(ones))
    assert found.estimate == sum(ones) / (clicks * len(ones))


def test_short_stretches_are_put_together() -> None:
    """Stretches of 20 clicks are as good as those of 2,000 of the same clicks."""
    rng = np.random.default_rng(5)
    looked = Objective("detector_balance", 0.02, "ratio", rule="sequential")
    for share, outcome in ((0.5, Outcome.PASS), (0.56, Outcome.FAIL)):
        assert SPEC.judge(seen(rng.binomial(20, share, 2_000).tolist(), 20), looked)[0].outcome is outcome


def test_parts_of_one_basis_are_counted_on() -> None:
    whole = joined([seen([1, 2], 10), seen([3], 10)])
    assert whole.ones.tolist() == [1, 2, 3]
    assert whole.clicks.tolist() == [10, 10, 10]
    other = BasisBalance("bob.x0/x1", whole.ones, whole.clicks, 0.5, 0.0, simulated=False)
    with pytest.raises(UsageError, match="of several"):
        joined([whole, other])
