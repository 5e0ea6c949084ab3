"""Reads up to a terminator or a count from a port, keeping what came beyond it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hil.errors import DeviceTimeoutError, ReplyError
from hil.transports.taping import TapedPort

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.transports.port import Port

__all__ = ["Line"]

_CHUNK = 1 << 18
_LONGEST_REPLY = 1 << 28
"""A device that talks this long without its terminator is babbling."""


class Line:
    """A port and the bytes that arrived from it unread. Used only inside :meth:`Transport.exchange`."""

    def __init__(self, port: Port, timeout_s: float) -> None:
        self.port = port
        self.timeout_s = timeout_s
        self._buffer = bytearray()

    @property
    def unread(self) -> int:
        """Bytes that arrived and nobody asked for yet."""
        return len(self._buffer)

    def clear(self) -> None:
        """Forget what arrived."""
        self._buffer.clear()

    def send(
        self,
        data: bytes,
        timeout_s: float | None = None,
        *,
        repeatable: bool = False,
        plain: Callable[[bytes], bool] | None = None,
    ) -> None:
        """Write all of ``data``; nothing is added to it.

        For a tape: ``repeatable``, saying it again does no harm; ``plain``, as in :class:`~hil.transports.taping.TapedPort`.
        """
        if isinstance(self.port, TapedPort):
            self.port.repeatable, self.port.plain = repeatable, plain
        self.port.send(data, timeout_s or self.timeout_s)

    def gather(self) -> None:
        """Keep what has come by now, for a stream that would outrun what the port itself holds; it is read later."""
        while self.port.waiting():
            self._buffer += self.port.receive(_CHUNK, self.timeout_s, b"")

    def read_until(self, terminator: bytes, timeout_s: float | None = None) -> bytes:
        """Everything up to ``terminator``, without it; DeviceTimeoutError when it does not come in time."""
        deadline = _Deadline(timeout_s or self.timeout_s)
        if isinstance(self.port, TapedPort):
            self.port.terminator = terminator
        searched = 0
        while (end := self._buffer.find(terminator, searched)) < 0:
            searched = max(0, len(self._buffer) - len(terminator) + 1)
            if searched > _LONGEST_REPLY:
                raise ReplyError(self.port.device, f"sent {searched} bytes without its terminator {terminator!r}")
            self._buffer += self._receive(_CHUNK, deadline, terminator[-1:], f"{terminator!r}")
        reply = bytes(self._buffer[:end])
        del self._buffer[: end + len(terminator)]
        return reply

    def read_exactly(self, count: int, timeout_s: float | None = None) -> bytearray:
        """The next ``count`` bytes; DeviceTimeoutError names how many came."""
        deadline = _Deadline(timeout_s or self.timeout_s)
        if len(self._buffer) >= count:
            reply = self._buffer[:count]
            del self._buffer[:count]
            return reply
        reply = bytearray(count)
        have = len(self._buffer)
        reply[:have] = self._buffer
        self._buffer.clear()
        while have < count:
            data = self._receive(count - have, deadline, b"", f"{count} bytes, {have} came")
            reply[have : have + len(data)] = data
            have += len(data)
        return reply

    def drain(self, quiet_s: float) -> int:
        """Throw away what arrives until nothing does for ``quiet_s`` seconds; returns how many bytes."""
        dropped = self.unread
        self.clear()
        deadline = time.monotonic() + max(self.timeout_s, quiet_s)
        while (data := self.port.receive(_CHUNK, quiet_s, b"")) and time.monotonic() < deadline:
            dropped += len(data)
        return dropped

    def _receive(self, count: int, deadline: _Deadline, stop: bytes, awaited: str) -> bytes:
        remaining_s = deadline.remaining_s()
        data = self.port.receive(count, remaining_s, stop) if remaining_s > 0 else b""
        if not data:
            message = f"no answer within {deadline.timeout_s:g} s on {self.port.resource} (awaited {awaited})"
            raise DeviceTimeoutError(self.port.device, message)
        return data


class _Deadline:
    """When to give up, on the process's own clock: transports are the outer guard, also around simulated devices."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        return self._end - time.monotonic()
