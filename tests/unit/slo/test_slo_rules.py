"""Decision rules: guard bands, what an undecided verdict counts as, sequential and Wald's, and what is said of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil import discovery
from hil.errors import UsageError
from hil.ports.objective import Objective, guard_band
from hil.ports.run import Availability, BellCounts, CalibrationLog, CountGates, InterClickGaps, Latencies, VisibilityCounts
from hil.record.model import DeclaredRule, VerdictEntry
from hil.seeds import stream
from hil.slo import compare, declared_rule, latency_excess, ruled
from hil.statistics.comparison import quantile_difference
from hil.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.run import LinkRun

    RunOf = Callable[..., LinkRun]

QBER = Objective("qber", 0.02, "ratio")
DARK = Objective("dark_counts", 100.0, "cps")


def dark(counts: list[int], gate_s: float = 1.0) -> CountGates:
    return CountGates("z0", "dark", gate_s, np.array(counts, dtype=np.int64), simulated=True)


def judged(name: str, observation: Any, objective: Objective) -> Verdict:
    (verdict,) = discovery.find("indicator", name).judge(observation, objective)
    return verdict


def test_correlated_blocks_widen_a_qber(run_of: RunOf) -> None:
    """1.6 % twice: once in two blocks that agree, once in one of 0.6 % and one of 2.6 %, which shows nothing at all."""
    even, uneven = (judged("qber", run_of(*blocks), QBER) for blocks in ([(800, 50_000)] * 2, [(300, 50_000), (1300, 50_000)]))
    assert (even.outcome, uneven.outcome) == (Outcome.PASS, Outcome.INCONCLUSIVE)
    assert even.estimate == uneven.estimate == 0.016
    assert (even.k, even.n) == (1600, 100_000)
    assert uneven.high is not None
    assert uneven.high > 0.2  # two blocks that differ by 2 % tell next to nothing


def test_guard_band_moves_the_limits_apart(run_of: RunOf) -> None:
    """18 errors in 1,365 bits pass at 2 %, their upper bound being 1.96 %: not with 0.1 % kept clear; nor is 3 % a FAIL."""
    passing = judged("qber", run_of((18, 1365)), QBER)
    guarded = judged("qber", run_of((18, 1365)), replace(QBER, guard_band=0.001))
    assert (passing.outcome, guarded.outcome) == (Outcome.PASS, Outcome.INCONCLUSIVE)
    assert passing.margin == pytest.approx(0.02 - (passing.high or 0.0))
    assert guarded.margin == pytest.approx((passing.margin or 0.0) - 0.001)
    assert "guard band 0.001 ratio on either side" in guarded.rule
    high = run_of((600, 20_000))
    assert judged("qber", high, QBER).outcome is Outcome.FAIL
    assert judged("qber", high, replace(QBER, guard_band=0.009)).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("errors", "factor", "outcome"),
    [(19, 0.0, Outcome.PASS), (20, 0.0, Outcome.FAIL), (9, 1.0, Outcome.INCONCLUSIVE), (9, 0.5, Outcome.PASS)],
)
def test_multiples_of_the_uncertainty(errors: int, factor: float, outcome: Outcome, run_of: RunOf) -> None:
    """Of 1,000 bits: simple acceptance is by the estimate (1.9 % and 2.0 %); half of U bounds 0.9 % below 1.55 %."""
    objective = replace(QBER, guard_factor=factor, limit=0.0155 if errors == 9 else 0.02)
    assert judged("qber", run_of((errors, 1000)), objective).outcome is outcome


@pytest.mark.parametrize(("errors", "grade"), [(19, "conditional pass"), (21, "conditional fail"), (5, "")])
def test_undecided_is_named_after_ilac(errors: int, grade: str, run_of: RunOf) -> None:
    """ILAC-G8:09/2019 4.2.3: on the good side of the limit, inside the guard band, a conditional pass; no gate is satisfied."""
    verdict = judged("qber", run_of((errors, 1000)), replace(QBER, conditional=True))
    assert verdict.grade == grade
    assert (verdict.outcome is Outcome.INCONCLUSIVE) is bool(grade)
    assert (grade in verdict.reason) or not grade


def test_undecided_counts_as_declared(run_of: RunOf) -> None:
    verdict = judged("qber", run_of((19, 1000)), replace(QBER, insufficient_data="fail"))
    assert verdict.outcome is Outcome.FAIL
    assert "which the rule counts as FAIL" in verdict.reason
    assert verdict.rule.endswith("undecided counts as FAIL")


def test_sequential_rule_decides_by_bounds_that_hold_at_every_look(run_of: RunOf) -> None:
    """The same data bound less than at one look; far enough from the limit they decide either way, and 2 % itself never."""
    sequential = replace(QBER, rule="sequential")
    for errors, outcome in ((10, Outcome.PASS), (40, Outcome.FAIL), (20, Outcome.INCONCLUSIVE)):
        run = run_of(*[(errors // 10, 100)] * 10, *[(errors // 10, 100)] * 10)
        verdict = judged("qber", run, sequential)
        assert verdict.outcome is outcome
        assert "mixture e-process" in verdict.rule
    one = run_of(*[(1, 100)] * 20)
    assert (judged("qber", one, sequential).high or 0.0) > (judged("qber", one, QBER).high or 1.0)


@pytest.mark.parametrize(("errors", "outcome"), [(1, Outcome.PASS), (3, Outcome.FAIL)])
def test_wald_decides_between_two_hypotheses(errors: int, outcome: Outcome, run_of: RunOf) -> None:
    """1 % against 2 % in blocks of 100 bits, 20 of them; one decides nothing."""
    objective = replace(QBER, rule="sprt", acceptable=0.01)
    assert judged("qber", run_of(*[(errors, 100)] * 20), objective).outcome is outcome
    assert judged("qber", run_of((errors, 100)), objective).outcome is Outcome.INCONCLUSIVE
    assert "acceptable 0.01 ratio, each error 5 %" in declared_rule(discovery.find("indicator", "qber"), objective)
    counts = replace(DARK, rule="sprt", acceptable=60.0)
    assert judged("dark_counts", dark([60] * 10), counts).outcome is Outcome.PASS
    assert judged("dark_counts", dark([110] * 10), counts).outcome is Outcome.FAIL


def test_other_indicators_look_after_every_block(run_of: RunOf) -> None:
    """Dark counts, key rate and latency."""
    assert judged("dark_counts", dark([60] * 12), replace(DARK, rule="sequential")).outcome is Outcome.PASS
    rate = Objective("key_rate", 100.0, "bit/s", rule="sequential")
    assert judged("key_rate", run_of((1, 100), (1, 100), (1, 100), secret_bits=5000), rate).outcome is Outcome.PASS
    times = Latencies("round trip", np.full(200, 1e-3), simulated=True)
    latency = judged("auth_round_trip", times, Objective("auth_round_trip", 0.1, "s", rule="sequential"))
    assert (latency.outcome, latency.k) == (Outcome.PASS, 0)


def test_guard_band_of_a_tolerance() -> None:
    """Counts 5 % above the prediction lie within 10 %, not within 10 % less 6 %; the margin is that of the bound."""
    gates = CountGates("z0", "lit", 1.0, np.array([104_900, 105_100] * 10), simulated=True, predicted_hz=100_000.0)
    objective = Objective("photon_counts", 0.1, "ratio")
    verdict = judged("photon_counts", gates, objective)
    assert verdict.outcome is Outcome.PASS
    assert verdict.margin == pytest.approx(110_000 - (verdict.high or 0.0))
    assert judged("photon_counts", gates, replace(objective, guard_band=0.06)).outcome is Outcome.INCONCLUSIVE
    gaps = InterClickGaps("z0", 1e-9, np.arange(50, 4050), 50e-9, simulated=True)
    dead = judged("dead_time", gaps, Objective("dead_time", 0.02, "ratio"))
    assert dead.margin is not None


def test_guard_band_of_a_rate_moves_its_limits_apart(run_of: RunOf) -> None:
    """5,000 bit/s in every block, without spread: within 100 of the limit on either side it is undecided, beyond it is not."""
    run = run_of(*[(1, 100)] * 3, secret_bits=5000)
    guarded = Objective("key_rate", 0.0, "bit/s", guard_band=100.0)
    found = [
        judged("key_rate", run, replace(guarded, limit=limit)).outcome for limit in (4899.0, 4901.0, 5000.0, 5099.0, 5101.0)
    ]
    assert found == [Outcome.PASS, *[Outcome.INCONCLUSIVE] * 3, Outcome.FAIL]


def test_guard_bands_as_they_are_written() -> None:
    """A number, a quantity, multiples of U."""
    assert guard_band(0.001, "ratio") == (0.001, 1.0)
    assert guard_band("0.1 %", "ratio") == (pytest.approx(0.001), 1.0)
    assert guard_band("1.5 U", "s") == (0.0, 1.5)
    assert guard_band("10 ms", "s") == (pytest.approx(0.01), 1.0)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(UsageError, match="multiples of the expanded uncertainty"):
            guard_band(wrong, "ratio")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"rule": "sprt"}, "declared together"),
        ({"acceptable": 0.01}, "declared together"),
        ({"rule": "sprt", "acceptable": "3 %"}, "below the limit of 0.02 ratio"),
        ({"rule": "bayes"}, "expected one of: fixed, sequential, sprt"),
        ({"rule": "sequential", "guard_band": "2 U"}, "keeps its error rate"),
        ({"confidence": 0.4}, "between 0.5 and 1"),
        ({"insufficient_data": "pass"}, "'inconclusive' or 'fail'"),
        ({"n": 3}, "a decision rule has no n; expected one of: rule, confidence"),
    ],
)
def test_rules_that_cannot_be_applied_are_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ruled(QBER, discovery.find("indicator", "qber"), **declared)


def test_every_indicator_may_be_looked_at_many_times() -> None:
    """By rule sequential, all of them; by Wald's, those with two likelihoods to compare."""
    for name in discovery.names("indicator"):
        assert "sequential" in discovery.find("indicator", name).rules, name
    with pytest.raises(UsageError, match="dead_time cannot be decided by rule 'sprt'; expected one of: fixed, sequential"):
        ruled(Objective("dead_time", 0.02, "ratio"), discovery.find("indicator", "dead_time"), rule="sprt", acceptable=0.01)


