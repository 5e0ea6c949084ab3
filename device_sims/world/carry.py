"""What detectors remember from one window to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .crowds import NEVER
from .dynamics import TICKS
from .sampler import Events, joined, no_events

if TYPE_CHECKING:
    import numpy.typing as npt

    from .dynamics import Dynamics

    Indices = npt.NDArray[np.int64]

__all__ = ["Carry"]


@dataclass(frozen=True)
class Carry:
    """What D detectors remember from one window to the next.

    ``last`` event that counts for the dead time of each, and end of its silence (``silent``), in ticks from pulse 0 on, None
    where long over; candidates ``pending`` (afterpulses still to come, photons on their way), timed from pulse ``base``.
    """

    last: tuple[int | None, ...]
    silent: tuple[int | None, ...]
    pending: Events
    base: int = 0

    @classmethod
    def idle(cls, detectors: int) -> Carry:
        return cls((None,) * detectors, (None,) * detectors, no_events())

    def same(self, other: Carry) -> bool:
        """Whether both lead to the same clicks from here on; for carries of one moment."""
        mine, theirs = self.pending, other.pending
        return (
            (self.last, self.silent, self.base) == (other.last, other.silent, other.base)
            and np.array_equal(mine.time, theirs.time)
            and np.array_equal(mine.detector, theirs.detector)
            and np.array_equal(mine.mark, theirs.mark)
        )

    def joining(self, extra: Events, base: int) -> Events:
        """What is pending and new candidates, in order of time and timed from pulse ``base``."""
        pending = self.pending
        if pending.time.size == 0:
            return extra
        return joined([extra, Events(pending.time + (self.base - base) * TICKS, pending.detector, pending.mark)])

    def memory(self, base: int) -> tuple[Indices, Indices]:
        """Last event and end of silence of each detector in ticks from pulse ``base`` on."""
        return _relative(self.last, base), _relative(self.silent, base)

    def after(self, pending: Events, memory: tuple[Indices, Indices], dynamics: Dynamics, span: tuple[int, int]) -> Carry:
        """What is remembered at the end of ``span``; ``pending`` and ``memory`` are timed from its beginning."""
        base, end = span
        horizon, (last, silent) = (end - base) * TICKS, memory
        rest = Events(pending.time - horizon, pending.detector, pending.mark)
        ended = np.full(silent.size, horizon)
        return Carry(_absolute(last, horizon - dynamics.memory_ticks, base), _absolute(silent, ended, base), rest, end)


def _relative(ticks: tuple[int | None, ...], base: int) -> npt.NDArray[np.int64]:
    return np.array([NEVER if each is None else max(each - base * TICKS, NEVER) for each in ticks], dtype=np.int64)


def _absolute(ticks: npt.NDArray[np.int64], oldest: npt.NDArray[np.int64], base: int) -> tuple[int | None, ...]:
    """As they are kept; None for what lies before ``oldest``."""
    kept = zip(ticks.tolist(), oldest.tolist(), strict=True)
    return tuple(None if each < limit else each + base * TICKS for each, limit in kept)
