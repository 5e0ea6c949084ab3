"""Values read while a run goes on: at its start and every so often, on the clock's queue, in the thread that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from hil.clock import Clock, Scheduled
    from hil.record.series import Series

__all__ = ["Sampler"]


class Sampler:
    """Reads values every ``period_s`` seconds of bench time while its context is open.

    A reading that falls due while nobody waits (real time, a block being distilled) is left out, not caught up with. With
    ``at_once`` false the first reading comes after one period.
    """

    def __init__(self, clock: Clock, period_s: float, read: Callable[[], Mapping[str, float]], *, at_once: bool = True) -> None:
        self._clock = clock
        self._period_ns = round(period_s * 1e9)
        self._read = read
        self._at_once = at_once
        self._start_ns = 0
        self._next: Scheduled | None = None
        self._samples: dict[str, tuple[list[float], list[float]]] = {}

    def __enter__(self) -> Self:
        self._start_ns = self._clock.now_ns()
        if self._at_once:
            self._take()
        self._schedule()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._next is not None:
            self._next.cancel()

    def series(self) -> Series:
        """What was read: name -> (times in bench seconds, values)."""
        import numpy as np

        return {
            name: (np.array(times_s, dtype=np.float64), np.array(values, dtype=np.float64))
            for name, (times_s, values) in self._samples.items()
        }

    def _due(self) -> None:
        self._take()
        self._schedule()

    def _take(self) -> None:
        now_s = self._clock.now_ns() / 1e9
        for name, value in self._read().items():
            times_s, values = self._samples.setdefault(name, ([], []))
            times_s.append(now_s)
            values.append(value)

    def _schedule(self) -> None:
        periods = (self._clock.now_ns() - self._start_ns) // self._period_ns + 1
        self._next = self._clock.call_at(self._start_ns + periods * self._period_ns, self._due)
