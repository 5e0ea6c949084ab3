"""Stage times: everything a party sends, receives and suffers passes the stopwatch unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.errors import ChannelClosedError
from hil.pipeline.party import RECEIVE, Outgoing
from hil.pipeline.stopwatch import Spent, Stopwatch, together

if TYPE_CHECKING:
    from collections.abc import Generator

    from hil.pipeline.party import Request


def party(seen: list[object]) -> Generator[Request, bytes | None, str]:
    seen.append((yield Outgoing(b"question")))
    try:
        seen.append((yield RECEIVE))
        seen.append((yield RECEIVE))
    except ChannelClosedError as closed:
        seen.append(str(closed))
    finally:
        seen.append("over")
    return "result"


def test_requests_answers_errors_and_the_result_go_through() -> None:
    seen: list[object] = []
    watch = Stopwatch()
    steps = watch.through("talk", party(seen))
    first = next(steps)
    assert isinstance(first, Outgoing)
    assert first.data == b"question"
    assert steps.send(None) is RECEIVE
    assert steps.send(b"answer") is RECEIVE
    with pytest.raises(StopIteration) as end:
        steps.throw(ChannelClosedError("cut"))
    assert end.value.value == "result"
    assert seen == [None, b"answer", "cut", "over"]
    assert list(watch.read()) == ["talk"]


def test_a_party_that_is_closed_is_closed_inside() -> None:
    seen: list[object] = []
    steps = Stopwatch().through("talk", party(seen))
    next(steps)
    steps.send(None)
    steps.close()
    assert seen == [None, "over"]


def test_each_call_counts_for_the_innermost_stage_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """On clocks that the calls themselves move: 5 outside, 2 inside, and nothing for what happened between calls."""
    now = [0.0]
    monkeypatch.setattr("hil.pipeline.stopwatch.time.perf_counter", lambda: now[0])
    monkeypatch.setattr("hil.pipeline.stopwatch.time.thread_time", lambda: now[0] / 2.0)

    def work(seconds: float) -> None:
        now[0] += seconds

    def outer(watch: Stopwatch) -> None:
        work(4.0)
        watch.call("inner", work, 2.0)
        work(1.0)

    watch = Stopwatch()
    work(100.0)
    watch.call("outer", outer, watch)
    assert watch.read() == {"inner": Spent(2.0, 1.0), "outer": Spent(5.0, 2.5)}


def test_a_call_that_fails_is_charged_and_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("hil.pipeline.stopwatch.time.perf_counter", lambda: now[0])

    def fail() -> None:
        now[0] += 3.0
        raise ValueError("broken")

    watch = Stopwatch()
    with pytest.raises(ValueError, match="broken"):
        watch.call("stage", fail)
    assert watch.read()["stage"].process_s == 3.0


def test_parties_add_up_stage_by_stage() -> None:
    both = together([{"sift": Spent(1.0, 0.5)}, {"sift": Spent(2.0, 0.25), "amplify": Spent(4.0, 4.0)}])
    assert both == {"sift": Spent(3.0, 0.75), "amplify": Spent(4.0, 4.0)}
