"""A fault on its way along a waveform: absolute values from where settings stood, and nothing that nobody could undo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from hil.errors import BenchError
from hil.faults.dark_count_spike import SPEC, DarkCountSpike
from hil.ports.spec import Move, Undo
from hil.ports.waveform import Ramp
from hil.testbed.injection.following import Follower

STOOD = (Undo("bob", "z0.dark_count_rate_hz", 60.0), Undo("bob", "z1.dark_count_rate_hz", 80.0))


class Written:
    """A bench that notes what is written."""

    def __init__(self) -> None:
        self.moves: list[tuple[str, float]] = []

    def write(self, _device: str, setting: str, value: float) -> None:
        self.moves.append((setting.partition(".")[0], value))


def follower(bench: Written, spec: Any = SPEC) -> Follower:
    return Follower(spec, cast("Any", bench), "bob", DarkCountSpike(1000.0), STOOD)


def test_each_step_is_counted_from_where_it_stood() -> None:
    """1 kHz in four steps on 60 and 80 Hz: never from the step before, and what stands already is not sent again."""
    bench = Written()
    following, ramp = follower(bench), Ramp(4.0, steps=4)
    for time_s in (0.0, 1.0, 1.5, 2.0, 3.0):
        following.follow(ramp, time_s, 100.0 + time_s)
    steps = [250.0, 500.0, 750.0, 1000.0]
    assert bench.moves == [(name, stood + step) for step in steps for name, stood in (("z0", 60.0), ("z1", 80.0))]
    assert following.levels == [(100.0, 0.25), (101.0, 0.5), (101.5, 0.5), (102.0, 0.75), (103.0, 1.0)]


def test_what_stood_may_change_below_it() -> None:
    """A fault below this one is gone, and took its 40 Hz along: the next step is counted from what is left."""
    bench = Written()
    following, ramp = follower(bench), Ramp(4.0, steps=4)
    following.follow(ramp, 0.0, 0.0)
    following.stood_at((replace(STOOD[0], value=20.0), STOOD[1]))
    following.follow(ramp, 1.0, 1.0)
    assert bench.moves[2:] == [("z0", 520.0), ("z1", 580.0)]


def test_what_its_plan_cannot_undo_is_not_moved() -> None:
    """Nor is anything beside it: a fault that goes further than it said how to heal is a mistake of the fault."""
    further = replace(SPEC, moves=lambda *_: (Move("bob", "z0.dark_count_rate_hz", 1060.0), Move("bob", "efficiency", 0.0)))
    bench = Written()
    with pytest.raises(
        BenchError, match="would move bob efficiency, which its plan does not say how to undo; nothing was moved"
    ):
        follower(bench, further).follow(Ramp(4.0), 0.0, 0.0)
    assert bench.moves == []
