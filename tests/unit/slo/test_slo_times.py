"""Availability, latencies, calibration interval and fidelity: three outcomes each, and the sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.errors import UsageError
from hil.ports.identity import EvidenceLevel
from hil.ports.objective import Objective
from hil.ports.run import Availability, CalibrationLog, Latencies, LinkRun, VisibilityCounts
from hil.slo.auth_round_trip import SPEC as ROUND_TRIP
from hil.slo.calibration_interval import SPEC as CALIBRATION
from hil.slo.entanglement_fidelity import SPEC as FIDELITY
from hil.slo.key_ingestion import SPEC as INGESTION
from hil.slo.link_availability import SPEC as AVAILABILITY
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.spec import IndicatorSpec

UP = Objective("link_availability", 0.999, "ratio", gate=False)
DAY = 86_400.0
WEEK = Objective("calibration_interval", 7 * DAY, "s", gate=False)
NINETY = Objective("entanglement_fidelity", 0.9, "ratio")


@pytest.mark.parametrize(
    ("good", "total", "outcome"),
    [
        (2995, 2995, Outcome.PASS),
        (2994, 2994, Outcome.INCONCLUSIVE),
        (43_168, 43_200, Outcome.PASS),  # 32 bad minutes a month still show 99.9 %
        (43_167, 43_200, Outcome.INCONCLUSIVE),
        (43_000, 43_200, Outcome.FAIL),
        (60, 60, Outcome.INCONCLUSIVE),
        (0, 0, Outcome.INCONCLUSIVE),
    ],
)
def test_availability_outcomes(good: int, total: int, outcome: Outcome) -> None:
    """2,995 good minutes show 99.9 %, a month may have 32 bad ones, and 200 bad ones fail."""
    (verdict,) = AVAILABILITY.judge(Availability("metro", 60.0, good, total, simulated=True), UP)
    assert verdict.outcome is outcome
    assert verdict.n == total
    assert verdict.gate is False


def test_availability_says_how_long_it_takes() -> None:
    """A short run names the 2,995 slices and 49.9 h; one with a bad slice names more."""
    (short,) = AVAILABILITY.judge(Availability("metro", 60.0, 60, 60, simulated=True), UP)
    assert short.reason.endswith("showing 99.9 % takes 2,995 good slices without a bad one, 49.9 h")
    (marked,) = AVAILABILITY.judge(Availability("metro", 60.0, 2999, 3000, simulated=True), UP)
    assert "undecided against 99.9 %" in marked.reason
    with pytest.raises(UsageError, match=r"such as 0\.999; got 1\.0"):
        AVAILABILITY.judge(Availability("metro", 60.0, 1, 1, simulated=True), Objective("x", 1.0, "ratio"))


@pytest.mark.parametrize("good", [60, 59])
def test_of_many_looks_no_number_is_said_that_was_passed_already(good: int) -> None:
    """2,995 slices without a bad one would do at one look (ln 20 / 0.001); there are 6,000 here, and still no answer."""
    looks = ((good, 60), *(((60, 60),) * 99))
    watched = Availability("metro", 60.0, sum(up for up, _ in looks), 6_000, simulated=True, looks=looks)
    (found,) = AVAILABILITY.judge(watched, Objective("link_availability", 0.999, "ratio", rule="sequential"))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.endswith("undecided against 99.9 %: watch longer, as outages that last are allowed for")


@pytest.mark.parametrize(("spec", "limit_s"), [(INGESTION, 1.0), (ROUND_TRIP, 0.1)])
def test_latency_outcomes(spec: IndicatorSpec, limit_s: float) -> None:
    """59 fast ones pass, 58 do not, slow ones fail; both are measured on the process's own clock."""
    objective = Objective(spec.name, limit_s, "s")
    outcomes = [
        spec.judge(Latencies("round trip", np.full(n, factor * limit_s), simulated=True), objective)[0]
        for n, factor in ((59, 0.5), (58, 0.5), (59, 1.5), (0, 1.0))
    ]
    assert [verdict.outcome for verdict in outcomes] == [
        Outcome.PASS,
        Outcome.INCONCLUSIVE,
        Outcome.FAIL,
        Outcome.INCONCLUSIVE,
    ]
    assert {verdict.time_base for verdict in outcomes} == {"process"}
    assert "bounding the 95th percentile takes 59 samples" in outcomes[1].reason
    assert outcomes[1].high is None
    assert spec.default_limit == limit_s


