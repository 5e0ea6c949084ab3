"""The decoder's loops, compiled; :mod:`.ldpc_decoder` has what they do in numpy, and the same results.

A loop over one row of checks is one over contiguous arrays of 16-bit numbers, so that the compiler makes vectors of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Levels = npt.NDArray[np.int16]
    Entries = npt.NDArray[np.int64]

__all__ = ["decode"]

I16 = np.int16
MOST = np.int16(511)
BEND = np.int16(107)
NONE = np.int16(0)


@kernel
def _both(a: np.int16, b: np.int16) -> np.int16:
    """How sure a check is of a bit that two others, this sure, decide."""
    low = min(a, b)
    t = max(NONE, I16(BEND - I16(a + b)))
    u = max(NONE, I16(BEND - I16(max(a, b) - low)))
    return max(NONE, I16(I16(low + I16(I16(I16(t * t) + I16(256)) >> 9)) - I16(I16(I16(u * u) + I16(256)) >> 9)))


@kernel
def group_size(degree: int) -> int:
    size = 1
    while size * size < degree:
        size += 1
    return size


@kernel
def _less(out: Levels, levels: Levels, message: Levels) -> None:
    for r in range(out.size):
        out[r] = I16(levels[r] - message[r])


@kernel
def _copy(out: Levels, levels: Levels) -> None:
    for r in range(out.size):
        out[r] = levels[r]


@kernel
def _cross(out: Levels, levels: Levels) -> None:
    for r in range(out.size):
        out[r] ^= levels[r]


@kernel
def _join(sure: Levels, other: Levels) -> None:
    for r in range(sure.size):
        sure[r] = _both(sure[r], other[r])


@kernel
def _read(level: Levels, sure: Levels, sign: Levels) -> None:
    for r in range(level.size):
        x = level[r]
        sign[r] ^= x
        sure[r] = min(max(x, I16(-x)), MOST)


@kernel
def _tell(level: Levels, says: Levels, sign: Levels, message: Levels) -> None:
    for r in range(level.size):
        x = level[r]
        turn = I16(I16(sign[r] ^ x) >> 15)
        m = I16(I16(says[r] ^ turn) - turn)
        message[r] = m
        level[r] = I16(x + m)


@kernel
def _update(levels: Levels, messages: Levels, columns: Entries, shifts: Entries, sign: Levels, work: Levels) -> None:
    """All checks of one row of the base matrix; ``sign``: their syndromes as signs; ``work``: shape (3, 2 degree + 4, z)."""
    z, degree = levels.shape[1], columns.size
    level, sure, before = work[0], work[1], work[2]
    size = group_size(degree)
    groups = -(-degree // size)
    total, outside = sure[degree:], level[degree:]
    for group in range(groups):
        first, end = group * size, min((group + 1) * size, degree)
        total[group, :] = MOST
        for e in range(first, end):
            own, cut = levels[columns[e]], z - shifts[e]
            _less(level[e, :cut], own[shifts[e] :], messages[e, :cut])
            _less(level[e, cut:], own[: shifts[e]], messages[e, cut:])
            _copy(before[e], total[group])
            _read(level[e], sure[e], sign)
            _join(total[group], sure[e])
    behind = before[degree]
    behind[:] = MOST
    for group in range(groups):
        _copy(outside[group], behind)
        _join(behind, total[group])
    behind[:] = MOST
    for group in range(groups - 1, -1, -1):
        _join(outside[group], behind)
        _join(behind, total[group])
    for group in range(groups):
        first, end = group * size, min((group + 1) * size, degree)
        behind[:] = MOST
        for e in range(end - 1, first - 1, -1):
            own, cut = levels[columns[e]], z - shifts[e]
            _join(before[e], behind)
            _join(before[e], outside[group])
            _join(behind, sure[e])
            _tell(level[e], before[e], sign, messages[e])
            _copy(own[shifts[e] :], level[e, :cut])
            _copy(own[: shifts[e]], level[e, cut:])


@kernel
def _unsatisfied(levels: Levels, start: Entries, column: Entries, shift: Entries, syndrome: Levels, sign: Levels) -> int:
    z, count = levels.shape[1], 0
    for row in range(syndrome.shape[0]):
        _copy(sign, syndrome[row])
        for e in range(start[row], start[row + 1]):
            own, cut = levels[column[e]], z - shift[e]
            _cross(sign[:cut], own[shift[e] :])
            _cross(sign[cut:], own[: shift[e]])
        wrong = 0
        for r in range(z):
            wrong += sign[r] < 0
        count += wrong
    return count


@kernel
def decode(levels: Levels, syndrome: Levels, start: Entries, column: Entries, shift: Entries, most: int, patience: int) -> int:
    """One frame: ``levels``, shape (columns, z), end as what is decided; iterations taken, or their number below zero."""
    rows, z = syndrome.shape
    widest = 0
    for row in range(rows):
        widest = max(widest, start[row + 1] - start[row])
    messages = np.zeros((start[rows], z), dtype=np.int16)
    work = np.empty((3, 2 * widest + 4, z), dtype=np.int16)
    sign = np.empty(z, dtype=np.int16)
    least, least_at = z * rows + 1, 0
    for number in range(1, most + 1):
        for row in range(rows):
            _copy(sign, syndrome[row])
            first, end = start[row], start[row + 1]
            _update(levels, messages[first:end], column[first:end], shift[first:end], sign, work)
        wrong = _unsatisfied(levels, start, column, shift, syndrome, sign)
        if wrong == 0:
            return number
        if wrong < least:
            least, least_at = wrong, number
        elif number - least_at >= patience:
            return -number
    return -most
