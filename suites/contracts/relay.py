"""Stands between a driver and its device: writes down what both say and, on request, does to it what bad lines do.

A relay is reached the way the device is: over TCP (also below HTTP, or before a device server), over a pseudo terminal where
the device is on one, or over ZMQ. What it passes on goes through two filters, :attr:`Relay.to_device` and
:attr:`Relay.to_driver`, piece by piece as it came.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    Filter = Callable[[bytes], bytes]

__all__ = ["CHUNK", "PATIENCE_S", "Relay"]

T = TypeVar("T")
CHUNK = 1 << 16
PATIENCE_S = 10.0
_ANSWER_S = 2.0


class End(Protocol):
    """One side of one conversation."""

    def fileno(self) -> int: ...
    def take(self) -> bytes:
        """What has come; nothing when it has ended."""
        ...

    def give(self, data: bytes) -> None: ...
    def arrived(self) -> None:
        """Wait until what was given lies at the other side."""
        ...

    def close(self) -> None: ...


def as_it_is(data: bytes) -> bytes:
    """The filter of a good line."""
    return data


class Relay:
    """One relay in a thread of its own, from construction until :meth:`close`.

    ``resource`` is what the driver opens. ``turns`` holds what was said: ``(">", bytes)`` by the driver, ``("<", bytes)`` by
    the device, as each reached the other; a filter that returns nothing swallows a piece. Filters run in the relay's thread.
    """

    cuts = True
    """Whether what it carries may break off anywhere, and does not keep messages whole."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.turns: list[tuple[str, bytes]] = []
        self._asked: deque[Callable[[], None]] = deque()
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, self._carry_out)
        self._pairs: list[tuple[End, End]] = []
        self.conversations = 0
        self._running = True
        self.behave()
        self._thread = threading.Thread(target=self._run, name="hil-contract-relay", daemon=True)
        self._thread.start()
        self._call(self._admit)

    def behave(self) -> None:
        """Pass everything on as it is, and forget what was said."""
        self.to_device: Filter = as_it_is
        self.to_driver: Filter = as_it_is
        self._ends_after, self._for_good = False, True
        self.turns.clear()

    def sent(self) -> list[bytes]:
        """What the driver said, in pieces."""
        return [data for side, data in self.turns if side == ">"]

    def settle(self) -> None:
        """Wait until all that was sent has been passed on."""
        self._call(self._pump)

    def say(self, data: bytes) -> None:
        """Speak to the driver as if the device did, unasked; returns once it is there to be read."""

        def speak() -> None:
            for front, _ in self._pairs:
                front.give(data)
                front.arrived()

        self._call(speak)

    def ask(self, question: bytes, end: bytes) -> bytes:
        """What the device answers to a question of ours, which the driver does not get; empty when there is no conversation.

        ``end``: what an answer ends with; without one, what comes first is all of it.
        """
        heard, whole = bytearray(), threading.Event()

        def keep(data: bytes) -> bytes:
            heard.extend(data)
            if heard.endswith(end):
                whole.set()
            return b""

        kept, self.to_driver = self.to_driver, keep
        try:
            if self.tell(question):
                whole.wait(_ANSWER_S)
        finally:
            self.to_driver = kept
        return bytes(heard)

    def tell(self, data: bytes) -> bool:
        """Speak to the device as if the driver did; whether there is a conversation."""
        return self._call(partial(self._to_device, data))

    def end_after_this(self, *, for_good: bool = True) -> None:
        """For a filter: once what it returns is passed on, every conversation ends; and, if for good, no new one is taken."""
        self._ends_after = True
        self._for_good = for_good

    def admit(self) -> None:
        """Take conversations again."""
        self._call(self._admit)

    def close(self) -> None:
        """End all, join the thread; a second call does nothing."""
        if not self._running:
            return

        def stop() -> None:
            self._refuse()
            self._running = False

        self._call(stop)
        self._thread.join()
        self._selector.close()
        self._woken.close()
        self._waker.close()
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what the carriers add ----------------------------------------------------------------------------------------

    def _listen(self) -> None:
        raise NotImplementedError

    def _deafen(self) -> None:
        raise NotImplementedError

    def _finish(self) -> None:
        """Give back what lasts as long as the relay."""

    def _to_device(self, data: bytes) -> bool:
        if self._pairs:
            self._pairs[-1][1].give(data)
        return bool(self._pairs)

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._running:
            if self._attend(None):  # last, for what was asked may attend to the others itself
                self._carry_out()

    def _pump(self) -> None:
        """Pass on whatever has come."""
        while any(key.fileobj is not self._woken for key, _ in self._selector.select(0.0)):
            self._attend(0.0)

    def _attend(self, wait_s: float | None) -> bool:
        """Pass on what comes next; whether something is asked of this thread."""
        ready = [key for key, _ in self._selector.select(wait_s)]
        for key in ready:
            if key.fileobj is not self._woken:
                key.data()
        return any(key.fileobj is self._woken for key in ready)

    def _carry_out(self) -> None:
        self._woken.recv(CHUNK)
        while self._asked:
            self._asked.popleft()()

    def _call(self, function: Callable[[], T]) -> T:
        if threading.current_thread() is self._thread:
            return function()
        done: Future[T] = Future()

        def call() -> None:
            try:
                done.set_result(function())
            except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
                done.set_exception(error)

        self._asked.append(call)
        self._waker.send(b"!")
        return done.result(PATIENCE_S)

    def _admit(self) -> None:
        self._ends_after = False
        self._listen()

    def _refuse(self) -> None:
        self._deafen()
        for pair in tuple(self._pairs):
            self._part(pair)

    def _pair(self, front: End, back: End) -> None:
        pair = front, back
        self._pairs.append(pair)
        self.conversations += 1
        self._selector.register(front, selectors.EVENT_READ, partial(self._pass_on, pair, ">"))
        self._selector.register(back, selectors.EVENT_READ, partial(self._pass_on, pair, "<"))

    def _part(self, pair: tuple[End, End]) -> None:
        if pair in self._pairs:
            self._pairs.remove(pair)
            for end in pair:
                self._selector.unregister(end)
                end.close()

    def _pass_on(self, pair: tuple[End, End], side: str) -> None:
        if pair not in self._pairs:
            return
        source, target = pair if side == ">" else pair[::-1]
        data = source.take()
        if not data:
            self._part(pair)
            return
        if passed := (self.to_device if side == ">" else self.to_driver)(data):
            self.turns.append((side, passed))
            target.give(passed)
        self._end_if_told()

    def _end_if_told(self) -> None:
        if self._ends_after:
            self._refuse()
            if not self._for_good:
                self._admit()
