"""A channel in memory between two threads, with a delay: both ends of it are a :class:`hil.pipeline.wire.Wire`."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from hil.errors import ChannelClosedError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MemoryMeeting", "MemoryWire", "memory_wires"]


class _Way:
    """One direction: (arrival time, lane, message), oldest first."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._messages: deque[tuple[float, int, bytes]] = deque()
        self._changed = threading.Condition()
        self._woken = False
        self._closed = False

    def put(self, lane: int, data: bytes) -> None:
        with self._changed:
            if self._closed:
                raise ChannelClosedError("a message could not be sent: the other side closed the connection")
            self._messages.append((time.monotonic() + self._delay_s, lane, data))
            self._changed.notify()

    def get(self, timeout_s: float) -> list[tuple[int, bytes]]:
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while True:
                now_s = time.monotonic()
                came = []
                while self._messages and self._messages[0][0] <= now_s:
                    came.append(self._messages.popleft()[1:])
                if came or self._woken or now_s >= deadline_s:
                    self._woken = False
                    return came
                if self._closed and not self._messages:
                    raise ChannelClosedError("the other side closed the connection")
                due_s = self._messages[0][0] if self._messages else deadline_s
                self._changed.wait(min(due_s, deadline_s) - now_s)

    def wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()


class MemoryWire:
    """One end."""

    def __init__(self, outward: _Way, inward: _Way) -> None:
        self._outward, self._inward = outward, inward

    def send(self, lane: int, data: bytes) -> None:
        """One message; ChannelClosedError once either end is closed."""
        self._outward.put(lane, data)

    def receive(self, timeout_s: float) -> Sequence[tuple[int, bytes]]:
        """What came; what was sent before the other end closed still comes."""
        return self._inward.get(timeout_s)

    def flush(self, timeout_s: float) -> None:
        """Nothing ever waits here to be sent."""

    def wake(self) -> None:
        """Let ``receive`` return now."""
        self._inward.wake()

    def close(self) -> None:
        """Both directions."""
        self._outward.close()
        self._inward.close()


def memory_wires(delay_s: float = 0.0) -> tuple[MemoryWire, MemoryWire]:
    """Two joined ends; every message arrives ``delay_s`` after it was sent."""
    there, back = _Way(delay_s), _Way(delay_s)
    return MemoryWire(there, back), MemoryWire(back, there)


class MemoryMeeting:
    """Where two ends find each other again and again: each call of ``connect`` gives an end of the newest pair."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, MemoryWire] = {}

    def connect(self, side: str) -> MemoryWire:
        """The end that the other side's last call left for this one (``a`` or ``b``), or one of a new pair."""
        with self._lock:
            if (found := self._left.pop(side, None)) is not None:
                return found
            own, others = memory_wires()
            self._left["b" if side == "a" else "a"] = others
            return own
