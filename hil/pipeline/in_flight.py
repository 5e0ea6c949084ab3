"""Steps both parties of several blocks in flight in one thread, over a channel with a delay, in virtual time.

Every message arrives ``one_way_s`` after it was sent, in order; parties compute in no time. A block that waits for longer than
``timeout_s`` hears that the channel is closed. The same blocks, entropy and interceptor give the same run.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

from hil.pipeline.lanes import Lanes
from hil.pipeline.stepping import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hil.pipeline.party import Direction, Party
    from hil.pipeline.stepping import Interceptor

__all__ = ["Flight", "run_in_flight"]

A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")


@dataclass(frozen=True)
class Flight(Generic[A, B]):
    """What both parties made of each block, in the order of the blocks, and how long all of it took in virtual seconds."""

    results: list[tuple[A, B]]
    elapsed_s: float
    messages: int


@dataclass
class _End(Generic[R]):
    """One party with its lanes: what is still to start, who waits since when, what came out."""

    direction: Direction
    blocks: Sequence[Callable[[], Party[R]]]
    lanes: Lanes[R]
    results: dict[int, R] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)
    deadline_s: dict[int, float] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)
    queues: list[deque[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        width = len(self.lanes)
        self.queues = [deque(range(lane, len(self.blocks), width)) for lane in range(width)]

    def start_next(self, lane: int) -> None:
        if self.queues[lane] and not self.lanes.busy(lane):
            self.running[lane] = self.queues[lane].popleft()
            self.sent[lane] = 0
            self.lanes.start(lane, self.blocks[self.running[lane]]())


def run_in_flight(
    alice: Sequence[Callable[[], Party[A]]],
    bob: Sequence[Callable[[], Party[B]]],
    lanes: int,
    *,
    one_way_s: float = 0.0,
    timeout_s: float = 10.0,
    interceptor: Interceptor | None = None,
) -> Flight[A, B]:
    """Run block n of both parties in lane n modulo ``lanes``, each begun when the one before it in that lane is over.

    An exception that a party lets out ends the run, and is raised.
    """
    run = _Run(_End("a->b", alice, Lanes(lanes)), _End("b->a", bob, Lanes(lanes)), one_way_s, timeout_s, interceptor)
    run.go()
    return Flight([(run.a.results[n], run.b.results[n]) for n in range(len(alice))], run.now_s, run.messages)


class _Run(Generic[A, B]):
    def __init__(self, a: _End[A], b: _End[B], one_way_s: float, timeout_s: float, interceptor: Interceptor | None) -> None:
        self.a, self.b = a, b
        self.now_s = 0.0
        self.messages = 0
        self._one_way_s, self._timeout_s, self._interceptor = one_way_s, timeout_s, interceptor
        self._way: list[tuple[float, int, Direction, int, bytes]] = []

    def go(self) -> None:
        for lane in range(len(self.a.lanes)):
            for end in (self.b, self.a):
                end.start_next(lane)
        self._after(self.b)
        self._after(self.a)
        while self._way or self.a.deadline_s or self.b.deadline_s:
            self._next()

    def _next(self) -> None:
        """Whatever comes first: a message that arrives, or a block that has waited for too long."""
        both: tuple[_End[A], _End[B]] = self.a, self.b
        deadlines = [(due_s, lane, side) for side in (0, 1) for lane, due_s in both[side].deadline_s.items()]
        late = min(deadlines, default=None)
        if self._way and (late is None or self._way[0][0] <= late[0]):
            self.now_s, _, direction, lane, data = heappop(self._way)
            end: _End[A] | _End[B] = self.b if direction == "a->b" else self.a
            end.deadline_s.pop(lane, None)
            end.lanes.deliver(lane, data)
        else:
            assert late is not None
            self.now_s, lane, side = late
            end = both[side]
            del end.deadline_s[lane]
            end.lanes.close(f"nothing came for {self._timeout_s:g} s", lane)
        self._after(end)

    def _after(self, end: _End[A] | _End[B]) -> None:
        """Send what is to be sent, take results, start the next blocks, note who waits from now on."""
        while end.lanes.outgoing or end.lanes.ended:
            while end.lanes.outgoing:
                self._send(end, *end.lanes.outgoing.popleft())
            while end.lanes.ended:
                over = end.lanes.ended.popleft()
                if over.error is not None:
                    raise over.error
                end.results[end.running.pop(over.lane)] = over.result  # type: ignore[assignment]  # of its own end
                end.deadline_s.pop(over.lane, None)
                end.start_next(over.lane)
        for lane in end.lanes.waiting:
            end.deadline_s.setdefault(lane, self.now_s + self._timeout_s)

    def _send(self, end: _End[A] | _End[B], lane: int, data: bytes) -> None:
        number = end.sent[lane]
        end.sent[lane] += 1
        arriving = (data,) if self._interceptor is None else self._interceptor(Message(end.direction, number, data))
        for one in arriving:
            self.messages += 1
            heappush(self._way, (self.now_s + self._one_way_s, self.messages, end.direction, lane, one))
