"""Stages that change what arrives: lost, corrupted, repeated, out of order, reflected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.clock import NS_PER_S
from hil.transports.fault_proxy.piece import Mark, Piece
from hil.transports.fault_proxy.stage import Stage, UnitStage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.transports.fault_proxy.stage import Draws

__all__ = ["CorruptStage", "LossStage", "ReflectStage", "ReorderStage", "ReplayStage"]

_BLOCK_BYTES = 1 << 16


class _Drawing(UnitStage):
    """A unit stage that acts on each unit with one probability."""

    def __init__(self, ratio: float, draws: Draws) -> None:
        super().__init__()
        self._ratio, self._draws = ratio, draws

    def hit(self, number: int) -> bool:
        """Whether this unit is acted upon."""
        return self._ratio >= 1.0 or (self._ratio > 0.0 and bool(self._draws.at(number).random() < self._ratio))


class LossStage(_Drawing):
    """Loses units, or delays them and everything behind them."""

    def __init__(self, loss_ratio: float, retransmit_s: float, draws: Draws) -> None:
        super().__init__(loss_ratio, draws)
        self._retransmit_ns = round(retransmit_s * NS_PER_S)
        self._free_ns = 0

    def unit(self, at_ns: int, number: int, parts: Sequence[Piece]) -> None:
        """Lose it, delay it, or pass it on."""
        if self.hit(number):
            if not self._retransmit_ns:
                return
            self._free_ns = max(at_ns, self._free_ns) + self._retransmit_ns
        self.emit_all(at_ns, parts)

    def emit(self, due_ns: int, piece: Piece) -> None:
        """Behind what is late."""
        super().emit(max(due_ns, self._free_ns), piece)


class ReplayStage(_Drawing):
    """Repeats units."""

    def unit(self, at_ns: int, number: int, parts: Sequence[Piece]) -> None:
        """Pass it on, perhaps twice."""
        self.emit_all(at_ns, parts)
        if self.hit(number):
            self.emit_all(at_ns, parts)


class ReflectStage(_Drawing):
    """Sends copies of units back."""

    def unit(self, at_ns: int, number: int, parts: Sequence[Piece]) -> None:
        """Give its sender a copy, then pass it on."""
        if self.hit(number):
            self.emit(at_ns, Piece(b"".join(part.data for part in parts), back=True))
        self.emit_all(at_ns, parts)


class ReorderStage(_Drawing):
    """Swaps a unit with the one behind it."""

    def __init__(self, reorder_ratio: float, hold_s: float, draws: Draws) -> None:
        super().__init__(reorder_ratio, draws)
        self._hold_ns = round(hold_s * NS_PER_S)
        self._held: list[Piece] = []
        self._held_until_ns = 0

    def unit(self, at_ns: int, number: int, parts: Sequence[Piece]) -> None:
        """Hold it, or let it pass the one that is held."""
        self._expire(at_ns)
        if self._held:
            self.emit_all(at_ns, parts)
            self._let_go(at_ns)
        elif self.hit(number):
            self._held, self._held_until_ns = list(parts), at_ns + self._hold_ns
            self.queued_bytes += sum(len(part.data) for part in parts)
        else:
            self.emit_all(at_ns, parts)

    def end(self, at_ns: int, piece: Piece) -> None:
        """Nothing can pass an end."""
        self._expire(at_ns)
        self._let_go(at_ns)
        self.emit(at_ns, piece)

    def spill(self, at_ns: int) -> None:
        """What is held goes first."""
        self._let_go(at_ns)
        super().spill(at_ns)

    @property
    def next_due_ns(self) -> int:
        """When the held one goes on alone, at the latest."""
        return min(super().next_due_ns, self._held_until_ns) if self._held else super().next_due_ns

    def take(self, until_ns: int) -> list[tuple[int, Piece]]:
        """What is due; a held unit whose time is up goes on."""
        self._expire(until_ns)
        return super().take(until_ns)

    def _expire(self, now_ns: int) -> None:
        if self._held and self._held_until_ns <= now_ns:
            self._let_go(self._held_until_ns)

    def _let_go(self, due_ns: int) -> None:
        self.queued_bytes -= sum(len(part.data) for part in self._held)
        self.emit_all(due_ns, self._held)
        self._held = []


class CorruptStage(Stage):
    """Flips bits at places of the stream that depend on the seed only, not on how the bytes came in."""

    def __init__(self, bit_error_ratio: float, header_bytes: int, draws: Draws) -> None:
        super().__init__()
        self._ratio, self._header_bytes, self._draws = bit_error_ratio, header_bytes, draws
        self._offset = 0
        self._in_unit = header_bytes  # of a unit that began before, the header is over
        self._block = -1
        self._flips: list[tuple[int, int]] = []

    def accept(self, at_ns: int, piece: Piece) -> None:
        """Flip what is to be flipped and pass it on."""
        if piece.mark is Mark.DATA and piece.data:
            if piece.begins:
                self._in_unit = 0
            piece = replace(piece, data=self._corrupted(piece.data))
        self.emit(at_ns, piece)

    def _corrupted(self, data: bytes) -> bytes:
        begin, end = self._offset, self._offset + len(data)
        spared = max(self._header_bytes - self._in_unit, 0)
        self._offset, self._in_unit = end, self._in_unit + len(data)
        changed = bytearray(data)
        for block in range(begin // _BLOCK_BYTES, (end - 1) // _BLOCK_BYTES + 1):
            for place, mask in self._flips_of(block):
                if begin + spared <= place < end:
                    changed[place - begin] ^= mask
        return bytes(changed)

    def _flips_of(self, block: int) -> list[tuple[int, int]]:
        """Places in the stream and masks of the flips in one block of it."""
        if block != self._block:
            rng, bits = self._draws.at(block), 8 * _BLOCK_BYTES
            chosen = rng.choice(bits, int(rng.binomial(bits, self._ratio)), replace=False, shuffle=False)
            self._flips = [(block * _BLOCK_BYTES + int(bit) // 8, 1 << (int(bit) % 8)) for bit in chosen]
            self._block = block
        return self._flips
