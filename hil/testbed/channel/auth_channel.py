"""The authenticated classical channel of a link: round trips over it, and attacks on it."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from hil.errors import AuthenticationError, ChannelClosedError, FaultWithoutEvidenceError, UsageError
from hil.pipeline.authentication import KEY_BYTES, SEAL_BYTES, Authenticator, KeyPool
from hil.ports.run import Latencies
from hil.testbed.channel.classical_channel import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from hil.pipeline.party import Direction
    from hil.pipeline.stepping import Message
    from hil.testbed.link import Link

__all__ = ["Attack", "AuthChannel"]

OPERATION = "authenticated round trip"
_PAYLOAD_BYTES = 1024
_TIMEOUT_S = 10.0
_SPARE_KEYS = 2


class Attack:
    """Stands between the parties as ``link.run(..., interceptor=attack)`` and acts once; ``acted`` counts how often it did.

    ``did`` says what was done, to which message.
    """

    def __init__(self, name: str, direction: Direction, number: int, act: Callable[[bytes], Iterable[bytes]]) -> None:
        self.name = name
        self.acted = 0
        self.did = ""
        self._direction = direction
        self._number = number
        self._act = act

    def __call__(self, message: Message) -> Iterable[bytes]:
        """What arrives in place of this message."""
        if self.acted or (message.direction, message.number) != (self._direction, self._number):
            return (message.data,)
        self.note(message)
        return self._act(message.data)

    def note(self, message: Message) -> None:
        """Remember that it acted on this message."""
        self.acted += 1
        self.did = f"{self.name} message {message.number} {message.direction} ({len(message.data):,} bytes)"


class _Reflection(Attack):
    """The next message the other way is replaced by the one that was seen."""

    def __init__(self, direction: Direction, number: int) -> None:
        super().__init__("reflecting", direction, number, lambda data: (data,))
        self._seen: bytes | None = None

    def __call__(self, message: Message) -> Iterable[bytes]:
        if self.acted:
            return (message.data,)
        if self._seen is not None and message.direction != self._direction:
            self.note(message)
            return (self._seen,)
        if self._seen is None and (message.direction, message.number) == (self._direction, self._number):
            self._seen = message.data
        return (message.data,)


class AuthChannel:
    """Timing of the classical channel, and attacks on it; the fixture ``auth_channel``.

    An attack is a context manager: ``with auth_channel.tampering("a->b", 2) as attack: link.run("2 s", interceptor=attack)``.
    Messages are counted from 0 in each direction and block. An attack that never acted raises FaultWithoutEvidenceError when
    its context ends.
    """

    def __init__(self, link: Link) -> None:
        self.link = link

    def round_trips(self, number: int = 100) -> Latencies:
        """Send that many tagged messages over a loopback connection, each answered by a tagged one, and time them.

        AuthenticationError when a tag does not fit.
        """
        import numpy as np

        if number < 1:
            raise UsageError(f"{number} round trips; expected one or more")
        pre_shared = self.link.testbed.entropy(self.link.name, "round trips").draw(
            "pre-shared", 2 * (number + _SPARE_KEYS) * KEY_BYTES
        )
        durations_s = _exchange(
            Authenticator(KeyPool(pre_shared), "a->b", self.link.name),
            Authenticator(KeyPool(pre_shared), "b->a", self.link.name),
            number,
            self._route,
        )
        self.link.testbed.record("latency", operation=OPERATION, durations_s=tuple(durations_s), link=self.link.name)
        return Latencies(OPERATION, np.array(durations_s, dtype=np.float64), self.link.simulated)

    def _route(self, address: tuple[str, int]) -> tuple[str, int]:
        """Through the channel's proxy where something of this test may break it."""
        channel = self.link.testbed.broken_classical(self.link.name + SUFFIX)
        return address if channel is None else channel.route("round trips", address)

    def tampering(self, direction: Direction = "a->b", number: int = 0) -> AbstractContextManager[Attack]:
        """Change one bit of message ``number`` of that direction."""
        return _watched(Attack("tampering with", direction, number, _with_a_bit_changed))

    def dropping(self, direction: Direction = "a->b", number: int = 0) -> AbstractContextManager[Attack]:
        """Lose message ``number`` of that direction."""
        return _watched(Attack("dropping", direction, number, lambda _: ()))

    def replaying(self, direction: Direction = "a->b", number: int = 0) -> AbstractContextManager[Attack]:
        """Deliver message ``number`` of that direction twice."""
        return _watched(Attack("replaying", direction, number, lambda data: (data, data)))

    def reflecting(self, direction: Direction = "a->b", number: int = 0) -> AbstractContextManager[Attack]:
        """Give the sender of message ``number`` its own message back in place of the next one it should get."""
        return _watched(_Reflection(direction, number))


@contextmanager
def _watched(attack: Attack) -> Iterator[Attack]:
    yield attack
    if not attack.acted:
        raise FaultWithoutEvidenceError(
            f"{attack.name} the classical channel: no such message came by; pass the attack as link.run(interceptor=...),"
            " and count messages from 0 in each direction"
        )


def _with_a_bit_changed(data: bytes) -> tuple[bytes]:
    """The middle bit of the middle byte; an empty message becomes one byte long."""
    changed = bytearray(data or b"\0")
    changed[len(changed) // 2] ^= 0x10
    return (bytes(changed),)


def _exchange(
    alice: Authenticator, bob: Authenticator, number: int, route: Callable[[tuple[str, int]], tuple[str, int]]
) -> list[float]:
    """Seconds of each round trip over a TCP connection on loopback; both sides verify before they go on."""
    payload = bytes(range(256)) * (_PAYLOAD_BYTES // 256)
    broken: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_TIMEOUT_S)
        peer = threading.Thread(target=_answer, args=(server, bob, number, broken), name="hil-auth-peer")
        peer.start()
        try:
            with closing(socket.create_connection(route(server.getsockname()), _TIMEOUT_S)) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                durations_s = [_round_trip(connection, alice, payload) for _ in range(number)]
        except OSError as error:
            peer.join(_TIMEOUT_S)
            cause = broken[0] if broken else error
            if isinstance(cause, AuthenticationError):
                raise cause from None
            raise ChannelClosedError(f"the loopback connection between the two ends broke: {cause}") from cause
        finally:
            peer.join(_TIMEOUT_S)
    return durations_s


def _round_trip(connection: socket.socket, own: Authenticator, payload: bytes) -> float:
    started_s = time.perf_counter()
    connection.sendall(own.tag(payload) + payload)
    answer = _received(connection)
    own.verify(answer[:SEAL_BYTES], answer[SEAL_BYTES:])
    return time.perf_counter() - started_s


def _answer(server: socket.socket, own: Authenticator, number: int, broken: list[BaseException]) -> None:
    """The other end: verify each message and answer with a tagged one."""
    try:
        connection, _ = server.accept()
        with closing(connection):
            connection.settimeout(_TIMEOUT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(number):
                message = _received(connection)
                own.verify(message[:SEAL_BYTES], message[SEAL_BYTES:])
                connection.sendall(own.tag(message[SEAL_BYTES:]) + message[SEAL_BYTES:])
    except (OSError, AuthenticationError) as error:
        broken.append(error)


def _received(connection: socket.socket) -> bytes:
    """One whole message, which is always of the same length."""
    data = bytearray()
    while len(data) < SEAL_BYTES + _PAYLOAD_BYTES:
        piece = connection.recv(SEAL_BYTES + _PAYLOAD_BYTES - len(data))
        if not piece:
            raise ConnectionError("the other end of the classical channel closed it")
        data += piece
    return bytes(data)
