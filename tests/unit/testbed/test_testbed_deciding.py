"""Measuring until it is clear: looks, budgets, what is saved, two arms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil import discovery
from hil.bench import load
from hil.errors import Inconclusive, ObjectiveMissedError, UsageError
from hil.physics.prediction import predict
from hil.ports.objective import Objective
from hil.ports.run import (
    Availability,
    BellCounts,
    CalibrationLog,
    CountGates,
    InterClickGaps,
    Latencies,
    LinkRun,
    StageTimes,
    VisibilityCounts,
)
from hil.record.events import checked
from hil.seeds import stream
from hil.slo import declared_rule, resolve
from hil.testbed.joining import joined
from hil.testbed.slo import Slo
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    RunOf = Callable[..., LinkRun]


class Stand:
    """A link whose runs come from a list, on a clock that each of them moves."""

    def __init__(self, blocks: Iterator[tuple[int, int]], run_of: RunOf | None = None) -> None:
        self.name, self.replayed, self.seed = "metro", False, 7
        self.testbed = self.declared = self
        self.block_s = 2.0
        self.bench = load("metro-25km")
        self.prediction = predict(self.bench, "metro")
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._blocks, self._now_s, self._run_of = blocks, 0.0, run_of

    def record(self, kind: str, **data: Any) -> None:
        checked(kind, data)
        self.events.append((kind, data))

    def now_s(self) -> float:
        return self._now_s

    def run(self, duration_s: float) -> LinkRun:
        self._now_s += duration_s
        assert self._run_of is not None
        return self._run_of(next(self._blocks))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == kind]


def slo_of(stand: Stand) -> Slo:
    return Slo(cast("Any", stand))


def blocks(rate: float, bits: int, *key: str) -> Iterator[tuple[int, int]]:
    rng = stream(3, "deciding", *key)
    while True:
        yield int(rng.binomial(bits, rate)), bits


def test_measuring_stops_as_soon_as_it_is_clear(run_of: RunOf) -> None:
    """0.2 % against 2 %: a thousand bits of the 20,000 allowed, one verdict in the record, and how it came about."""
    stand = Stand(blocks(0.002, 50, "clear"), run_of)
    (verdict,) = slo_of(stand).decide("qber", n_max=20_000)
    assert verdict.outcome is Outcome.PASS
    assert verdict.n < 1625  # what one look would take for 1 %
    assert verdict.looks == verdict.n // 50 > 1
    assert (verdict.n_max, verdict.saved) == (20_000, 20_000 - verdict.n)
    (recorded,) = stand.of("verdict")
    assert (recorded["looks"], recorded["saved"]) == (verdict.looks, verdict.saved)
    (rule,) = stand.of("rule")
    assert (rule["rule_kind"], rule["n_max"]) == ("sequential", 20_000)
    assert [kind for kind, _ in stand.events] == ["rule", "verdict"]


def test_a_bad_device_stops_it_as_well(run_of: RunOf) -> None:
    with pytest.raises(ObjectiveMissedError, match="FAIL qber of metro"):
        slo_of(Stand(blocks(0.08, 50, "bad"), run_of)).decide("qber", n_max=20_000)


def test_the_budget_ends_it_undecided(run_of: RunOf) -> None:
    """On the limit, 40 blocks of 2 s are looked at and none is saved."""
    stand = Stand(iter([(2, 100)] * 100), run_of)
    with pytest.raises(Inconclusive, match="INCONCLUSIVE qber of metro"):
        slo_of(stand).decide("qber", budget="80 s")
    (recorded,) = stand.of("verdict")
    assert (recorded["looks"], recorded["saved"], recorded["n"]) == (40, 0, 4000)


def test_undecided_at_the_end_counts_as_declared_and_not_before(run_of: RunOf) -> None:
    """At the first look all is undecided; that is no FAIL yet."""
    stand = Stand(blocks(0.002, 50, "declared"), run_of)
    (verdict,) = slo_of(stand).decide("qber", budget="400 s", insufficient_data="fail", conditional=True)
    assert verdict.outcome is Outcome.PASS
    assert verdict.saved is not None
    assert verdict.saved > 5000  # of 200 blocks of 50 bits
    with pytest.raises(
        ObjectiveMissedError, match="conditional fail by the estimate; undecided, which the rule counts as FAIL"
    ):
        slo_of(Stand(iter([(2, 100)] * 9), run_of)).decide("qber", budget=8.0, insufficient_data="fail", conditional=True)


def test_a_fixed_rule_looks_once_at_the_end(run_of: RunOf) -> None:
    """Whatever shows on the way: 1,400 bits are what was declared."""
    stand = Stand(iter([(0, 100)] * 20), run_of)
    (verdict,) = slo_of(stand).decide("qber", rule="fixed", n_max=1400)
    assert (verdict.n, verdict.looks, verdict.saved) == (1400, 1, 0)


def test_two_hypotheses_by_wald(run_of: RunOf) -> None:
    (verdict,) = slo_of(Stand(blocks(0.01, 100, "wald"), run_of)).decide("qber", acceptable="1 %", n_max=10_000)
    assert verdict.outcome is Outcome.PASS
    assert "Wald" in verdict.rule


def test_subjects_keep_the_answer_they_had_when_it_was_clear() -> None:
    """Of two detectors one is clear at once; that the other takes longer does not reopen it."""
    counts = {"z0": iter([5] * 200), "z1": iter([97, 103] * 100)}

    def measure() -> list[CountGates]:
        return [
            CountGates(name, "dark", 1.0, np.array([next(each), next(each)]), simulated=True) for name, each in counts.items()
        ]

    found = {
        verdict.subject: verdict
        for verdict in slo_of(Stand(iter([]))).decide("dark_counts", measure=measure, n_max=3000, check=False)
    }
    assert found["z0"].outcome is Outcome.PASS
    assert found["z1"].outcome is Outcome.INCONCLUSIVE
    assert found["z0"].looks < found["z1"].looks
    assert found["z0"].n < 50


def test_several_indicators_of_one_run_are_decided_together(run_of: RunOf) -> None:
    stand = Stand(iter([(1, 1000)] * 30), run_of)
    verdicts = slo_of(stand).decide("qber", "key_rate", budget="20 s", check=False)
    assert {verdict.indicator for verdict in verdicts} == {"qber", "key_rate"}


def test_what_is_declared_stands(run_of: RunOf) -> None:
    """A rule is declared once, up front; deciding and judging go by it."""
    slo = slo_of(Stand(iter([(0, 100)] * 50), run_of))
    slo.declare("qber", rule="sequential", n_max=2000)
    with pytest.raises(UsageError, match="qber was declared otherwise before: mixture e-process"):
        slo.decide("qber", n_max=3000)
    (verdict,) = slo.decide("qber")
    assert verdict.n_max == 2000
    assert slo.judge(run_of((0, 100)), "qber")[0].rule == verdict.rule


def test_the_bench_file_declares_the_rule(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """Every part arrives in the objective, and in words."""
    text = (
        '[slo.dark_counts]\nmax = "90 cps"\nrule = "sprt"\nacceptable = "50 cps"\nguard_band = "5 cps"\nn_max = 5000\n'
        'duration_max = "1 min"\ninsufficient_data = "fail"\nconditional = true\nconfidence = 0.99\n\n[slo.qber]'
    )
    bench = load(write_bench(tmp_path / "ruled.toml", ("[slo.qber]", text)))
    spec = discovery.find("indicator", "dark_counts")
    objective = resolve(bench, "metro", spec)
    assert objective == Objective(
        "dark_counts",
        90.0,
        "cps",
        confidence=0.99,
        source="bench",
        rule="sprt",
        acceptable=50.0,
        guard_band=5.0,
        n_max=5000,
        duration_max_s=60.0,
        insufficient_data="fail",
        conditional=True,
    )
    said = declared_rule(spec, objective)
    for part in ("acceptable 50 cps", "guard band 5 cps", "budget n up to 5,000 or 60 s", "conditional", "99 %"):
        assert part in said


def test_a_question_needs_a_budget_and_a_way_to_measure() -> None:
    slo = slo_of(Stand(iter([])))
    with pytest.raises(UsageError, match="qber has no budget: give slo"):
        slo.decide("qber")
    with pytest.raises(UsageError, match="dark_counts: say how to take the next observation"):
        slo.decide("dark_counts", budget="1 s")
    with pytest.raises(UsageError, match="name the indicators to decide"):
        slo.decide()


def test_latencies_go_by_the_clock_of_the_process() -> None:
    """No bench time passes, and 20 samples a look are counted."""
    slo = slo_of(Stand(iter([])))
    (verdict,) = slo.decide(
        "auth_round_trip", measure=lambda: Latencies("round trip", np.full(20, 1e-3), simulated=True), n_max=400
    )
    assert verdict.outcome is Outcome.PASS
    assert 59 <= verdict.n <= 200
    assert verdict.saved == 400 - verdict.n


def test_both_arms_of_a_comparison_are_in_the_record(run_of: RunOf) -> None:
    """1.50 % new, 1.40 % old of a million bits: worse by 0.1 %, within 0.3 %, not within 0.1 %."""
    new, old = run_of(*[(3750, 250_000)] * 4), run_of(*[(3500, 250_000)] * 4)
    stand = Stand(iter([]))
    (verdict,) = slo_of(stand).compare(new, old, "qber", margin="0.3 %")
    assert verdict.outcome is Outcome.PASS
    assert verdict.estimate == pytest.approx(0.001)
    (table,) = stand.of("table")
    assert [row[0] for row in table["rows"]] == [0.015, 0.014]
    assert [row[3] for row in table["rows"]] == [1_000_000, 1_000_000]
    (recorded,) = stand.of("verdict")
    assert recorded["rule"] == stand.of("rule")[1]["rule"]
    with pytest.raises(Inconclusive, match=r"undecided against the margin of 0\.1 %"):
        slo_of(Stand(iter([]))).compare(new, old, "qber", margin=0.001)
    with pytest.raises(UsageError, match="1 new subjects are compared with 2 old ones"):
        slo_of(Stand(iter([]))).compare(new, [old, old], "qber", margin=0.001)


def test_latencies_are_compared_by_the_bootstrap() -> None:
    rng = stream(5, "compare")
    quick, slow = (Latencies("round trip", scale * rng.exponential(1e-3, 400), simulated=True) for scale in (1.0, 20.0))
    (verdict,) = slo_of(Stand(iter([]))).compare(quick, slow, "auth_round_trip", margin="1 ms")
    assert verdict.estimate is not None
    assert verdict.estimate < -0.02
    with pytest.raises(ObjectiveMissedError, match="beyond the margin"):
        slo_of(Stand(iter([]))).compare(slow, quick, "auth_round_trip", margin="1 ms")


def test_joined_runs_are_as_one(run_of: RunOf) -> None:
    """Blocks in order, counts and series end to end, claims weighted by their bits, coincidences added."""
    series = (np.array([1.0]), np.array([0.02]))
    parts = [
        replace(
            run_of((number, 100)),
            end_s=float(number),
            counts={"z0": np.array([number])},
            series={"qber_ratio": series},
            claimed={"qber_ratio": 0.01 * number, "sifted_bits": 100.0 * number, "counts_hz": float(number)},
            visibility=VisibilityCounts("metro", {"Z": (100, number)}, simulated=True),
            bell=BellCounts("metro", ((100, number),) * 4, (1, 1, 1, -1), simulated=True),
            stages={"sift": StageTimes((0.1,), (0.1,))},
        )
        for number in (1, 3)
    ]
    run = joined(parts)
    assert [block.key_errors for block in run.blocks] == [1, 3]
    assert run.end_s == 3.0
    assert run.counts["z0"].tolist() == [1, 3]
    assert run.series["qber_ratio"][1].tolist() == [0.02, 0.02]
    assert run.claimed == pytest.approx({"qber_ratio": 0.025, "sifted_bits": 400.0, "counts_hz": 2.0})
    assert run.visibility.by_basis == {"Z": (200, 4)}
    assert run.bell.by_settings == ((200, 4),) * 4
    assert run.stages["sift"].cpu_s == (0.1, 0.1)


def test_what_does_not_belong_together_is_refused() -> None:
    gates = [CountGates(name, "dark", 1.0, np.array([1]), simulated=True) for name in ("z0", "z1")]
    with pytest.raises(UsageError, match="gates of one detector"):
        joined(gates)
    with pytest.raises(UsageError, match="the same subjects"):
        joined([gates, gates[:1]])
    with pytest.raises(UsageError, match="times of one operation"):
        joined([Latencies(name, np.ones(1), simulated=True) for name in ("a", "b")])
    with pytest.raises(UsageError, match="dict is not observed block after block"):
        joined([{}])
    with pytest.raises(UsageError, match="slices of one length"):
        joined([Availability("metro", slice_s, 5, 5, simulated=True) for slice_s in (60.0, 1.0)])
    with pytest.raises(UsageError, match="watched without a break"):
        joined([CalibrationLog("alice", np.ones(1), window, simulated=True) for window in ((0.0, 9.0), (10.0, 19.0))])


def test_looks_are_kept_where_they_are_what_varies() -> None:
    """Slices, coincidences and settings of three looks, one joined after the other; gaps and calibrations end to end."""
    watched = joined([joined([Availability("metro", 60.0, good, 60, simulated=True) for good in (60, 55)]),
                      Availability("metro", 60.0, 58, 60, simulated=True)])  # fmt: skip
    assert (watched.good, watched.total, watched.looks) == (173, 180, ((60, 60), (55, 60), (58, 60)))
    pairs = joined([VisibilityCounts("pairs", {"X": (100, wrong)}, simulated=True) for wrong in (1, 2)])
    assert (pairs.by_basis, pairs.looks) == ({"X": (200, 3)}, ({"X": (100, 1)}, {"X": (100, 2)}))
    bell = joined([BellCounts("pairs", ((9, wrong),) * 4, (1, 1, 1, -1), simulated=True) for wrong in (1, 2)])
    assert bell.looks == (((9, 1),) * 4, ((9, 2),) * 4)
    gaps = joined([InterClickGaps("z0", 1e-9, np.array([number]), 5e-8, simulated=True) for number in (60, 70)])
    assert gaps.gaps.tolist() == [60, 70]
    windows = ((0.0, 10.0), (10.0, 20.0))
    log = joined([CalibrationLog("alice", np.array([4.0, end_s]), (start, end_s), simulated=True) for start, end_s in windows])
    assert (log.times_s.tolist(), log.window_s) == ([4.0, 10.0, 20.0], (0.0, 20.0))
