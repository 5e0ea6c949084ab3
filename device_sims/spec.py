"""How a simulated device is described: behaviour and dialect behind a session, carried over TCP, a pty or HTTPS.

A :class:`Session` is sans-IO: bytes in, replies out, and it is told the time. It never reads a clock, sleeps or opens a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from .world.world import World

__all__ = ["Endpoint", "Reply", "Session", "TwinSpec"]


@dataclass(frozen=True)
class Reply:
    """Bytes to send, ``delay_s`` after the request came in (real seconds on the wire; 0 on a virtual clock)."""

    data: bytes
    delay_s: float = 0.0


class Session(Protocol):
    """One client's conversation with one port of a device."""

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Take bytes as they came (any chunking) and return what to send."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """One port of a device. A TCP port opens a fresh session per connection, a pty has one for good."""

    name: Literal["control", "data"]
    carrier: Literal["tcp", "pty"]
    session: Callable[[], Session]


@dataclass(frozen=True)
class TwinSpec:
    """A simulated device: ``build(world, device)`` returns its ports; ``device`` is its name in the bench."""

    name: str
    roles: tuple[str, ...]
    title: str
    build: Callable[[World, str], tuple[Endpoint, ...]]
    real_firmware: str = ""