def test_latency_with_some_slow_ones() -> None:
    """Three slow of 100 leave P95 undecided: the sentence names the share and how many samples decide it."""
    times = np.concatenate([np.full(97, 0.01), np.full(3, 2.0)])
    (verdict,) = INGESTION.judge(Latencies("key", times, simulated=True), Objective("key_ingestion", 1.0, "s"))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "3 of 100 (3 %) took as long or longer; it takes about" in verdict.reason


@pytest.mark.parametrize(
    ("days", "window_days", "outcome", "words"),
    [
        ([0, 5, 10, 15, 20, 25], 30, Outcome.PASS, "6 calibrations in 30 d, longest gap 5 d"),
        ([0, 5, 13, 18, 25], 30, Outcome.FAIL, "longest gap 8 d (between two); longer than the allowed 7 d"),
        ([0, 5, 10], 30, Outcome.FAIL, "since the last one"),
        ([10, 16, 22, 28], 30, Outcome.FAIL, "before the first one"),
        ([], 30, Outcome.FAIL, "none at all"),
        ([], 0.01, Outcome.INCONCLUSIVE, "watch for 7 d or longer"),
        ([0, 7, 14], 14, Outcome.PASS, "within 7 d"),
    ],
)
def test_calibration_outcomes(days: list[float], window_days: float, outcome: Outcome, words: str) -> None:
    """Every gap counts, also those open at the ends of the window; a short window decides nothing."""
    log = CalibrationLog("alice", np.array(days, dtype=np.float64) * DAY, (0.0, window_days * DAY), simulated=True)
    (verdict,) = CALIBRATION.judge(log, WEEK)
    assert verdict.outcome is outcome
    assert words in verdict.reason


def test_calibration_window_runs_forward() -> None:
    """A window that ends before it starts is refused."""
    with pytest.raises(UsageError, match="before it starts"):
        CALIBRATION.judge(CalibrationLog("alice", np.array([]), (5.0, 1.0), simulated=True), WEEK)


def _run() -> LinkRun:
    return LinkRun("metro", EvidenceLevel.L3, True, 0.0, 1.0, (), 0, {}, 1.0, None)  # noqa: FBT003


def test_fidelity_is_skipped_without_pairs() -> None:
    """A prepare-and-measure link and a one-setting recording are skipped, each with its reason."""
    (prepared,) = FIDELITY.judge(_run(), NINETY)
    assert prepared.outcome is Outcome.SKIPPED
    assert "prepare-and-measure" in prepared.reason
    (one,) = FIDELITY.judge(VisibilityCounts("pairs", {"HV": (5000, 100)}, simulated=False), NINETY)
    assert one.outcome is Outcome.SKIPPED
    assert "one setting only (HV)" in one.reason


@pytest.mark.parametrize(
    ("wrong", "total", "outcome"),
    [(10, 1000, Outcome.PASS), (150, 1000, Outcome.FAIL), (45, 1000, Outcome.INCONCLUSIVE), (0, 0, Outcome.INCONCLUSIVE)],
)
def test_fidelity_outcomes(wrong: int, total: int, outcome: Outcome) -> None:
    """1 % of errors in each of two bases bound F to 98 %, 15 % cap it at 87 %, 4.5 % leave it undecided."""
    counts = VisibilityCounts("pairs", {"HV": (total, wrong), "DA": (total, wrong)}, simulated=True)
    (verdict,) = FIDELITY.judge(counts, NINETY)
    assert verdict.outcome is outcome
    if total:
        assert verdict.estimate == pytest.approx(1 - 2 * wrong / total)


def test_fidelity_refuses_other_types() -> None:
    """What is neither a run nor coincidences is refused."""
    with pytest.raises(UsageError, match="judges VisibilityCounts"):
        FIDELITY.judge(3, NINETY)


@pytest.mark.parametrize(
    ("wrong", "outcome"),
    [((100, 300, 100), Outcome.PASS), ((700, 900, 900), Outcome.FAIL), ((600, 700, 700), Outcome.INCONCLUSIVE)],
)
def test_three_complementary_bases_fix_the_fidelity(wrong: tuple[int, int, int], outcome: Outcome) -> None:
    """Of 10,000 each: 1 - (0.01 + 0.03 + 0.01) / 2 is 97.5 %, 25 % of errors in all leave 87.5 %, 20 % the limit itself."""
    counts = {basis: (10_000, errors) for basis, errors in zip("XYZ", wrong, strict=True)}
    (verdict,) = FIDELITY.judge(VisibilityCounts("pairs", counts, simulated=True), NINETY)
    assert verdict.outcome is outcome
    assert verdict.estimate == pytest.approx(1.0 - sum(wrong) / 20_000)
    assert "fidelity at least" not in verdict.reason
