"""Stages that change when bytes arrive, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.clock import NS_PER_S
from hil.transports.fault_proxy.piece import Mark, Piece
from hil.transports.fault_proxy.stage import NEVER_NS, Stage

if TYPE_CHECKING:
    from hil.transports.fault_proxy.stage import Draws

__all__ = ["BandwidthStage", "LatencyStage", "SlicerStage", "SlowCloseStage", "StallStage"]

_PACE_S = 0.02
"""A limited rate comes in slices of this length, and so much is taken in advance."""


class LatencyStage(Stage):
    """Due at its own arrival plus the delay: pieces on their way do not wait for each other, except to keep their order."""

    def __init__(self, latency_s: float, jitter_s: float, draws: Draws) -> None:
        super().__init__()
        self._latency_ns, self._jitter_ns = latency_s * NS_PER_S, jitter_s * NS_PER_S
        self._draws = draws
        self._number = 0
        self._last_ns = 0

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Delay it."""
        delay_ns = self._latency_ns
        if self._jitter_ns:
            delay_ns += self._jitter_ns * self._draws.at(self._number).uniform(-1.0, 1.0)
            self._number += 1
        self._last_ns = max(self._last_ns, at_ns + max(round(delay_ns), 0))
        self.emit(self._last_ns, piece)


class BandwidthStage(Stage):
    """A line that is busy for length over rate with each piece; a sender is read no faster than that."""

    def __init__(self, rate_bytes_per_s: float) -> None:
        super().__init__()
        self._ns_per_byte = NS_PER_S / rate_bytes_per_s
        self._slice_bytes = max(round(rate_bytes_per_s * _PACE_S), 1)
        self._free_ns = 0.0

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Send it slice by slice, each when its last byte has passed."""
        for part in _sliced(piece, [self._slice_bytes] * (-(-len(piece.data) // self._slice_bytes))):
            self._free_ns = max(self._free_ns, at_ns) + len(part.data) * self._ns_per_byte
            self.emit(round(self._free_ns), part)
        self.ready_ns = round(self._free_ns - _PACE_S * NS_PER_S)


class SlicerStage(Stage):
    """Slices of drawn sizes, the delay after each."""

    def __init__(self, average_bytes: int, variation_bytes: int, delay_s: float, draws: Draws) -> None:
        super().__init__()
        self._average, self._variation = average_bytes, variation_bytes
        self._delay_ns = round(delay_s * NS_PER_S)
        self._draws = draws
        self._number = 0
        self._free_ns = 0

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Cut it up."""
        sizes = self._sizes(len(piece.data))
        for part in _sliced(piece, sizes):
            due_ns = max(self._free_ns, at_ns)
            self.emit(due_ns, part)
            self._free_ns = due_ns + (self._delay_ns if part.mark is Mark.DATA else 0)
        self.ready_ns = self._free_ns

    def _sizes(self, total: int) -> list[int]:
        if not self._variation:
            return [self._average] * (-(-total // self._average))
        rng = self._draws.at(self._number)
        self._number += 1
        sizes: list[int] = []
        while sum(sizes) < total:
            sizes += rng.integers(self._average - self._variation, self._average + self._variation + 1, 64).tolist()
        return sizes


class SlowCloseStage(Stage):
    """Ends arrive late."""

    def __init__(self, delay_s: float) -> None:
        super().__init__()
        self._delay_ns = round(delay_s * NS_PER_S)

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Delay it if it is an end."""
        self.emit(at_ns + (self._delay_ns if piece.mark is not Mark.DATA else 0), piece)


class StallStage(Stage):
    """Nothing goes on while it is there, and nothing more is read."""

    ready_ns = NEVER_NS

    def accept(self, at_ns: int, piece: Piece) -> None:  # noqa: ARG002
        """Keep it."""
        self.emit(NEVER_NS, piece)


def _sliced(piece: Piece, sizes: list[int]) -> list[Piece]:
    """The piece in slices of these sizes, as many as it takes."""
    if piece.mark is not Mark.DATA or not sizes or len(piece.data) <= sizes[0]:
        return [piece]
    slices, start = [], 0
    for size in sizes:
        end = min(start + size, len(piece.data))
        begins, ends = piece.begins and start == 0, piece.ends and end == len(piece.data)
        slices.append(Piece(piece.data[start:end], begins, ends))
        start = end
        if start == len(piece.data):
            break
    return slices
