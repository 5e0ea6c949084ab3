"""How a simulated device is described: behaviour and dialect behind a session, carried over TCP, a pty or HTTPS.

A :class:`Session` is sans-IO: bytes in, replies out, and it is told the time. It never reads a clock, sleeps or opens a port.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .world.world import World

__all__ = ["Endpoint", "Later", "Push", "Reply", "Session", "TwinSpec"]


@dataclass(frozen=True)
class Reply:
    """Bytes to send, ``delay_s`` after the request came in (real seconds on the wire; 0 on a virtual clock)."""

    data: bytes
    delay_s: float = 0.0


@dataclass(frozen=True)
class Later:
    """What is to be said in ``delay_s`` bench seconds, and is known only then: a count after its integration time.

    ``make`` is told the time; it returns the bytes, and in how many seconds it wants to be asked again (None: never).
    """

    delay_s: float
    make: Callable[[int], tuple[bytes, float | None]]


@dataclass
class Push:
    """Messages for whoever connects to a ZMQ port of its own (an exclusive pair), opened by the request that this answers.

    ``data`` is the answer, ``refused(why)`` the one where the port cannot be had. ``advance`` is called every ``every_s`` bench
    seconds and told the time; what it puts into ``outbox`` is sent. Once ``ended``, the port is closed behind the last message.
    """

    port: int
    data: bytes
    refused: Callable[[str], bytes]
    advance: Callable[[int], None]
    every_s: float
    outbox: deque[bytes] = field(default_factory=deque)
    ended: bool = False


class Session(Protocol):
    """One client's conversation with one port of a device.

    A device that speaks without being asked also has ``opened(now_ns)``, which returns the same when a client has connected.
    """

    def received(self, data: bytes, now_ns: int) -> Sequence[Reply | Later | Push]:
        """Take bytes as they came (any chunking) and return what to send."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """One port of a device. A TCP port opens a fresh session per connection, a pty has one for good."""

    name: Literal["control", "data"]
    carrier: Literal["tcp", "pty", "http", "zmq"]
    """``http``: TCP, reached by a URL. ``zmq``: ZMQ requests, each handed to the session whole and answered by one reply."""
    session: Callable[[], Session]
    baud_rate: int = 0
    """Of a serial line: how fast bytes pass where lines are paced; 0: not known."""
    idle_s: float = 0.0
    """After how many bench seconds without a word from a client its TCP connection is closed; 0: never."""


@dataclass(frozen=True)
class TwinSpec:
    """A simulated device: ``build(world, device)`` returns its ports; ``device`` is its name in the bench."""

    name: str
    roles: tuple[str, ...]
    title: str
    build: Callable[[World, str], tuple[Endpoint, ...]]
    late: bool = False
    """Whether it answers with :class:`Later`, so that virtual time must not pass while a request is on its way. A serial line
    cannot tell when one has arrived, so in virtual time such a device is behind a device server."""
    real_firmware: str = ""
