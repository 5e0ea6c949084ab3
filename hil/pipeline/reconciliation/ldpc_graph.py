"""The graph of a code: a base matrix grown edge by edge, each entry a rotation, the same at both ends without a word.

Base: progressive edge growth (X.-Y. Hu, E. Eleftheriou, D. M. Arnold, IEEE Trans. Inf. Theory 51, 386 (2005)) with rows of
equal degree; columns of two entries make one path through the rows, which closes no cycle. Entry (i, j) with shift s joins
check r of row i to bit (r + s) mod lifting of column j; shifts are drawn among those that close no cycle of four edges.
Everything comes from raw words of a counter generator keyed by (rows, lifting), in integers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from hil.pipeline.reconciliation.ldpc_family import COLUMNS, column_degrees
from hil.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Entries = npt.NDArray[np.int64]

__all__ = ["Code", "Graph", "code_of"]

_NEAR = 1 << 16
_ROW_STEP = 1 << 17


@dataclass(frozen=True, eq=False)
class Graph:
    """``shifts``, shape (rows, columns), -1 where there is no entry: check r of a row XORs bits (r + shift) mod ``lifting``.

    ``start`` (rows + 1,), ``column`` and ``shift`` (edges,), int64: entries of row i are those from start[i] to start[i + 1].
    """

    shifts: Entries
    lifting: int

    @cached_property
    def start(self) -> Entries:
        return np.concatenate([[0], np.cumsum((self.shifts >= 0).sum(axis=1))])

    @cached_property
    def column(self) -> Entries:
        return np.nonzero(self.shifts >= 0)[1].astype(np.int64)

    @cached_property
    def shift(self) -> Entries:
        return self.shifts[self.shifts >= 0]

    def edges(self, row: int) -> Iterator[tuple[int, int]]:
        """Column and shift of each entry of a row."""
        entries = slice(self.start[row], self.start[row + 1])
        return zip(self.column[entries].tolist(), self.shift[entries].tolist(), strict=True)

    def syndromes(self, frames: npt.NDArray[np.uint8], first: int, end: int) -> npt.NDArray[np.uint8]:
        """Checks of some rows, shape (frames, end - first, lifting), of bits of shape (frames, columns, lifting)."""
        checks = np.zeros((frames.shape[0], end - first, self.lifting), dtype=np.uint8)
        for row in range(first, end):
            out = checks[:, row - first]
            for column, shift in self.edges(row):
                out[:, : self.lifting - shift] ^= frames[:, column, shift:]
                out[:, self.lifting - shift :] ^= frames[:, column, :shift]
        return checks


@dataclass(frozen=True)
class Code:
    """``core`` rows of checks for the first round; row core + i, for a later one, has every other entry of row i."""

    core: int
    lifting: int

    @property
    def rows(self) -> int:
        """All rows that can be told."""
        return 2 * self.core

    @cached_property
    def told(self) -> Graph:
        """The rows as they are told."""
        core = _lift(_base(self.core), self.lifting)
        return Graph(np.concatenate([core, _every_other(core)]), self.lifting)

    def split(self, rows: int) -> Graph:
        """The rows as they are decoded when so many are told: a row whose half is told is left with the other half."""
        shifts = self.told.shifts[:rows].copy()
        halves = shifts[self.core :]
        shifts[: len(halves)][halves >= 0] = -1
        return Graph(shifts, self.lifting)

    def split_syndromes(self, told: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Checks as told, shape (frames, rows, lifting), to those of :meth:`split`."""
        checks = told.copy()
        halves = told[:, self.core :]
        checks[:, : halves.shape[1]] ^= halves
        return checks


@lru_cache(maxsize=32)
def code_of(core: int, lifting: int) -> Code:
    """The code with so many rows in its first round, of frames of ``COLUMNS * lifting`` bits."""
    return Code(core, lifting)


def _words(count: int, *key: str | int) -> Entries:
    """Raw words of a counter generator, 31 bits each: the same with every version of numpy."""
    raw = np.random.Philox(key=derive(0, "ldpc", *key)).random_raw(count)
    return (raw >> np.uint64(33)).astype(np.int64)


@lru_cache(maxsize=32)
def _base(core: int) -> npt.NDArray[np.bool_]:
    """Where the base matrix has entries, shape (rows, columns)."""
    base = np.zeros((core, COLUMNS), dtype=np.bool_)
    for column, degree in enumerate(column_degrees(core)):
        if degree == 2:
            base[[column, column + 1], column] = True
            continue
        noise = _words(degree * core, "base", core, column).reshape(degree, core) % _NEAR
        near = np.zeros(core, dtype=np.int64)
        for draw in noise:
            key = _ROW_STEP * base.sum(axis=1) + np.minimum(near, 1) * _NEAR + draw
            key[base[:, column]] = np.iinfo(np.int64).max
            row = int(key.argmin())
            near += base[:, base[row]].sum(axis=1)
            base[row, column] = True
    return base


def _lift(base: npt.NDArray[np.bool_], lifting: int) -> Entries:
    """A rotation for each entry, that closes no cycle of four edges as far as there is one; shape (rows, columns), else -1."""
    shifts = np.full(base.shape, -1, dtype=np.int64)
    rows, columns = base.shape
    draws = (_words(rows * columns, "lift", rows, lifting) * lifting >> 31).reshape(rows, columns)
    for row in range(rows):
        for column in np.flatnonzero(base[row]):
            closed = np.zeros(lifting, dtype=np.bool_)
            for other in np.flatnonzero(base[:row, column]):
                both = np.flatnonzero(base[row, :column] & base[other, :column])
                difference = shifts[row, both] - shifts[other, both]
                closed[(shifts[other, column] + difference) % lifting] = True
            free = np.flatnonzero(~closed)
            draw = draws[row, column]
            shifts[row, column] = draw if not free.size else free[draw % free.size]
    return shifts


def _every_other(shifts: Entries) -> Entries:
    """Half of the entries of each row."""
    entries = shifts >= 0
    return np.where(entries & (np.cumsum(entries, axis=1) % 2 == 1), shifts, -1)
