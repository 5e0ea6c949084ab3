"""Temperature of a controlled stage: first-order relaxation towards its target, in closed form."""

from __future__ import annotations

from bisect import bisect_right
from math import exp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Stage"]

_NS_PER_S = 1e9


class Stage:
    """A stage that starts settled and relaxes as ``target + (start - target) exp(-t / time constant)`` after each change."""

    def __init__(self, temperature_c: float, time_constant_s: float) -> None:
        self._time_constant_ns = time_constant_s * _NS_PER_S
        self._times_ns = [0]
        self._starts_c = [temperature_c]
        self._targets_c = [temperature_c]

    def aim(self, target_c: float, now_ns: int) -> None:
        """Relax towards another temperature from now on."""
        if target_c == self._targets_c[-1]:
            return
        now_ns = max(now_ns, self._times_ns[-1])
        start_c = self.temperature_c(now_ns)
        if now_ns == self._times_ns[-1]:
            self._targets_c[-1] = target_c
            return
        self._times_ns.append(now_ns)
        self._starts_c.append(start_c)
        self._targets_c.append(target_c)

    def temperature_c(self, now_ns: float) -> float:
        """The temperature at one time."""
        number = max(bisect_right(self._times_ns, now_ns) - 1, 0)
        start_c, target_c = self._starts_c[number], self._targets_c[number]
        return target_c + (start_c - target_c) * exp(-(now_ns - self._times_ns[number]) / self._time_constant_ns)

    def temperatures_c(self, times_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The temperatures at many times: shape (n,) to shape (n,)."""
        import numpy as np

        if not times_ns.size:
            return np.empty(0)
        # of the changes that matter here: there may have been many before
        first = max(bisect_right(self._times_ns, float(times_ns.min())) - 1, 0)
        some = slice(first, bisect_right(self._times_ns, float(times_ns.max()), lo=first))
        begun_ns = np.asarray(self._times_ns[some] or [self._times_ns[first]], dtype=np.float64)
        number = np.maximum(np.searchsorted(begun_ns, times_ns, side="right") - 1, 0)
        last = first + begun_ns.size
        start_c, target_c = (np.asarray(part[first:last])[number] for part in (self._starts_c, self._targets_c))
        elapsed_ns = times_ns - begun_ns[number]
        result: npt.NDArray[np.float64] = target_c + (start_c - target_c) * np.exp(-elapsed_ns / self._time_constant_ns)
        return result

    def continued_c(self, from_ns: float, times_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Temperatures from ``from_ns`` on if nothing is changed after it: shape (n,) to shape (n,)."""
        import numpy as np

        number = max(bisect_right(self._times_ns, from_ns) - 1, 0)
        start_c, target_c = self._starts_c[number], self._targets_c[number]
        elapsed_ns = times_ns - self._times_ns[number]
        result: npt.NDArray[np.float64] = target_c + (start_c - target_c) * np.exp(-elapsed_ns / self._time_constant_ns)
        return result
