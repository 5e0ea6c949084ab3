"""Time as the bench sees it: real, or virtual and jumping.

A simulated bench runs on a :class:`VirtualClock`: waiting costs nothing, scheduled callbacks (faults, samplers) run at
their exact time, and only the thread that waits moves time. Simulators only ever read it. Times are integer nanoseconds
since the bench was opened.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NS_PER_S", "Clock", "Scheduled", "SystemClock", "VirtualClock"]

NS_PER_S = 1_000_000_000


@dataclass(order=True)
class Scheduled:
    """A callback waiting for its time; :meth:`cancel` makes it void."""

    due_ns: int
    order: int
    callback: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Do not run the callback when its time comes."""
        self.cancelled = True


class Clock(Protocol):
    """What the framework needs of time."""

    @property
    def virtual(self) -> bool:
        """Whether waiting costs no real time."""
        ...

    def now_ns(self) -> int:
        """Nanoseconds since the clock was made."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Wait, running the callbacks that fall due on the way."""
        ...

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> Scheduled:
        """Run ``callback`` in the waiting thread once ``due_ns`` is reached."""
        ...


class _Queue:
    """Callbacks by due time; those of one time run in the order they were scheduled."""

    def __init__(self) -> None:
        self._heap: list[Scheduled] = []
        self._order = itertools.count()
        self._lock = threading.Lock()

    def push(self, due_ns: int, callback: Callable[[], None]) -> Scheduled:
        entry = Scheduled(due_ns, next(self._order), callback)
        with self._lock:
            heapq.heappush(self._heap, entry)
        return entry

    def pop_due(self, until_ns: int) -> Scheduled | None:
        with self._lock:
            while self._heap and self._heap[0].due_ns <= until_ns:
                entry = heapq.heappop(self._heap)
                if not entry.cancelled:
                    return entry
        return None


class VirtualClock:
    """Time that moves only when the owning thread waits."""

    virtual = True

    def __init__(self) -> None:
        self._now_ns = 0
        self._queue = _Queue()
        self._owner = threading.get_ident()
        self._before_jumps: list[Callable[[], None]] = []

    def now_ns(self) -> int:
        """Nanoseconds of virtual time since the clock was made or reset."""
        return self._now_ns

    def sleep(self, duration_s: float) -> None:
        """Jump ahead, stopping at every callback due on the way; ValueError for a negative duration."""
        self.sleep_until_ns(self._now_ns + _to_ns(duration_s))

    def sleep_until_ns(self, target_ns: int) -> None:
        """Jump to ``target_ns``; a time already past is a no-op. Callbacks may schedule further ones."""
        if threading.get_ident() != self._owner:
            raise RuntimeError("only the thread that made a virtual clock may move it")
        for settle in self._before_jumps:
            settle()
        while (entry := self._queue.pop_due(target_ns)) is not None:
            self._now_ns = max(self._now_ns, entry.due_ns)
            entry.callback()
        self._now_ns = max(self._now_ns, target_ns)

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> Scheduled:
        """Run ``callback`` when time reaches ``due_ns`` (at the next wait, if that is past)."""
        return self._queue.push(due_ns, callback)

    def before_jumps(self, settle: Callable[[], None], *, first: bool = False) -> Callable[[], None]:
        """Call ``settle`` before time moves: it waits until everything that was sent has arrived. Returns what undoes this.

        ``first``: before what others asked for, for what stands nearer to those who send.
        """
        self._before_jumps.insert(0 if first else len(self._before_jumps), settle)
        return lambda: self._before_jumps.remove(settle)

    def reset(self) -> None:
        """Back to zero with an empty queue: a new test on a reset world."""
        self._now_ns = 0
        self._queue = _Queue()
        self._owner = threading.get_ident()


class SystemClock:
    """Monotonic real time."""

    virtual = False

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()
        self._queue = _Queue()

    def now_ns(self) -> int:
        """Nanoseconds of real time since the clock was made."""
        return time.monotonic_ns() - self._start_ns

    def sleep(self, duration_s: float) -> None:
        """Wait for real; ValueError for a negative duration."""
        target_ns = self.now_ns() + _to_ns(duration_s)
        while (entry := self._queue.pop_due(target_ns)) is not None:
            self._wait_until(entry.due_ns)
            entry.callback()
        self._wait_until(target_ns)

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> Scheduled:
        """Run ``callback`` in whichever thread waits past ``due_ns``."""
        return self._queue.push(due_ns, callback)

    def _wait_until(self, due_ns: int) -> None:
        remaining_ns = due_ns - self.now_ns()
        if remaining_ns > 0:
            time.sleep(remaining_ns / NS_PER_S)


def _to_ns(duration_s: float) -> int:
    if not duration_s >= 0:
        raise ValueError(f"a wait needs a duration of zero or more seconds, got {duration_s}")
    return round(duration_s * NS_PER_S)
