"""Counters of a device that roll over, as counts that never do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.ports.detections import ReceiverCounters

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Unrolled"]

_NS_PER_S = 1e9


class Unrolled:
    """Follows one device from look to look. ``fastest_hz``: no detector counts faster."""

    def __init__(self, fastest_hz: float) -> None:
        self._fastest_hz = fastest_hz
        self._last: tuple[int, ...] | None = None
        self._last_bits = 64
        self._live_ns = 0
        self._totals: tuple[int, ...] = ()
        self._gaps = 0

    def take(self, told: Sequence[int], live_ns: int, bits: int) -> ReceiverCounters:
        """The counters as the device told them at this look."""
        now, last = tuple(told), self._last
        modulus = 1 << min(bits, self._last_bits)
        if last is None:
            self._totals = now
        elif live_ns < self._live_ns or (modulus == 1 << 64 and any(new < old for new, old in zip(now, last, strict=True))):
            self._gaps += 1  # counted from zero again
            self._totals = now
        else:
            if (live_ns - self._live_ns) / _NS_PER_S * self._fastest_hz >= modulus:
                self._gaps += 1
            steps = ((new - old) % modulus for new, old in zip(now, last, strict=True))
            self._totals = tuple(total + step for total, step in zip(self._totals, steps, strict=True))
        self._last, self._last_bits, self._live_ns = now, bits, live_ns
        return ReceiverCounters(self._totals, live_ns / _NS_PER_S, bits, self._gaps)
