"""Lanes: blocks side by side, each with a pool of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.errors import ChannelClosedError, UsageError
from hil.pipeline import lanes as module
from hil.pipeline.authentication import KEY_BYTES
from hil.pipeline.lanes import Lanes, lane_pools
from hil.pipeline.party import RECEIVE, Outgoing

if TYPE_CHECKING:
    from hil.pipeline.party import Party


def echo(times: int) -> Party[str]:
    """Sends back what comes."""
    try:
        for _ in range(times):
            data = yield RECEIVE
            assert data is not None
            yield Outgoing(data)
    except ChannelClosedError as closed:
        return str(closed)
    return "done"


def broken() -> Party[str]:
    yield RECEIVE
    raise ValueError("broken")


def test_every_lane_has_an_equal_share_of_the_key_and_nothing_twice() -> None:
    """Ten keys a direction over three lanes: three for each, one left over."""
    pre_shared = b"".join(bytes([number]) * KEY_BYTES for number in range(20))
    pools = lane_pools(pre_shared, 3)
    keys = [pool.key(way, number) for pool in pools for way in ("a->b", "b->a") for number in range(pool.remaining(way))]  # type: ignore[arg-type]
    assert [pool.target_keys for pool in pools] == [3, 3, 3]
    assert len(set(keys)) == 18


@pytest.mark.parametrize(("lanes", "said"), [(0, "expected one or more"), (3, "starts from at least 128 bytes")])
def test_lanes_that_no_key_is_left_for_are_refused(lanes: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        lane_pools(bytes(8 * KEY_BYTES), lanes)


def test_lanes_go_on_by_themselves() -> None:
    """A message for one does not move another; one that came too early waits for the lane's next block."""
    lanes: Lanes[str] = Lanes(2)
    lanes.start(0, echo(2))
    lanes.deliver(1, b"early")
    lanes.deliver(0, b"one")
    assert list(lanes.outgoing) == [(0, b"one")]
    lanes.start(1, echo(1))
    assert list(lanes.outgoing) == [(0, b"one"), (1, b"early")]
    assert [(over.lane, over.result) for over in lanes.ended] == [(1, "done")]
    assert lanes.waiting == [0]
    lanes.close("cut")
    assert lanes.ended[-1].result == "cut"


def test_what_a_party_raises_ends_its_lane_alone() -> None:
    lanes: Lanes[str] = Lanes(2)
    lanes.start(0, broken())
    lanes.start(1, echo(1))
    lanes.deliver(0, b"")
    assert isinstance(lanes.ended[0].error, ValueError)
    assert lanes.waiting == [1]


def test_a_lane_runs_one_block_and_there_are_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes: Lanes[str] = Lanes(1)
    lanes.start(0, echo(1))
    with pytest.raises(UsageError, match="still runs a block"):
        lanes.start(0, echo(1))
    with pytest.raises(ChannelClosedError, match="of lane 1 came; this side has 1 blocks in flight"):
        lanes.deliver(1, b"")
    lanes.close("over")
    monkeypatch.setattr(module, "_MOST_WAITING_BYTES", 10)
    lanes.deliver(0, bytes(11))
    with pytest.raises(ChannelClosedError, match="more than 10 bytes came for a block that has not begun"):
        lanes.deliver(0, b"")
