"""Waveforms of faults: their levels by hand, their changes in order, and how a test asks for one."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.faults.classical_partition import SPEC as PARTITION
from hil.faults.dark_count_spike import SPEC as SPIKE
from hil.faults.dark_count_spike import DarkCountSpike
from hil.faults.thermal_drift import SPEC as DRIFT
from hil.faults.thermal_drift import ThermalDrift
from hil.ports.waveform import Burst, Ramp, RandomWalk, Replay, Step, Waveform
from hil.testbed.injection._fault_settings import scaled
from hil.testbed.injection._fault_waveforms import magnitudes_given, waveform_of

if TYPE_CHECKING:
    from pathlib import Path

_SPIKE = DarkCountSpike(1000.0)


def changes(waveform: Waveform, until_s: float, most: int = 2000) -> list[tuple[float, float]]:
    """Every change in order, as a fault would follow it."""
    time_s, found = 0.0, [(0.0, waveform.level(0.0))]
    while (time_s := waveform.next_change_s(time_s)) < until_s and len(found) < most:
        found.append((time_s, waveform.level(time_s)))
    return found


def test_a_ramp_rises_in_equal_steps() -> None:
    assert changes(Ramp(10.0, steps=4), 1e9) == [(0.0, 0.25), (2.5, 0.5), (5.0, 0.75), (7.5, 1.0)]
    assert Ramp(10.0, steps=4).tops_s == 7.5
    assert Ramp(10.0, steps=4).level(1e6) == 1.0


def test_a_burst_comes_and_goes() -> None:
    times, levels = zip(*changes(Burst(2.0, 10.0), 25.0), strict=True)
    assert times == pytest.approx((0.0, 2.0, 10.0, 12.0, 20.0, 22.0))
    assert levels == (1.0, 0.0, 1.0, 0.0, 1.0, 0.0)


def test_a_walk_stays_inside_and_depends_on_its_seed_alone() -> None:
    walk = [level for _, level in changes(RandomWalk(1.0, seed=5), 500.0)]
    assert len(walk) == 500
    assert walk[0] == 0.5
    assert all(0.0 <= level <= 1.0 for level in walk)
    assert RandomWalk(1.0, seed=5).level(321.0) == walk[321]
    assert [level for _, level in changes(RandomWalk(1.0, seed=6), 500.0)] != walk
    # normal steps of 0.2 inside the ends; 500 of them: their root mean square lies within 5 sigma (0.2 / sqrt(1000)) of 0.2,
    # less what reflection takes
    steps = [abs(other - one) for one, other in pairwise(walk)]
    assert 0.13 < math.sqrt(sum(step * step for step in steps) / len(steps)) < 0.232


def test_a_replay_does_what_was_recorded() -> None:
    replay = Replay((1.0, 3.0, 4.5), (0.5, 1.0, 0.25))
    assert changes(replay, 1e9) == [(0.0, 0.0), (1.0, 0.5), (3.0, 1.0), (4.5, 0.25)]
    assert replay.tops_s == 3.0
    assert replay.level(1e9) == 0.25


def test_a_step_is_there_at_once_and_stays() -> None:
    assert changes(Step(), 1e9) == [(0.0, 1.0)]


@given(
    st.one_of(
        st.builds(Ramp, st.floats(1e-3, 1e5), st.integers(1, 200)),
        st.floats(1e-3, 1e4).flatmap(lambda every_s: st.builds(Burst, st.floats(1e-4, every_s * 0.99), st.just(every_s))),
        st.builds(RandomWalk, st.floats(1e-3, 1e4), st.integers(0, 9)),
    )
)
def test_following_a_waveform_always_gets_on(waveform: Waveform) -> None:
    """A change that is due lies after the last one, and no level leaves 0 to 1: else a bench would wait for ever."""
    followed = changes(waveform, math.inf, most=100)
    assert all(one[0] < other[0] for one, other in pairwise(followed))
    assert all(0.0 <= level <= 1.0 for _, level in followed)
    if isinstance(waveform, Ramp | Burst):
        assert all(one[1] != other[1] for one, other in pairwise(followed)), "a change that changes nothing"


def test_how_a_test_asks(tmp_path: Path) -> None:
    def asked(text: str) -> Waveform:
        return waveform_of(SPIKE, text, seed=3)

    assert asked("step") == Step()
    assert asked("ramp 20 s") == Ramp(20.0)
    assert asked("burst 200 ms every 10 s") == Burst(0.2, 10.0)
    assert asked("random-walk 1 s") == RandomWalk(1.0, 3)
    recorded = tmp_path / "incident.csv"
    recorded.write_text("time_s,level\n0,0.5\n2,1\n", encoding="utf-8")
    assert asked(f"replay {recorded}") == Replay((0.0, 2.0), (0.5, 1.0), "incident.csv")
    assert waveform_of(SPIKE, None, seed=3) == Step()
    for text, expected in {
        "ramp": "'ramp 20 s'",
        "ramp fast": "such as 'ramp 20 s'",
        "ramp 0 s": "a time above zero",
        "burst 2 s": "such as 'burst 2 s every 10 s'",
        "burst 3 s every 2 s": "a burst shorter than the time from one to the next, such as",
        "wobble 3 s": "'step', 'ramp 20 s', 'burst 2 s every 10 s', 'random-walk 1 s' or 'replay FILE.csv'",
        "random-walk": "'random-walk 1 s'",
        "step 3 s": "'step'",
        "replay": r"'replay FILE\.csv' \(columns time_s,level\)",
        "replay nowhere.csv": r"a CSV file with .*/nowhere\.csv cannot be read \(No such file or directory\)",
    }.items():
        with pytest.raises(UsageError, match=f"waveform: found '{text}'; expected .*{expected}"):
            asked(text)
    for wrong in (
        "time,level\n0,1\n",
        "time_s,level\n",
        "time_s,level\n0,2\n",
        "time_s,level\n1,0\n",
        "time_s,level\n1,1\n0,1\n",
    ):
        recorded.write_text(wrong, encoding="utf-8")
        with pytest.raises(UsageError, match=r"incident\.csv"):
            asked(f"replay {recorded}")


def test_a_bare_number_is_no_waveform() -> None:
    wrong: Any = 3
    with pytest.raises(UsageError, match=r"waveform: found 3; expected 'step', 'ramp 20 s'"):
        waveform_of(SPIKE, wrong, seed=0)


def test_only_a_magnitude_is_scaled() -> None:
    assert scaled(SPIKE, _SPIKE, 0.25) == DarkCountSpike(250.0)
    with pytest.raises(UsageError, match="nothing that could be there by half"):
        waveform_of(PARTITION, "ramp 2 s", seed=0)
    with pytest.raises(UsageError, match="found 'ramp 2 s'; expected 'step', or delta_k, which it would scale"):
        magnitudes_given(DRIFT, ThermalDrift(setpoint_c=32.0), Ramp(2.0))
