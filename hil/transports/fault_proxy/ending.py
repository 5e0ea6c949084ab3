"""Stages that end a connection."""

from __future__ import annotations

from hil.clock import NS_PER_S
from hil.transports.fault_proxy.piece import Mark, Piece
from hil.transports.fault_proxy.stage import NEVER_NS, Stage

__all__ = ["LimitStage", "ResetStage", "TimeoutStage"]


class TimeoutStage(Stage):
    """Throws everything away, and closes when time is up or the toxic is gone: a stream with a hole is of no use."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_ns = round(timeout_s * NS_PER_S)

    def start(self, now_ns: int) -> None:
        """Set the end."""
        if self._timeout_ns:
            self.emit(now_ns + self._timeout_ns, Piece(mark=Mark.CLOSE))

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Lose it; an end is not lost."""
        if piece.mark is not Mark.DATA:
            self.emit(at_ns, piece)

    def retire(self, now_ns: int) -> None:
        """Close."""
        self.emit(now_ns, Piece(mark=Mark.CLOSE))


class ResetStage(Stage):
    """Passes everything on until its time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_ns = round(timeout_s * NS_PER_S)

    def start(self, now_ns: int) -> None:
        """Set the time."""
        self.emit(now_ns + self._timeout_ns, Piece(mark=Mark.RESET))

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Pass it on."""
        self.emit(at_ns, piece)

    def flush(self, now_ns: int) -> list[Piece]:
        """What is on its way, but no reset any more."""
        return [piece for piece in super().flush(now_ns) if piece.mark is not Mark.RESET]


class LimitStage(Stage):
    """Counts, and closes behind the last byte that may pass."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__()
        self._left = limit_bytes
        self._over = False

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Pass on what may pass."""
        if self._over:
            return
        if piece.mark is not Mark.DATA:
            self.emit(at_ns, piece)
            return
        passing = piece.data[: self._left]
        self._left -= len(passing)
        if passing:
            self.emit(at_ns, Piece(passing, piece.begins, piece.ends and len(passing) == len(piece.data)))
        if not self._left:
            self._over = True
            self.ready_ns = NEVER_NS
            self.emit(at_ns, Piece(mark=Mark.CLOSE))