SEQUENTIAL = [
    (
        "link_availability",
        0.999,
        lambda good: Availability("metro", 60.0, 6000, 6000, simulated=True, looks=((60 if good else 50, 60),) * 1500),
    ),
    (
        "entanglement_fidelity",
        0.9,
        lambda good: VisibilityCounts(
            "pairs",
            dict.fromkeys("XZ", (3000, 60 if good else 600)),
            simulated=True,
            looks=tuple(dict.fromkeys("XZ", (300, (5 if good else 59) + number % 3)) for number in range(10)),
        ),
    ),
    (
        "chsh",
        2.0,
        lambda good: BellCounts(
            "pairs",
            ((4000, 600 if good else 1600),) * 3 + ((4000, 3400 if good else 2400),),
            (1, 1, 1, -1),
            simulated=True,
            looks=tuple(
                ((400, (60 if good else 160) + number % 3),) * 3 + ((400, (340 if good else 240) - number % 2),)
                for number in range(10)
            ),
        ),
    ),
    (
        "photon_counts",
        0.1,
        lambda good: CountGates(
            "z0",
            "lit",
            0.1,
            np.array([10_000, 10_100, 9_900, 10_050] * 4) + (0 if good else 3000),
            simulated=True,
            predicted_hz=100_000.0,
        ),
    ),
    (
        "dead_time",
        0.02,
        lambda good: InterClickGaps(
            "z0", 1e-12, (50_000 if good else 53_000) + np.arange(3, 300_000, 100), 5e-8, simulated=True
        ),
    ),
    (
        "calibration_interval",
        10.0,
        lambda good: CalibrationLog("alice", np.arange(0.0, 30.0, 5.0 if good else 11.0), (0.0, 30.0), simulated=True),
    ),
]


