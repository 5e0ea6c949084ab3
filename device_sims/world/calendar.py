"""Windows of time that come once or regularly: passes, maintenance, daylight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Windows"]


@dataclass(frozen=True)
class Windows:
    """Windows [first + k every, + lasts) for k = 0, 1, ...; one only where ``every_s`` is 0. Seconds of bench time."""

    first_s: float
    lasts_s: float
    every_s: float = 0.0

    def inside(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether each time lies in one: shape (n,)."""
        return (times_s >= self.first_s) & (times_s - self.last_start_s(times_s) < self.lasts_s)

    def last_start_s(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """When the latest window before each time began; the first one before it: shape (n,)."""
        if self.every_s == 0.0:
            return np.full(times_s.shape, self.first_s)
        count = np.maximum(np.floor((times_s - self.first_s) / self.every_s), 0.0)
        result: npt.NDArray[np.float64] = self.first_s + count * self.every_s
        return result

    def last_end_s(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """When the latest window that is over ended; 0 before that: shape (n,)."""
        ended = np.where(times_s >= self.first_s + self.lasts_s, self.first_s + self.lasts_s, 0.0)
        if self.every_s > 0.0:
            count = np.floor((times_s - self.first_s - self.lasts_s) / self.every_s)
            ended = np.where(count >= 0.0, self.first_s + self.lasts_s + count * self.every_s, 0.0)
        return ended

    def changes(self, from_s: float, to_s: float) -> bool:
        """Whether a window begins or ends in (from, to]."""
        return any(self._count(edge, to_s) != self._count(edge, from_s) for edge in (self.first_s, self.first_s + self.lasts_s))

    def _count(self, edge_s: float, time_s: float) -> int:
        if time_s < edge_s:
            return 0
        return 1 if self.every_s == 0.0 else int((time_s - edge_s) // self.every_s) + 1
