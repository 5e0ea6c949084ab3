"""Dark counts, photon counts and dead time: three outcomes each, and the sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hil.errors import UsageError
from hil.ports.objective import Objective
from hil.ports.run import CountGates, InterClickGaps
from hil.seeds import stream
from hil.slo.dark_counts import SPEC as DARK
from hil.slo.dead_time import SPEC as DEAD
from hil.slo.photon_counts import SPEC as LIT
from hil.verdict import Outcome

DARK_LIMIT = Objective("dark_counts", 100.0, "cps")
TOLERANCE = Objective("photon_counts", 0.10, "ratio")
DEAD_TOLERANCE = Objective("dead_time", 0.02, "ratio")


def _dark(rate_hz: float, gates: int, gate_s: float = 1.0) -> CountGates:
    counts = stream(9, "dark", gates, str(rate_hz)).poisson(rate_hz * gate_s, size=gates)
    return CountGates("z0", "dark", gate_s, counts, simulated=True)


def _lit(counts: list[int], predicted_hz: float | None = 1e6, uncertainty: float = 0.0) -> CountGates:
    return CountGates(
        "z0",
        "lit",
        1.0,
        np.array(counts),
        simulated=False,
        predicted_hz=predicted_hz,
        predicted_relative_uncertainty=uncertainty,
    )


def _gaps(dead_ticks: int, gaps: int = 20_000, hazard: float = 1e-3) -> InterClickGaps:
    found = dead_ticks + stream(10, "gaps", dead_ticks, gaps).geometric(hazard, size=gaps) - 1
    return InterClickGaps("z0", 1e-9, found, declared_dead_time_s=50e-9, simulated=True)


@pytest.mark.parametrize(
    ("rate_hz", "gates", "outcome"), [(60.6, 30, Outcome.PASS), (20_000.0, 5, Outcome.FAIL), (97.0, 10, Outcome.INCONCLUSIVE)]
)
def test_dark_count_outcomes(rate_hz: float, gates: int, outcome: Outcome) -> None:
    """60.6 cps pass in half a minute, 20,000 cps fail at once, 97 cps need longer than ten seconds."""
    (verdict,) = DARK.judge(_dark(rate_hz, gates), DARK_LIMIT)
    assert verdict.outcome is outcome
    assert verdict.subject == "z0"
    assert verdict.estimate == pytest.approx(rate_hz, rel=0.1)
    assert (verdict.limit, verdict.unit) == (100.0, "cps")


def test_dark_count_sentences() -> None:
    """The sentence holds rate, interval, gates and Fano factor, and how long it would take when undecided."""
    assert "above the limit of 100 cps" in DARK.judge(_dark(20_000.0, 5), DARK_LIMIT)[0].reason
    undecided = DARK.judge(_dark(97.0, 10), DARK_LIMIT)[0].reason
    assert "10 gates of 1 s, Fano factor" in undecided
    assert "would decide it" in undecided


def test_one_gate_decides_nothing() -> None:
    """One gate shows no spread, however good it looks; no gates and silent gates are handled."""
    (one,) = DARK.judge(_dark(10.0, 1), DARK_LIMIT)
    assert one.outcome is Outcome.INCONCLUSIVE
    assert "count ten gates or more" in one.reason
    (nothing,) = DARK.judge(CountGates("z0", "dark", 1.0, np.array([], dtype=np.int64), simulated=True), DARK_LIMIT)
    assert (nothing.outcome, nothing.estimate, nothing.high) == (Outcome.INCONCLUSIVE, None, None)
    (silent,) = DARK.judge(CountGates("z0", "dark", 1.0, np.zeros(10, dtype=np.int64), simulated=True), DARK_LIMIT)
    assert silent.outcome is Outcome.PASS


def test_several_detectors_give_several_verdicts() -> None:
    """A list of observations gives one verdict each; lit counts are no dark counts and the other way round."""
    assert len(DARK.judge([_dark(60.0, 30), _dark(61.0, 30)], DARK_LIMIT)) == 2
    with pytest.raises(UsageError, match="judges dark counts; those of z0 were taken lit"):
        DARK.judge(_lit([1, 2]), DARK_LIMIT)
    with pytest.raises(UsageError, match="judges lit counts"):
        LIT.judge(_dark(60.0, 3), TOLERANCE)
    with pytest.raises(UsageError, match="judges CountGates"):
        LIT.judge(_gaps(50), TOLERANCE)


@pytest.mark.parametrize(
    ("counts", "outcome", "words"),
    [
        ([1_001_000, 999_500, 1_000_200], Outcome.PASS, "within 10 %"),
        ([800_000, 801_000, 799_000], Outcome.FAIL, "20 % fewer than predicted"),
        ([1_250_000, 1_251_000, 1_249_000], Outcome.FAIL, "25 % more than predicted"),
        ([1_090_000, 1_110_000, 1_097_000], Outcome.INCONCLUSIVE, "would decide it"),
    ],
)
def test_photon_count_outcomes(counts: list[int], outcome: Outcome, words: str) -> None:
    """Within a tenth of the predicted million passes, 20 % off fails, straddling the edge is undecided."""
    (verdict,) = LIT.judge(_lit(counts), TOLERANCE)
    assert verdict.outcome is outcome
    assert words in verdict.reason
    assert (verdict.limit, verdict.unit) == (1e6, "cps")
    assert "within 10 % of the predicted rate" in verdict.rule
    assert verdict.simulated is False


def test_calibration_uncertainty_widens_the_interval() -> None:
    """5 % at 95 % is 4.2 % one-sided: counts 3 % high still pass, 7 % high no longer, and 13 % no longer fail."""
    calm = [0, 100, -100]
    (close,) = LIT.judge(_lit([1_030_000 + c for c in calm], uncertainty=0.05), TOLERANCE)
    assert close.outcome is Outcome.PASS
    assert close.high == pytest.approx(1_030_000 * (1 + 0.05 * 1.6449 / 1.95996), rel=1e-4)
    (far,) = LIT.judge(_lit([1_070_000 + c for c in calm], uncertainty=0.05), TOLERANCE)
    assert far.outcome is Outcome.INCONCLUSIVE
    assert "the calibration's uncertainty of 5 % reaches the edge" in far.reason
    assert LIT.judge(_lit([1_130_000 + c for c in calm], uncertainty=0.05), TOLERANCE)[0].outcome is Outcome.INCONCLUSIVE
    assert LIT.judge(_lit([1_130_000 + c for c in calm]), TOLERANCE)[0].outcome is Outcome.FAIL


def test_photon_counts_without_a_yardstick() -> None:
    """Nothing predicted is a skip, an expired calibration and a single gate are undecided."""
    assert LIT.judge(_lit([1, 2], predicted_hz=None), TOLERANCE)[0].outcome is Outcome.SKIPPED
    (expired,) = LIT.judge(_lit([1_000_000, 1_000_100], uncertainty=math.inf), TOLERANCE)
    assert expired.outcome is Outcome.INCONCLUSIVE
    assert "expired" in expired.reason
    assert LIT.judge(_lit([1_000_000]), TOLERANCE)[0].outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("ticks", "outcome", "words"),
    [
        (50, Outcome.PASS, "declared 50 ns, tolerance 2 ns"),
        (51, Outcome.PASS, ""),
        (80, Outcome.FAIL, "longer than declared"),
        (30, Outcome.FAIL, "shorter than declared"),
    ],
)
def test_dead_time_outcomes(ticks: int, outcome: Outcome, words: str) -> None:
    """50 ns and a tick more pass against the declared 50 ns; 80 ns and 30 ns fail."""
    (verdict,) = DEAD.judge(_gaps(ticks), DEAD_TOLERANCE)
    assert verdict.outcome is outcome
    assert verdict.estimate == pytest.approx(ticks * 1e-9, abs=0.5e-9)
    assert words in verdict.reason
    assert (verdict.limit, verdict.unit) == (50e-9, "s")
    assert "within one tick and 2 % of the declared dead time" in verdict.rule


def test_dead_time_of_too_few_gaps() -> None:
    """200 gaps of dark counts show no edge at 50 ns; the sentence says how many it takes. One gap shows nothing."""
    (few,) = DEAD.judge(_gaps(50, gaps=200, hazard=6e-8), DEAD_TOLERANCE)
    assert few.outcome is Outcome.INCONCLUSIVE
    assert "an edge this sharp takes about" in few.reason
    (one,) = DEAD.judge(_gaps(50, gaps=1), DEAD_TOLERANCE)
    assert (one.outcome, one.estimate) == (Outcome.INCONCLUSIVE, None)
    assert "1 gap between clicks" in one.reason


@pytest.mark.parametrize("gaps", [10, 63])
def test_looks_at_doublings_promise_no_number_of_gaps(gaps: int) -> None:
    """The first of many looks is at 64 gaps, whatever their edge."""
    (few,) = DEAD.judge(_gaps(50, gaps=gaps), replace(DEAD_TOLERANCE, rule="sequential"))
    assert few.outcome is Outcome.INCONCLUSIVE
    assert few.reason.endswith(": undecided, count longer")
