"""Random functions of time of which any moment may be asked without going through those before it.

A slow wander joins hashed normal deviates on a lattice by quarter turns: at every time its law is the standard normal one, and
its correlation falls to 1/e after its scale. A walk is a Brownian motion, built by halving (P. Lévy, "Processus stochastiques
et mouvement brownien", 1948), so that it costs one deviate for each halving.
"""

from __future__ import annotations

from math import ceil, log2
from typing import TYPE_CHECKING

import numpy as np

from .source import hash_indices

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["WIDEST", "normals", "walk", "walk_step_s", "wander"]

WIDEST = 4.5
"""A wander's largest size: what lies beyond (once in 150,000 moments) is cut off, so that there is a brightest moment."""
_CELLS_PER_SCALE = 0.939
_FINEST_S = 1e-3
_MOST_HALVINGS = 24


def normals(numbers: npt.NDArray[np.int64], key: int) -> npt.NDArray[np.float64]:
    """Two independent normal deviates for each number, shape (2, n), by Box and Muller from hashes."""
    uniform = [(hash_indices(numbers * 2 + half, key) >> np.uint64(11)).astype(np.float64) * 2.0**-53 for half in (0, 1)]
    radius = np.sqrt(-2.0 * np.log1p(-uniform[0]))
    angle = 2.0 * np.pi * uniform[1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)])


def wander(times_s: npt.NDArray[np.float64], scale_s: float, key: int) -> npt.NDArray[np.float64]:
    """A stationary wander of unit variance at many times, shape (n,)."""
    place = times_s * (_CELLS_PER_SCALE / scale_s)
    cell = np.floor(place).astype(np.int64)
    turn = (place - cell) * (np.pi / 2.0)
    low = int(cell.min(initial=0))
    span = int(cell.max(initial=0)) - low + 2
    if span <= cell.size + 2:
        table = normals(np.arange(low, low + span, dtype=np.int64), key)[0]
        before, after = table[cell - low], table[cell - low + 1]
    else:
        before, after = normals(cell, key)[0], normals(cell + 1, key)[0]
    result: npt.NDArray[np.float64] = np.clip(np.cos(turn) * before + np.sin(turn) * after, -WIDEST, WIDEST)
    return result


def walk_step_s(period_s: float) -> float:
    """Below this a walk of that period is a straight line."""
    return period_s / 2.0 ** _halvings(period_s)


def walk(times_s: npt.NDArray[np.float64], period_s: float, key: int) -> npt.NDArray[np.float64]:
    """Brownian motion from zero at every multiple of ``period_s``: its variance is the time since, in s. Shape (n,)."""
    place = times_s / period_s
    cell = np.floor(place).astype(np.int64)
    place = place - cell
    halvings = _halvings(period_s)
    base = cell << np.int64(halvings + 1)
    left = np.zeros(place.shape)
    right = normals(base, key)[0] * period_s**0.5
    node = np.zeros(cell.shape, dtype=np.int64)
    for level in range(halvings):
        spread = (period_s / 2.0 ** (level + 2)) ** 0.5
        middle = (left + right) / 2.0 + spread * normals(base + (np.int64(1) << np.int64(level)) + node, key)[0]
        place = place * 2.0
        upper = place >= 1.0
        place -= upper
        left, right = np.where(upper, middle, left), np.where(upper, right, middle)
        node = node * 2 + upper
    result: npt.NDArray[np.float64] = left + (right - left) * place
    return result


def _halvings(period_s: float) -> int:
    return min(max(ceil(log2(period_s / _FINEST_S)), 6), _MOST_HALVINGS)
