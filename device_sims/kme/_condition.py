"""What is wrong with one KME at present: nothing, until somebody says so over its control."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hil.clock import NS_PER_S, SystemClock
from hil.errors import UsageError

if TYPE_CHECKING:
    from hil.clock import Clock

__all__ = ["SETTINGS", "Condition"]

SETTINGS = ("kme_down", "kme_delay_s", "kme_fill_ratio", "kme_rate_hz", "kme_clock_offset_s")
"""By these names a fault sets it; zero of each is a KME that does its work."""


class Condition:
    """Read by every thread of a KME, set by its control; ``closing`` wakes those that make somebody wait."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = SystemClock() if clock is None else clock
        self._values = dict.fromkeys(SETTINGS, 0.0)
        self._lock = threading.Lock()
        self._next_ns = 0
        self.closing = threading.Event()

    def set(self, setting: str, value: float) -> None:
        """Set one by its name; UsageError for a name there is not."""
        if setting not in self._values:
            raise UsageError(f"a KME has no {setting}; known: {', '.join(SETTINGS)}")
        with self._lock:
            self._values[setting] = value
            self._next_ns = 0

    @property
    def down(self) -> bool:
        """Whether its process is gone; connections to it end elsewhere."""
        return bool(self._values["kme_down"])

    @property
    def delay_s(self) -> float:
        """Real seconds that it takes longer over everything."""
        return self._values["kme_delay_s"]

    @property
    def clock_offset_s(self) -> float:
        """By how much its clock is ahead."""
        return self._values["kme_clock_offset_s"]

    def capacity(self, max_keys: int) -> int:
        """How many of its keys may be those of this link: other links' take the rest."""
        return int(max_keys * (1.0 - self._values["kme_fill_ratio"]))

    def wait(self) -> None:
        """Be slow."""
        if self.delay_s:
            self.closing.wait(self.delay_s)

    def refused_for_s(self) -> float:
        """0 for a request that may be answered; else in how many seconds of bench time one may be, evenly spaced."""
        with self._lock:
            rate_hz, now_ns = self._values["kme_rate_hz"], self._clock.now_ns()
            if not rate_hz:
                return 0.0
            if now_ns < self._next_ns:
                return (self._next_ns - now_ns) / NS_PER_S
            self._next_ns = now_ns + round(NS_PER_S / rate_hz)
            return 0.0