@pytest.mark.parametrize(("name", "limit", "observed"), SEQUENTIAL, ids=[name for name, *_ in SEQUENTIAL])
def test_sequential_verdicts_of_what_is_clear(name: str, limit: float, observed: Callable[[bool], Any]) -> None:
    """Far on either side of its limit each is decided; a bound lies between the estimate and the limit."""
    spec = discovery.find("indicator", name)
    objective = Objective(name, limit, spec.unit, rule="sequential")
    assert judged(name, observed(True), objective).outcome is Outcome.PASS  # noqa: FBT003
    assert judged(name, observed(False), objective).outcome is Outcome.FAIL  # noqa: FBT003
    fixed = judged(name, observed(True), replace(objective, rule="fixed"))  # noqa: FBT003
    found = judged(name, observed(True), objective)  # noqa: FBT003
    assert found.rule != fixed.rule
    if name not in {"calibration_interval", "dead_time", "link_availability"}:
        assert found.estimate == pytest.approx(fixed.estimate)
        assert found.low is not None
        assert found.high is not None
        assert found.low < (found.estimate or 0.0) < found.high


def test_record_holds_what_a_rule_and_a_verdict_say() -> None:
    """A field that only one of them has would be lost on the way."""
    assert set(Verdict.__dataclass_fields__) | {"case"} == set(VerdictEntry.__struct_fields__)
    declared = set(DeclaredRule.__struct_fields__) - {"title", "link", "limit_source", "rule_kind"}
    assert declared == set(Objective.__dataclass_fields__) - {"source"}


