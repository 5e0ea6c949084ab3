"""Whether the test that runs is alive, as a guardian asks it: when it last did something with the bench.

A test that waits is told from one that hangs by how it waits. Whoever waits on the bench's clock (a run, a measurement, the
patience of a fault, ``bench.clock.sleep``) says by that until when; such a wait is no silence, however long. Everything else
has to touch the bench's clock once within the lease, or say beforehand that it will not. A loop that goes round for ever
without it is hung.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hil.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Pulse", "PulseClock"]


class Pulse:
    """Signs of life of one thread; nobody is expected to give any before :meth:`watch`."""

    def __init__(self) -> None:
        self._owner: int | None = None
        self._at_s = 0.0

    def watch(self) -> None:
        """From here on this thread is a test's."""
        self._at_s = time.monotonic()
        self._owner = threading.get_ident()

    def rest(self) -> None:
        """The test is over."""
        self._owner = None

    def beat(self) -> None:
        """A sign of life, where it comes from the test's thread: others may go on while that one hangs."""
        if threading.get_ident() == self._owner:
            self._at_s = max(self._at_s, time.monotonic())

    @contextmanager
    def expect(self, duration_s: float) -> Iterator[None]:
        """The thread may be silent for that long."""
        if threading.get_ident() != self._owner:
            yield
            return
        before_s = self._at_s
        self._at_s = max(before_s, time.monotonic() + duration_s)
        try:
            yield
        finally:
            self._at_s = max(before_s, time.monotonic())

    @property
    def silent_s(self) -> float:
        """How long the test has been silent; zero while there is none, or while it said that it would be."""
        return max(time.monotonic() - self._at_s, 0.0) if self._owner is not None else 0.0


class PulseClock(SystemClock):
    """The system's clock, which knows that who asks it is alive, and who waits on it will be."""

    def __init__(self, pulse: Pulse) -> None:
        super().__init__()
        self._pulse = pulse

    def now_ns(self) -> int:
        """Nanoseconds of real time since the clock was made."""
        self._pulse.beat()
        return super().now_ns()

    def sleep(self, duration_s: float) -> None:
        """Wait for real; ValueError for a negative duration."""
        with self._pulse.expect(max(duration_s, 0.0)):
            super().sleep(duration_s)
