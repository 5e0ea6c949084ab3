"""Objectives: the rule first, then the verdict, then the error of the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.bench import load
from hil.errors import (
    Inconclusive,
    MissingCapabilityError,
    NotAGateError,
    ObjectiveMissedError,
    UnknownNameError,
    UsageError,
)
from hil.physics.prediction import predict
from hil.ports.run import Availability, CountGates, Latencies
from hil.record.events import checked
from hil.testbed.slo import Slo
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.bench.model import Bench


class Stand:
    """As much of a link and its testbed as judging needs."""

    def __init__(self, bench: Bench) -> None:
        self.name = "metro"
        self.replayed = False
        self.testbed = self
        self.bench = bench
        self.prediction = predict(bench, "metro")
        self.events: list[tuple[str, dict[str, Any]]] = []

    def record(self, kind: str, **data: Any) -> None:
        checked(kind, data)
        self.events.append((kind, data))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == kind]


@pytest.fixture
def stand() -> Stand:
    return Stand(load("metro-25km"))


def slo_of(stand: Stand) -> Slo:
    return Slo(cast("Any", stand))


def dark(counts: list[int]) -> CountGates:
    """Gates of a second, so that counts are rates; the limit is 100 cps."""
    return CountGates("z0", "dark", 1.0, np.array(counts, dtype=np.int64), simulated=True)


def times(seconds: float, number: int) -> Latencies:
    return Latencies("round trip", np.full(number, seconds), simulated=True)


def test_a_met_objective_gives_its_verdicts(stand: Stand) -> None:
    """60 counts a second in each of 20 s: 1,200 counts, far from 100 a second."""
    (verdict,) = slo_of(stand).check(dark([60, 62, 58, 60] * 5), "dark_counts")
    assert verdict.outcome is Outcome.PASS
    assert verdict.estimate == pytest.approx(60.0)


def test_the_rule_is_recorded_before_it_is_applied_and_once(stand: Stand) -> None:
    """And it is the very rule the verdicts bear, also where it has a tolerance."""
    slo = slo_of(stand)
    slo.judge(dark([60] * 20), "dark_counts")
    slo.judge(dark([61] * 20), "dark_counts")
    kinds = [kind for kind, _ in stand.events]
    assert kinds == ["rule", "verdict", "verdict"]
    lit = CountGates("z0", "lit", 0.1, np.full(20, 100), simulated=True, predicted_hz=1000.0)
    slo.judge(lit, "photon_counts")
    assert {rule["rule"] for rule in stand.of("rule")} == {one["rule"] for one in stand.of("verdict")}
    assert stand.of("rule")[0]["limit"] == 100.0


def test_a_rule_can_be_declared_beforehand(stand: Stand) -> None:
    slo = slo_of(stand)
    slo.declare("qber", "dark_counts")
    slo.judge(dark([60] * 20), "dark_counts")
    assert [rule["indicator"] for rule in stand.of("rule")] == ["qber", "dark_counts"]


def test_a_missed_objective_is_told_in_words(stand: Stand) -> None:
    """Indicator, estimate, interval and limit stand in the message."""
    with pytest.raises(ObjectiveMissedError) as caught:
        slo_of(stand).check(dark([20_000, 20_010] * 10), "dark_counts")
    assert "FAIL dark_counts of z0: 20,005 cps in the dark" in str(caught.value)
    assert "above the limit of 100 cps" in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_too_little_data_is_inconclusive(stand: Stand) -> None:
    """Ten round trips cannot bound a 95th percentile at 95 %; 59 can (0.95^59 < 0.05)."""
    with pytest.raises(Inconclusive, match=r"INCONCLUSIVE auth_round_trip of round trip: .* takes 59 samples"):
        slo_of(stand).check(times(0.001, 10), "auth_round_trip")
    slo_of(stand).check(times(0.001, 59), "auth_round_trip")


def test_the_worst_of_several_is_raised(stand: Stand) -> None:
    """FAIL comes before INCONCLUSIVE, and both are told."""
    with pytest.raises(ObjectiveMissedError, match=r"^FAIL dark_counts of z1(.|\n)*INCONCLUSIVE dark_counts of z0"):
        slo_of(stand).check(
            [dark([100, 99, 101]), CountGates("z1", "dark", 1.0, np.array([500] * 20), simulated=True)], "dark_counts"
        )


def test_what_gates_nothing_is_skipped_with_its_sentence(stand: Stand) -> None:
    """A short run cannot show three nines; it says how long it would take."""
    with pytest.raises(NotAGateError, match=r"INCONCLUSIVE link_availability of metro: .* takes 2,995 good slices"):
        slo_of(stand).check(Availability("metro", 60.0, 5, 5, simulated=True), "link_availability")


def test_what_cannot_be_measured_is_a_missing_capability(stand: Stand) -> None:
    """Nothing predicts a rate here, so photon counts are SKIPPED."""
    lit = CountGates("z0", "lit", 0.1, np.full(20, 100), simulated=True, predicted_hz=None)
    with pytest.raises(MissingCapabilityError, match="SKIPPED photon_counts of z0"):
        slo_of(stand).check(lit, "photon_counts")


def test_the_bench_file_sets_the_limit(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """A limit of 50 cps fails what the default lets pass."""
    file = write_bench(tmp_path / "strict.toml", ("[slo.qber]", '[slo.dark_counts]\nmax = "50 cps"\n\n[slo.qber]'))
    stand = Stand(load(file))
    with pytest.raises(ObjectiveMissedError, match="above the limit of 50 cps"):
        slo_of(stand).check(dark([60] * 20), "dark_counts")
    assert stand.of("rule")[0]["limit_source"] == "bench"


def test_an_indicator_nobody_has_names_the_nearest(stand: Stand) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'dark_counts'"):
        slo_of(stand).judge(dark([60] * 20), "dark_count")
    with pytest.raises(UsageError, match="name the indicators to judge by"):
        slo_of(stand).judge(dark([60] * 20))
    swapped: Any = dark([60] * 20)
    with pytest.raises(UsageError, match=r"found a .* in place of a name; expected the name of the indicator"):
        slo_of(stand).judge("dark_counts", swapped)


def test_an_observation_of_another_kind_is_the_callers_mistake(stand: Stand) -> None:
    with pytest.raises(UsageError, match="indicator qber judges LinkRun"):
        slo_of(stand).judge(dark([60] * 20), "qber")
