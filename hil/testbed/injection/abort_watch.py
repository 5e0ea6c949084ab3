"""Watches readings of a bench while a fault is in, and ends everything when one leaves the interval its table allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil.errors import ChaosAbortedError, HilError
from hil.statistics.counts import garwood

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.clock import Clock, Scheduled
    from hil.ports.spec import FaultBench
    from hil.testbed.link import Link

__all__ = ["AbortWatch"]

EVERY_S = 1.0
_CONFIDENCE = 1.0 - 1e-6
"""Of each look at counts: a day of looks each second stops a good bench once in ten days."""
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class _Condition:
    device: str
    reading: str
    low: float
    high: float


class AbortWatch:
    """Of one link; :meth:`start` it when a fault comes, :meth:`stop` it when the last one is gone.

    It looks every second of bench time while anything waits for the clock. Counts are judged by their exact interval, all other
    readings as they are. When one is outside, ``heal`` is called and ChaosAbortedError raised in whatever waits.
    """

    def __init__(self, link: Link, bench: FaultBench, clock: Clock, heal: Callable[[], None]) -> None:
        declared = link.testbed.bench.device
        self._conditions = [
            _Condition(name, reading, *bounds)
            for name in link.device_names
            for reading, bounds in declared[name].chaos_abort.items()
        ]
        self._link = link
        self._bench = bench
        self._clock = clock
        self._heal = heal
        self._timer: Scheduled | None = None
        self._counted: dict[str, tuple[float, float]] = {}

    def start(self) -> None:
        """Look from now on; where it looks already, nothing changes."""
        if self._conditions and self._timer is None:
            self._look()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._counted.clear()

    def _look(self) -> None:
        for condition in self._conditions:
            if words := self._outside(condition):
                self.stop()
                text = f"{condition.device}: {words}, outside the {condition.low:g} to {condition.high:g} of its chaos_abort"
                self._link.testbed.record(
                    "note", text=f"chaos aborted: {text}", time_s=self._clock.now_ns() / _NS_PER_S, link=self._link.name
                )
                aborted = ChaosAbortedError(f"{text}; every fault was taken back, and nothing after this was measured")
                try:
                    self._heal()
                except HilError as trouble:
                    raise aborted from trouble
                raise aborted
        self._timer = self._clock.call_at(self._clock.now_ns() + round(EVERY_S * _NS_PER_S), self._look)

    def _outside(self, condition: _Condition) -> str:
        """What is outside, in words; empty where it is not, or not surely."""
        if condition.reading == "counts_hz":
            return self._counts_outside(condition)
        value = self._bench_reading(condition)
        return "" if condition.low <= value <= condition.high else f"{condition.reading} is {value:g}"

    def _bench_reading(self, condition: _Condition) -> float:
        device: Any = self._link.testbed.device(condition.device)
        return float(getattr(device, condition.reading)())

    def _counts_outside(self, condition: _Condition) -> str:
        readings = self._bench.clicks(condition.device)
        now = sum(value for name, value in readings.items() if name.startswith("clicks.")), readings["live_s"]
        before = self._counted.get(condition.device)
        self._counted[condition.device] = now
        if before is None or now[1] <= before[1]:
            return ""
        clicks, live_s = now[0] - before[0], now[1] - before[1]
        rate = garwood(clicks, live_s, _CONFIDENCE)
        if rate.low <= condition.high and rate.high >= condition.low:
            return ""
        return f"{clicks:.0f} clicks in {live_s:g} s are {rate.low:.4g} Hz to {rate.high:.4g} Hz"
