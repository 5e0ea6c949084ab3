"""A toxic at work on one direction of one connection: a queue in event time, pure and told the time.

Whatever a stage takes in it gives out again at a due time of its own choosing; nothing here waits or reads a clock.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from hil import seeds
from hil.transports.fault_proxy.piece import Mark, Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

__all__ = ["LARGEST_UNIT_BYTES", "NEVER_NS", "Draws", "Stage", "UnitStage"]

NEVER_NS = 1 << 62
LARGEST_UNIT_BYTES = 16 << 20
"""A message longer than this is passed on as it comes by toxics that act on whole ones."""


class Draws:
    """Random draws of one stage, keyed by what they are for, never by call order."""

    def __init__(self, seed: int, *key: str | int) -> None:
        self._seed, self._key = seed, key

    def at(self, *key: str | int) -> np.random.Generator:
        """The generator for one unit, or one stretch of the stream."""
        return seeds.stream(self._seed, "fault proxy", *self._key, *key)


class Stage(ABC):
    """Base of all stages: passes on in the order of due times, and of arrival within one time.

    ``ready_ns``: from when on more should be read from the sender; backpressure is left to TCP.
    """

    ready_ns = 0

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, Piece]] = []
        self._order = 0
        self.queued_bytes = 0

    @abstractmethod
    def accept(self, at_ns: int, piece: Piece) -> None:
        """Take a piece that arrives at this time."""

    def start(self, now_ns: int) -> None:  # noqa: B027
        """The toxic meets the connection."""

    def retire(self, now_ns: int) -> None:  # noqa: B027
        """The toxic is taken away: emit what is still held."""

    def emit(self, due_ns: int, piece: Piece) -> None:
        """Let it go on at that time."""
        heapq.heappush(self._queue, (due_ns, self._order, piece))
        self._order += 1
        self.queued_bytes += len(piece.data)

    @property
    def next_due_ns(self) -> int:
        """When the next piece goes on; NEVER_NS where none waits."""
        return self._queue[0][0] if self._queue else NEVER_NS

    def take(self, until_ns: int) -> list[tuple[int, Piece]]:
        """What is due, with its due times."""
        taken = []
        while self._queue and self._queue[0][0] <= until_ns:
            due_ns, _, piece = heapq.heappop(self._queue)
            self.queued_bytes -= len(piece.data)
            taken.append((due_ns, piece))
        return taken

    def flush(self, now_ns: int) -> list[Piece]:
        """Everything that still waits, in order, as the toxic is gone; what it would have ended by itself is not ended."""
        self.retire(now_ns)
        return [piece for _, piece in self.take(NEVER_NS)]


class UnitStage(Stage):
    """Base of stages that act on whole units: messages, or chunks as they arrived."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[Piece] = []
        self._number = -1

    @abstractmethod
    def unit(self, at_ns: int, number: int, parts: Sequence[Piece]) -> None:
        """Take the unit of that number, counted from 0, all parts of it."""

    def end(self, at_ns: int, piece: Piece) -> None:
        """Take an end of the stream or the connection."""
        self.emit(at_ns, piece)

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Collect a unit; one that began before the toxic came, or that is too long, passes as it is."""
        if piece.mark is not Mark.DATA:
            self.spill(at_ns)
            self.end(at_ns, piece)
            return
        if piece.begins:
            self._number += 1
        elif not self._parts:
            self.emit(at_ns, piece)
            return
        self._parts.append(piece)
        self.queued_bytes += len(piece.data)
        if piece.ends:
            parts, self._parts = self._parts, []
            self.queued_bytes -= sum(len(part.data) for part in parts)
            self.unit(at_ns, self._number, parts)
        elif sum(len(part.data) for part in self._parts) > LARGEST_UNIT_BYTES:
            self.spill(at_ns)

    def retire(self, now_ns: int) -> None:
        """Let go of a unit that is not whole yet."""
        self.spill(now_ns)

    def emit_all(self, due_ns: int, parts: Sequence[Piece]) -> None:
        """Let a unit go on at that time."""
        for part in parts:
            self.emit(due_ns, part)

    def spill(self, at_ns: int) -> None:
        """Let go of the parts of a unit that is not whole, or too long."""
        self.queued_bytes -= sum(len(part.data) for part in self._parts)
        self.emit_all(at_ns, self._parts)
        self._parts = []