@pytest.mark.parametrize(
    ("name", "unit", "new", "old", "outcome"),
    [
        ("qber", "ratio", (0.015, 0.014, 0.016), (0.014, 0.013, 0.015), Outcome.PASS),
        ("qber", "ratio", (0.030, 0.029, 0.031), (0.014, 0.013, 0.015), Outcome.FAIL),
        ("qber", "ratio", (0.018, 0.017, 0.019), (0.014, 0.013, 0.015), Outcome.INCONCLUSIVE),
        ("key_rate", "bit/s", (99.99, 99.9899, 99.991), (100.0, 99.9995, 100.0005), Outcome.FAIL),
        ("key_rate", "bit/s", (100.01, 100.009, 100.011), (100.0, 99.999, 100.001), Outcome.PASS),
    ],
)
def test_new_against_old(
    name: str, unit: str, new: tuple[float, float, float], old: tuple[float, float, float], outcome: Outcome
) -> None:
    """Worse means more errors, less key. Half-widths of 0.1 % each give 0.141 % in quadrature (Zou and Donner)."""
    spec = discovery.find("indicator", name)
    arms = [
        Verdict(name, "metro", Outcome.PASS, "", estimate, low, high, 1000, unit=unit, confidence=0.95)
        for estimate, low, high in (new, old)
    ]
    verdict = compare(spec, *arms, margin=0.005)
    assert verdict.outcome is outcome
    sign = 1 if name == "qber" else -1
    assert verdict.estimate == pytest.approx(sign * (new[0] - old[0]))
    if name == "qber":
        assert verdict.high == pytest.approx(new[0] - old[0] + 0.001 * 2**0.5)
    assert verdict.n == 2000
    assert "new against old" in verdict.subject
    with pytest.raises(UsageError, match="margin of -1"):
        compare(spec, *arms, margin=-1.0)
    with pytest.raises(UsageError, match="no better and worse"):
        compare(discovery.find("indicator", "dead_time"), *arms, margin=1.0)


def test_latencies_are_compared_by_bursts() -> None:
    """Twenty in a row are fast or slow together, so that they are drawn together: split by hand it is the same interval."""
    rng = stream(10, "bursts")
    new, old = (Latencies("round trip", np.repeat(rng.exponential(1e-3, 12), 20), simulated=True) for _ in range(2))
    by_burst = (np.split(times.durations_s, 12) for times in (new, old))
    expected = quantile_difference(*by_burst, 0.95, stream(10, "bootstrap"))
    assert latency_excess(new, old, 0.95, stream(10, "bootstrap")) == expected
