"""How long bytes take on a serial line: ten bits each, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ._conversation import Port

__all__ = ["Pacing", "paced_line"]

_BITS_PER_BYTE = 10
"""A start bit, eight of data, a stop bit."""
_SLICE_S = 0.002


class Pacing:
    """One direction of a line; a baud rate of 0 lets everything pass at once. All of it happens in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, baud_rate: int, seconds_per_second: float) -> None:
        self._loop = loop
        self._byte_s = _BITS_PER_BYTE / baud_rate * seconds_per_second if baud_rate else 0.0
        self._free_s = 0.0
        self._waiting: list[asyncio.TimerHandle] = []

    def carry(self, data: bytes, to: Callable[[bytes], None]) -> None:
        """Hand the bytes over as they arrive, in slices of about two milliseconds."""
        if not self._byte_s:
            to(data)
            return
        self._waiting = [handle for handle in self._waiting if handle.when() > self._loop.time()]
        self._free_s = max(self._free_s, self._loop.time())
        step = max(1, int(_SLICE_S / self._byte_s))
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            self._free_s += len(piece) * self._byte_s
            self._waiting.append(self._loop.call_at(self._free_s, to, piece))

    def drop(self) -> None:
        """What is on the line is lost."""
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()
        self._free_s = 0.0


def paced_line(port: Port, *, paced: bool) -> tuple[Pacing, Pacing]:
    """Both directions of the line to a port's device, there and back: at its baud rate where that is asked for.

    A port that is no serial line, and any on a virtual clock, passes everything at once.
    """
    baud_rate = port.endpoint.baud_rate if paced and port.seconds_per_delay else 0
    there, back = (Pacing(port.loop, baud_rate, port.seconds_per_delay) for _ in range(2))
    return there, back
