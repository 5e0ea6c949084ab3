"""Bursts in which the state of polarisation spins, as lightning makes them in an overhead ground wire.

A burst begins at every whole multiple of a time and turns the state at a constant rate about an axis that is in neither basis:
after a turn by an angle a, the share sin²(a/2) of the light of either basis is in the wrong state. After it, the state is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Times = npt.NDArray[np.float64]

__all__ = ["Bursts"]


@dataclass(frozen=True)
class Bursts:
    """Turns by ``rate_rad_per_s`` for ``lasts_s``, every ``every_s``, which is no less."""

    rate_rad_per_s: float
    lasts_s: float
    every_s: float

    def at(self, times_s: Times) -> Times:
        """Share of the light in the wrong state: shape (n,) to shape (n,)."""
        since_s = np.mod(times_s, self.every_s)
        turned: Times = np.where(since_s < self.lasts_s, np.sin(self.rate_rad_per_s * since_s / 2.0) ** 2, 0.0)
        return turned

    def mean(self, from_s: Times, to_s: Times) -> Times:
        """The same on the average of each stretch: the integral of sin²(r t/2) is t/2 - sin(r t) / (2 r)."""
        result: Times = (self._sum_s(to_s) - self._sum_s(from_s)) / (to_s - from_s)
        return result

    def _sum_s(self, times_s: Times) -> Times:
        whole, since_s = np.divmod(times_s, self.every_s)
        ended_s, begun_s = (
            inside_s / 2.0 - np.sin(self.rate_rad_per_s * inside_s) / (2.0 * self.rate_rad_per_s)
            for inside_s in (np.float64(self.lasts_s), np.minimum(since_s, self.lasts_s))
        )
        result: Times = whole * ended_s + begun_s
        return result
