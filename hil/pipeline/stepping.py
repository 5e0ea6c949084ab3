"""Runs two parties in one thread, with whoever sits on the channel between them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

from hil.errors import ChannelClosedError
from hil.pipeline.party import RECEIVE, Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.pipeline.party import Direction, Party, Request

__all__ = ["Interceptor", "Message", "intercepted", "run_pair"]

A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")


@dataclass(frozen=True)
class Message:
    """One message on its way; ``number`` counts those of its direction, from 0."""

    direction: Direction
    number: int
    data: bytes


class Interceptor(Protocol):
    """Sits on the channel: returns what arrives in place of a message (nothing: dropped; twice: replayed)."""

    def __call__(self, message: Message, /) -> Iterable[bytes]: ...


@dataclass
class _Side(Generic[R]):
    """A party, what waits for it, and where it stands."""

    party: Party[R]
    direction: Direction
    inbox: deque[bytes] = field(default_factory=deque)
    sent: int = 0
    started: bool = False
    finished: bool = False
    closed: bool = False
    result: R | None = None

    def advance(self) -> Request | None:
        """One step; None where the party has to wait or has ended."""
        if self.finished:
            return None
        try:
            if not self.started:
                self.started = True
                return next(self.party)
            return self.party.send(None)
        except StopIteration as end:
            self._end(cast("R", end.value))
            return None

    def deliver(self) -> Request | None:
        """Give a waiting party its next message, or tell it that none will come."""
        try:
            if self.closed:
                return self.party.throw(ChannelClosedError("nothing came from the other side any more"))
            return self.party.send(self.inbox.popleft())
        except StopIteration as end:
            self._end(cast("R", end.value))
            return None

    def _end(self, result: R) -> None:
        self.finished = True
        self.result = result


class _Pair(Generic[A, B]):
    def __init__(self, alice: Party[A], bob: Party[B], interceptor: Interceptor | None) -> None:
        self.a: _Side[A] = _Side(alice, "a->b")
        self.b: _Side[B] = _Side(bob, "b->a")
        self._interceptor = interceptor

    def go(self, side: _Side[A] | _Side[B], other: _Side[A] | _Side[B]) -> bool:
        """Run one party until it waits for what is not there; whether it moved at all."""
        moved = not side.started
        request = side.advance() if moved else RECEIVE
        while not side.finished:
            if isinstance(request, Outgoing):
                self._carry(side, other, request.data)
                request = side.advance()
            elif side.inbox or side.closed:
                moved = True
                request = side.deliver()
            else:
                return moved
        return moved

    def _carry(self, side: _Side[A] | _Side[B], other: _Side[A] | _Side[B], data: bytes) -> None:
        message = Message(side.direction, side.sent, data)
        side.sent += 1
        arriving = (data,) if self._interceptor is None else self._interceptor(message)
        if not side.closed:
            other.inbox.extend(arriving)

    def close(self) -> None:
        """Nobody can go on: whoever still waits is told so, and what it sends then reaches nobody."""
        self.a.closed = self.b.closed = True


def run_pair(alice: Party[A], bob: Party[B], interceptor: Interceptor | None = None) -> tuple[A, B]:
    """Step both parties to their ends; when neither can go on, the waiting ones get ChannelClosedError.

    An exception that a party lets out ends the other one as a closed channel would, and is raised then.
    """
    pair = _Pair(alice, bob, interceptor)
    try:
        while not (pair.a.finished and pair.b.finished):
            moved = not pair.a.finished and pair.go(pair.a, pair.b)
            moved = (not pair.b.finished and pair.go(pair.b, pair.a)) or moved
            if not moved:
                pair.close()
    except BaseException:
        alice.close()
        bob.close()
        raise
    return cast("A", pair.a.result), cast("B", pair.b.result)


def intercepted(party: Party[R], direction: Direction, interceptor: Interceptor) -> Party[R]:
    """The same party with somebody on its way out, for runs in threads of their own."""
    number = 0
    try:
        request = next(party)
        while True:
            if isinstance(request, Outgoing):
                for data in interceptor(Message(direction, number, request.data)):
                    yield Outgoing(data)
                number += 1
                request = party.send(None)
                continue
            try:
                answer = yield request
            except ChannelClosedError as closed:
                request = party.throw(closed)
            else:
                request = party.send(answer)
    except StopIteration as end:
        return cast("R", end.value)
