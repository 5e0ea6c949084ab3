"""Belief propagation, layer by layer, in 16-bit integers: from the syndrome of an error pattern to the pattern.

How sure a bit is, its level, is 32 ln(p0 / p1), at most 511 where a check reads it. What two bits say of a third together is
min(a, b) + c(a + b) - c(|a - b|) with c(x) = ln(1 + exp(-x)) (J. Chen, A. Dholakia, E. Eleftheriou, M. Fossorier, X.-Y. Hu,
IEEE Trans. Commun. 53, 1288 (2005), section II-B); here 32 c(x / 32) is (107 - x)^2 / 512 below 107, and 0 beyond. A check of
d bits joins them in groups of about the square root of d, as the rounding of a chain of d steps would outweigh what it says.
Each row of the base matrix is a layer (D. E. Hocevar, SiPS 2004): what its checks say counts for the next one at once.

Numpy does it with all frames side by side, numba one after the other; both give the same bits.
"""

from __future__ import annotations

from functools import reduce
from itertools import accumulate
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import available

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.reconciliation.ldpc_graph import Graph

    Bits = npt.NDArray[np.uint8]
    Levels = npt.NDArray[np.int16]

__all__ = ["KNOWN", "MOST_LEVEL", "UNIT", "both_say", "decode", "group_size"]

UNIT = 32
"""Steps of a level in one unit of the natural logarithm."""
MOST_LEVEL = 511
KNOWN = 8000
"""Level of a bit that is no matter of doubt."""
_BEND = 107
_MOST_ITERATIONS = 200
_PATIENCE = 60
"""Iterations after which a frame is given up whose unsatisfied checks have become no fewer."""


def decode(graph: Graph, syndromes: Bits, levels: Levels) -> tuple[Bits, npt.NDArray[np.int64]]:
    """Bits that are wrong, shape (frames, columns, lifting), and iterations of each frame, below zero where it failed.

    ``syndromes`` has shape (frames, rows, lifting); ``levels``, shape (frames, columns,
    lifting), how sure it is beforehand that a bit is right. It ends as how sure it is afterwards.
    """
    signs = -syndromes.astype(np.int16)
    if not available():
        taken = _decode_numpy(graph, signs, levels)
    else:
        from hil.pipeline.reconciliation import ldpc_kernel

        edges = graph.start, graph.column, graph.shift
        taken = np.array(
            [
                ldpc_kernel.decode(one, sign, *edges, _MOST_ITERATIONS, _PATIENCE)
                for one, sign in zip(levels, signs, strict=True)
            ],
            dtype=np.int64,
        )
    return (levels < 0).astype(np.uint8), taken


def group_size(bits: int) -> int:
    """How many bits of a check are joined at first."""
    return max(1, ceil(sqrt(bits)))


def both_say(a: Levels, b: Levels) -> Levels:
    """How sure a check is of a bit that two others, this sure, decide."""
    low = np.minimum(a, b)
    near = np.maximum(_BEND - (a + b), 0)
    far = np.maximum(_BEND - np.abs(a - b), 0)
    says: Levels = np.maximum(low + ((near * near + 256) >> 9) - ((far * far + 256) >> 9), 0)
    return says


def _decode_numpy(graph: Graph, signs: Levels, levels: Levels) -> npt.NDArray[np.int64]:
    frames, rows, z = signs.shape
    open_ = np.arange(frames)
    taken = np.full(frames, -_MOST_ITERATIONS, dtype=np.int64)
    least, least_at = np.full(frames, z * rows + 1), np.zeros(frames, dtype=np.int64)
    current = levels.copy()
    messages = np.zeros((int(graph.start[rows]), frames, z), dtype=np.int16)
    for number in range(1, _MOST_ITERATIONS + 1):
        for row in range(rows):
            _update(current, messages[graph.start[row] : graph.start[row + 1]], list(graph.edges(row)), signs[open_, row])
        levels[open_] = current
        wrong = _unsatisfied(graph, current, signs[open_])
        better = wrong < least[open_]
        least[open_[better]], least_at[open_[better]] = wrong[better], number
        given_up = number - least_at[open_] >= _PATIENCE
        taken[open_[given_up]] = -number
        taken[open_[wrong == 0]] = number
        go_on = (wrong > 0) & ~given_up
        if not go_on.all():
            open_, current, messages = open_[go_on], current[go_on], messages[:, go_on]
        if not open_.size:
            break
    return taken


def _update(levels: Levels, messages: Levels, edges: list[tuple[int, int]], sign: Levels) -> None:
    """All checks of one row, in all frames; ``sign``, shape (frames, z), their syndromes as signs."""
    z = levels.shape[2]
    level = np.empty_like(messages)
    for e, (column, shift) in enumerate(edges):
        np.subtract(levels[:, column, shift:], messages[e, :, : z - shift], out=level[e, :, : z - shift])
        np.subtract(levels[:, column, :shift], messages[e, :, z - shift :], out=level[e, :, z - shift :])
    sure = np.minimum(np.abs(level), np.int16(MOST_LEVEL))
    sign = sign ^ np.bitwise_xor.reduce(level, axis=0)
    size = group_size(len(edges))
    groups = [sure[first : first + size] for first in range(0, len(edges), size)]
    within = [_others(list(group)) for group in groups]
    outside = _others([reduce(both_say, group, _surest(sign)) for group in groups])
    for e in range(len(edges)):
        says = both_say(within[e // size][e % size], outside[e // size])
        turn = (sign ^ level[e]) >> 15
        messages[e] = (says ^ turn) - turn
    level += messages
    for e, (column, shift) in enumerate(edges):
        levels[:, column, shift:] = level[e, :, : z - shift]
        levels[:, column, :shift] = level[e, :, z - shift :]


def _surest(like: Levels) -> Levels:
    return np.full_like(like, MOST_LEVEL)


def _others(sure: list[Levels]) -> list[Levels]:
    """What all but one say together, for each one."""
    before = list(accumulate(sure[:-1], both_say, initial=_surest(sure[0])))
    behind = list(accumulate(sure[:0:-1], both_say, initial=before[0]))
    return [both_say(one, other) for one, other in zip(before, reversed(behind), strict=True)]


def _unsatisfied(graph: Graph, levels: Levels, signs: Levels) -> npt.NDArray[np.int64]:
    """Checks of each frame that the decided bits do not meet."""
    decided = (levels < 0).astype(np.uint8)
    checks = graph.syndromes(decided, 0, signs.shape[1])
    wrong: npt.NDArray[np.int64] = (checks != (signs < 0)).sum(axis=(1, 2), dtype=np.int64)
    return wrong
