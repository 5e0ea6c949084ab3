"""CHSH verdicts: the interval of S against its known value, the rate of false passes, and what is not judged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hil.errors import UsageError
from hil.ports.identity import EvidenceLevel
from hil.ports.objective import Objective
from hil.ports.run import BellCounts, LinkRun
from hil.slo.chsh import SPEC
from hil.verdict import Outcome

OBJECTIVE = Objective("chsh", 2.0, "")
SIGNS = (1, -1, 1, 1)


def _counts(s_value: float, pairs: int, rng: np.random.Generator | None = None) -> BellCounts:
    """Equal correlations of S / 4 in every pair of settings, exact or drawn."""
    shares = [(1.0 - sign * s_value / 4.0) / 2.0 for sign in SIGNS]
    opposite = [round(q * pairs) if rng is None else int(rng.binomial(pairs, q)) for q in shares]
    return BellCounts("pairs", tuple((pairs, wrong) for wrong in opposite), SIGNS, simulated=True)


@pytest.mark.parametrize(
    ("s_value", "pairs", "outcome"),
    [
        (2.0 * math.sqrt(2.0), 1000, Outcome.PASS),
        (2.5, 5000, Outcome.PASS),
        (1.8, 5000, Outcome.FAIL),
        (2.0, 5000, Outcome.INCONCLUSIVE),
        (2.5, 40, Outcome.INCONCLUSIVE),
        (-2.5, 5000, Outcome.PASS),
        (0.0, 5000, Outcome.FAIL),
    ],
)
def test_verdict_of_exact_correlations(s_value: float, pairs: int, outcome: Outcome) -> None:
    """Where every correlation is S / 4 the estimate is S, and its sign, a matter of naming outcomes, does not count."""
    (verdict,) = SPEC.judge(_counts(s_value, pairs), OBJECTIVE)
    assert verdict.outcome is outcome
    assert verdict.estimate == pytest.approx(abs(s_value), abs=4.0 / pairs)
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low <= verdict.estimate <= verdict.high <= 4.0


def test_interval_is_as_wide_as_four_normal_ones() -> None:
    """With many pairs each end is near the sum of four one-sided normal limits at 98.75 %, z = 2.2414 (normal tables)."""
    pairs, s_value = 400_000, 2.4
    (verdict,) = SPEC.judge(_counts(s_value, pairs), OBJECTIVE)
    assert verdict.low is not None
    half = 4.0 * 2.2414 * math.sqrt((1.0 - (s_value / 4.0) ** 2) / pairs)
    assert s_value - verdict.low == pytest.approx(half, rel=0.01)


def test_local_pairs_hardly_ever_pass() -> None:
    """At S = 2, the most that local hidden variables give, at most 5 % may pass: 2,000 seeded runs, 4 sigma allowed."""
    rng = np.random.default_rng(7)
    passed = sum(SPEC.judge(_counts(2.0, 500, rng), OBJECTIVE)[0].outcome is Outcome.PASS for _ in range(2000))
    assert passed / 2000 <= 0.05 + 4.0 * math.sqrt(0.05 * 0.95 / 2000)


def test_settings_without_pairs_and_links_without_settings() -> None:
    """No pairs decide nothing; a link that measures no such settings is skipped; anything else is a mistake."""
    (nothing,) = SPEC.judge(BellCounts("pairs", ((10, 1), (10, 9), (0, 0), (10, 1)), SIGNS, simulated=True), OBJECTIVE)
    assert nothing.outcome is Outcome.INCONCLUSIVE
    run = LinkRun("metro", EvidenceLevel.L3, True, 0.0, 1.0, (), 0, {}, 1.0, None)  # noqa: FBT003
    (skipped,) = SPEC.judge(run, OBJECTIVE)
    assert skipped.outcome is Outcome.SKIPPED
    with pytest.raises(UsageError, match="BellCounts"):
        SPEC.judge(3.0, OBJECTIVE)
