"""Real time, faster or slower: the clock of a twin that serves programs which cannot take part in virtual time."""

from __future__ import annotations

import time

from hil.clock import NS_PER_S, SystemClock
from hil.errors import UsageError

__all__ = ["SpeedClock"]


class SpeedClock(SystemClock):
    """A system clock that runs ``speed`` times as fast."""

    def __init__(self, speed: float) -> None:
        if not 0.0 < speed <= 1e6:
            raise UsageError(f"speed {speed}: expected a number above 0 and up to 1e6, 1 for real time")
        super().__init__()
        self._speed = speed

    def now_ns(self) -> int:
        """Nanoseconds of bench time since the clock was made."""
        return round(super().now_ns() * self._speed)

    def _wait_until(self, due_ns: int) -> None:
        remaining_ns = due_ns - self.now_ns()
        if remaining_ns > 0:
            time.sleep(remaining_ns / NS_PER_S / self._speed)
