"""Parties in threads of their own, with several blocks in flight over memory and TCP."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import AuthenticationKeyExhaustedError, ChannelClosedError, ChannelRefusedError
from hil.pipeline.connecting import Caller, Listener
from hil.pipeline.endpoint import Endpoint
from hil.pipeline.in_flight import run_in_flight
from hil.pipeline.memory_wire import memory_wires
from hil.pipeline.party import RECEIVE, Outgoing
from hil.pipeline.settings import KeyFate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockResult
    from hil.pipeline.wire import Wire
    from tests.unit.pipeline.conftest import SmallLanes

    Ends = tuple[Endpoint[BlockResult], Endpoint[BlockResult]]

TIMEOUT_S = 20.0


@contextmanager
def in_memory(lanes: int, timeout_s: float = TIMEOUT_S) -> Iterator[Ends]:
    wires = memory_wires()
    with (
        Endpoint[Any]("a", lambda: wires[0], lanes, timeout_s) as a,
        Endpoint[Any]("b", lambda: wires[1], lanes, timeout_s) as b,
    ):
        yield a, b


@contextmanager
def over_tcp(lanes: int, timeout_s: float = TIMEOUT_S) -> Iterator[Ends]:
    with ExitStack() as stack:
        listener = stack.enter_context(Listener(("127.0.0.1", 0), lanes, timeout_s))
        caller = Caller(listener.address, lanes, timeout_s)
        a: Endpoint[Any] = stack.enter_context(Endpoint("a", listener.connect, lanes, timeout_s))
        b: Endpoint[Any] = stack.enter_context(Endpoint("b", caller.connect, lanes, timeout_s))
        yield a, b


def run(ends: Ends, link: SmallLanes, blocks: int) -> list[tuple[BlockResult, BlockResult]]:
    of_a, of_b = link.next_blocks(blocks)
    futures = [(ends[0].submit(a), ends[1].submit(b)) for a, b in zip(of_a, of_b, strict=True)]
    return [(a.result(), b.result()) for a, b in futures]


@pytest.mark.parametrize("opened", [in_memory, over_tcp])
@pytest.mark.parametrize("lanes", [1, 3])
def test_threads_give_the_keys_of_the_stepped_run(
    small_lanes: Callable[..., SmallLanes], opened: Callable[[int], Any], lanes: int
) -> None:
    with opened(lanes) as ends:
        results = run(ends, small_lanes(lanes, events=30_000), 6)
    stepped = run_in_flight(*small_lanes(lanes, events=30_000).next_blocks(6), lanes).results
    assert [(a.fate, b.fate) for a, b in results] == [(KeyFate.RELEASED, KeyFate.RELEASED)] * 6
    assert [(a.keys, b.keys) for a, b in results] == [(a.keys, b.keys) for a, b in stepped]
    assert sum(len(a.keys) for a, _ in results) > 6


def echo() -> Party[str]:
    """Says what it hears, or why it hears nothing."""
    try:
        data = yield RECEIVE
        assert data is not None
        yield Outgoing(data)
    except ChannelClosedError as closed:
        return str(closed)
    return "heard"


def test_a_silent_peer_ends_the_wait() -> None:
    near, far = memory_wires()
    with Endpoint[str]("a", lambda: near, 1, 0.01) as end:
        assert end.submit(echo).result() == "nothing came for 0.01 s"
    far.close()


def test_a_peer_that_never_stops_talking_does_not_hold_a_block_open() -> None:
    """Messages that the party passes over come all the time; the whole block is bounded all the same."""

    def patient() -> Party[str]:
        try:
            while True:
                data = yield RECEIVE
                assert data is not None
                yield Outgoing(data)
        except ChannelClosedError as closed:
            return str(closed)

    wires = memory_wires()
    with (
        Endpoint[str]("a", lambda: wires[0], 1, TIMEOUT_S, limit_s=0.2) as near,
        Endpoint[str]("b", lambda: wires[1], 1, TIMEOUT_S, limit_s=60.0) as far,
    ):
        talker = far.submit(lambda: _talk_first(patient()))
        assert near.submit(patient).result() == "the block was not over after 0.2 s"
    assert talker.result()


def _talk_first(party: Party[str]) -> Party[str]:
    yield Outgoing(b"x")
    return (yield from party)


def test_a_peer_that_leaves_ends_every_block_and_a_new_wire_serves_the_next() -> None:
    pairs = [memory_wires(), memory_wires()]
    left = iter([near for near, _ in pairs])
    with Endpoint[str]("a", lambda: next(left), 2, TIMEOUT_S) as end:
        cut = [end.submit(echo), end.submit(echo)]
        pairs[0][1].send(0, b"still there")
        assert cut[0].result() == "heard"
        pairs[0][1].close()
        assert cut[1].result() == "the other side closed the connection"
        again = end.submit(echo)
        pairs[1][1].send(0, b"back")
        assert again.result() == "heard"
    for pair in pairs:
        pair[1].close()


def test_a_cut_in_the_middle_of_many_blocks_leaves_nothing_in_doubt_after_the_next_ones(
    small_lanes: Callable[..., SmallLanes],
) -> None:
    """The connection breaks after so many messages of Alice, at whatever point each lane is then; both ends find a new one."""
    link = small_lanes(3, events=30_000)
    with over_tcp(3) as ends:
        _cut_after(ends[0], 100)
        first = run(ends, link, 6)
        second = run(ends, link, 6)
    assert any(a.fate is not KeyFate.RELEASED or b.fate is not KeyFate.RELEASED for a, b in first)
    assert all(a.fate is b.fate is KeyFate.RELEASED for a, b in second[3:])
    keys = [_all_keys([pair[side] for pair in first + second]) for side in (0, 1)]
    assert keys[0] == keys[1] != {}
    assert all(a.pool.position == b.pool.position for a, b in zip(link.alice, link.bob, strict=True))


def _all_keys(results: list[BlockResult]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for result in results:
        for one in filter(None, (result.settled, result)):
            found |= {key_id: key.reveal() for key_id, key in one.keys}
    return found


class _Cutting:
    """A wire that breaks after so many messages; ``left`` is shared by all wires of one end."""

    def __init__(self, wire: Wire, left: list[int]) -> None:
        self._wire, self._left = wire, left

    def send(self, lane: int, data: bytes) -> None:
        self._left[0] -= 1
        if self._left[0] == 0:
            self._wire.close()
            raise ChannelClosedError("cut")
        self._wire.send(lane, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)


def _cut_after(end: Endpoint[BlockResult], messages: int) -> None:
    left, connect = [messages], end._connect
    end._connect = lambda: _Cutting(connect(), left)  # type: ignore[assignment, return-value]


def test_nobody_there_discards_the_blocks_in_bounded_time(small_lanes: Callable[..., SmallLanes]) -> None:
    link = small_lanes(2)
    with Listener(("127.0.0.1", 0), 2, 0.05) as listener, Endpoint[Any]("a", listener.connect, 2, 0.05) as end:
        results = [end.submit(begin).result() for begin in link.next_blocks(2)[0]]
    assert [one.fate for one in results] == [KeyFate.DISCARDED] * 2
    assert "no connection within 0.05 s" in results[0].report.sentence


def test_a_peer_that_hangs_up_ends_every_block_in_a_sentence(small_lanes: Callable[..., SmallLanes]) -> None:
    link = small_lanes(1)
    with Listener(("127.0.0.1", 0), 1, 0.5) as listener, Endpoint[Any]("a", listener.connect, 1, 0.5) as end:
        future = end.submit(link.next_blocks(1)[0][0])
        socket.create_connection(listener.address).close()
        assert "no connection within 0.5 s: the connection broke before it was made" in future.result().report.sentence


def test_what_no_new_wire_mends_is_raised_at_once_and_from_then_on() -> None:
    def refuse() -> Wire:
        raise ChannelRefusedError("not you")

    with Endpoint[str]("a", refuse, 1, TIMEOUT_S) as end:
        for _ in range(2):
            with pytest.raises(ChannelRefusedError, match="not you"):
                end.submit(echo).result()


def test_an_end_that_is_stopped_ends_its_blocks() -> None:
    near, far = memory_wires()
    with Endpoint[str]("a", lambda: near, 1, TIMEOUT_S) as end:
        running, waiting = end.submit(partial(_talk_first, echo())), end.submit(echo)
        far.receive(TIMEOUT_S)  # it runs
    assert running.result() == "this end was stopped"
    with pytest.raises(ChannelClosedError, match="stopped before the block began"):
        waiting.result()
    with pytest.raises(ChannelClosedError, match="stopped before the block began"):
        end.submit(echo).result()
    far.close()


def test_an_empty_pool_is_raised_at_both_ends(small_lanes: Callable[..., SmallLanes]) -> None:
    """Of the lane whose pool is empty; the other lane makes its key."""
    link = small_lanes(2)
    for parties in (link.alice, link.bob):
        pool = parties[0].pool
        pool.spend("a->b", pool.target_keys - 2)
    of_a, of_b = link.next_blocks(2)
    with in_memory(2) as ends:
        futures = [(ends[0].submit(a), ends[1].submit(b)) for a, b in zip(of_a, of_b, strict=True)]
        for future in futures[0]:
            with pytest.raises(AuthenticationKeyExhaustedError):
                future.result()
        assert [future.result().fate for future in futures[1]] == [KeyFate.RELEASED] * 2
