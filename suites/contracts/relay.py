"""Stands between a driver and its device: writes down what both say and, on request, does to it what bad lines do.

A relay is reached the way the device is: over TCP (also below HTTP, or before a device server), over a pseudo terminal where
the device is on one, or over ZMQ. What it passes on goes through two filters, :attr:`Relay.to_device` and
:attr:`Relay.to_driver`, piece by piece as it came.
"""

from __future__ import annotations

import os
import re
import select
import selectors
import socket
import tempfile
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    Filter = Callable[[bytes], bytes]

__all__ = ["Relay", "can_relay", "relay_to"]

T = TypeVar("T")
_CHUNK = 1 << 16
_PATIENCE_S = 10.0
_ANSWER_S = 2.0
_TCP = re.compile(r"TCPIP\d*::(?P<host>.+)::(?P<port>\d+)::SOCKET", re.IGNORECASE)
_SERVER = re.compile(r"ASRLsocket://(?P<host>[^/]+):(?P<port>\d+)(::INSTR)?", re.IGNORECASE)
_URL = re.compile(r"(?P<scheme>http|tcp)://(?P<host>[^:/]+):(?P<port>\d+)")
_PTY = re.compile(r"ASRL(?P<path>/dev/(pts/|ttys|hil-).+?)(::INSTR)?")


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

    def hang_up(self) -> None:
        """End every conversation and take no new one."""
        self._call(self._refuse)

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
        self._woken.recv(_CHUNK)
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
        return done.result(_PATIENCE_S)

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


class _Stream:
    """A connected socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self._connection.fileno()

    def take(self) -> bytes:
        try:
            return self._connection.recv(_CHUNK)
        except OSError:
            return b""

    def give(self, data: bytes) -> None:
        with suppress(OSError):
            self._connection.sendall(data)

    def arrived(self) -> None:
        """It does, on this machine."""

    def close(self) -> None:
        self._connection.close()


class _Terminal:
    """An end of a pseudo terminal."""

    def __init__(self, *descriptors: int) -> None:
        self._descriptors = descriptors

    def fileno(self) -> int:
        return self._descriptors[0]

    def take(self) -> bytes:
        try:
            return os.read(self.fileno(), _CHUNK)
        except OSError:
            return b""

    def give(self, data: bytes) -> None:
        with suppress(OSError):
            os.write(self.fileno(), data)

    def arrived(self) -> None:
        """The system carries it over in its own time."""
        select.select(self._descriptors[1:], [], [], _PATIENCE_S)

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)


class TcpRelay(Relay):
    """A relay of streams; ``shape`` is its resource with a place for the port."""

    def __init__(self, address: tuple[str, int], shape: str) -> None:
        self._address = address
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._number = found.getsockname()[1]
        self._listener: socket.socket | None = None
        super().__init__(shape.format(port=self._number))

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._number))
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _deafen(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self) -> None:
        if self._listener is None:
            return
        front, _ = self._listener.accept()
        try:
            back = socket.create_connection(self._address, timeout=_PATIENCE_S)
        except OSError:
            front.close()
            return
        self._pair(_Stream(front), _Stream(back))


class PtyRelay(Relay):
    """A relay of one serial line, reached by a link that stays while the terminal behind it is another after a break."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder = tempfile.TemporaryDirectory(prefix="hil-contract-")
        self._link = Path(self._folder.name) / "line"
        super().__init__(f"ASRL{self._link}::INSTR")

    def _listen(self) -> None:
        if self._pairs:
            return
        import tty

        master, slave = os.openpty()
        tty.setraw(slave)
        self._link.symlink_to(os.ttyname(slave))
        self._pair(_Terminal(master, slave), _Terminal(os.open(self._path, os.O_RDWR | os.O_NOCTTY)))

    def _deafen(self) -> None:
        self._link.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._folder.cleanup()


class ZmqRelay(Relay):
    """A relay of ZMQ requests: a message is a piece, and whole."""

    cuts = False

    def __init__(self, resource: str, host: str) -> None:
        import zmq

        self._context: zmq.Context[Any] = zmq.Context()
        self._device, self._host = resource, host
        self._front: Any = None
        self._back: Any = None
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._number = found.getsockname()[1]
        super().__init__(f"tcp://127.0.0.1:{self._number}")

    def say(self, data: bytes) -> None:
        """Nothing can be said unasked: ZMQ keeps request and reply together."""

    def _listen(self) -> None:
        import zmq

        if self._front is not None:
            return
        self._front, self._back = self._context.socket(zmq.ROUTER), self._context.socket(zmq.DEALER)
        self._front.linger = self._back.linger = 0
        self._front.bind(self.resource)
        self._back.connect(self._device)
        for end, side in ((self._front, ">"), (self._back, "<")):
            self._selector.register(end.getsockopt(zmq.FD), selectors.EVENT_READ, partial(self._messages, end, side))

    def _deafen(self) -> None:
        import zmq

        if self._front is not None:
            for end in (self._front, self._back):
                self._selector.unregister(end.getsockopt(zmq.FD))
                end.close()
            self._front = self._back = None

    def _finish(self) -> None:
        self._context.term()

    def _to_device(self, data: bytes) -> bool:
        if self._back is not None:
            self._back.send_multipart([b"contract", b"", data])
        return self._back is not None

    def _messages(self, _source: Any, _side: str) -> None:
        """Take every message of either side: a descriptor tells of the first only, and sending may take in others."""
        moved = True
        while moved and self._front is not None:
            moved = False
            for end, side in ((self._front, ">"), (self._back, "<")):
                moved = self._message(end, side) or moved

    def _message(self, source: Any, side: str) -> bool:
        import zmq

        if self._front is None:
            return False
        try:
            *head, data = source.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return False
        target = self._back if side == ">" else self._front
        if passed := (self.to_device if side == ">" else self.to_driver)(data):
            self.turns.append((side, passed))
            target.send_multipart([*head, passed])
        self._end_if_told()
        return True


def can_relay(resource: str) -> bool:
    """Whether something can be put between this device and its driver."""
    pty = _PTY.fullmatch(resource) is not None and os.name == "posix"
    return pty or any(pattern.fullmatch(resource) for pattern in (_TCP, _SERVER, _URL))


def relay_to(resource: str) -> Relay:
    """A relay to the device at this resource, reached by the same carrier; ValueError where there is none for it."""
    if (found := _TCP.fullmatch(resource)) is not None:
        return TcpRelay((found["host"], int(found["port"])), "TCPIP::127.0.0.1::{port}::SOCKET")
    if (found := _SERVER.fullmatch(resource)) is not None:
        return TcpRelay((found["host"], int(found["port"])), "ASRLsocket://127.0.0.1:{port}::INSTR")
    if (found := _URL.fullmatch(resource)) is not None:
        if found["scheme"] == "tcp":
            return ZmqRelay(resource, found["host"])
        return TcpRelay((found["host"], int(found["port"])), "http://127.0.0.1:{port}")
    if (found := _PTY.fullmatch(resource)) is not None:
        return PtyRelay(found["path"])
    raise ValueError(f"{resource}: nothing can be put between a driver and this; put it behind a device server")
