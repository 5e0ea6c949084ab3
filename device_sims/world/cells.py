"""Cuts a stretch of time where the state changed and at the marks of a fixed grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from .expectation import Expectation
    from .scene import Scene

__all__ = ["Cells", "cells", "expectations"]

_FINE = 10_000_000
_STATE = 10 * _FINE


@dataclass(frozen=True)
class Cells:
    """Pieces of time, shape (n,): their ends in ns, their state, and the number of their grid cell."""

    start_ns: npt.NDArray[np.int64]
    end_ns: npt.NDArray[np.int64]
    state: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]

    @property
    def duration_s(self) -> npt.NDArray[np.float64]:
        """How long each lasts."""
        return (self.end_ns - self.start_ns) / 1e9


def cells(scene: Scene, from_ns: int, to_ns: int, step_ns: int) -> Cells:
    """All pieces of [from, to), on a grid of whole ``step_ns``."""
    changes = np.array(scene.timeline.changes_between(from_ns, to_ns), dtype=np.int64)
    grid = np.arange(from_ns // step_ns + 1, -(-to_ns // step_ns), dtype=np.int64) * step_ns
    edges = np.union1d(np.concatenate([[from_ns, to_ns], changes]).astype(np.int64), grid)
    start = edges[:-1]
    state = np.maximum(np.searchsorted(scene.timeline.times_ns, start, side="right") - 1, 0).astype(np.int64)
    return Cells(start, edges[1:], state, start // step_ns)


def expectations(
    scene: Scene, pieces: Cells, step_ns: int, qber_limit: float
) -> tuple[list[Expectation], npt.NDArray[np.int64]]:
    """The different expectations of these pieces, and which one each piece has: shape (n,).

    The misalignment of a piece is that in the middle of its grid cell, so that it does not depend on where time was cut.
    """
    middle_ns = (pieces.cell + 0.5) * step_ns
    # state and rounded misalignment in one number
    kind = pieces.state * _STATE
    for number in np.unique(pieces.state):
        reception = scene.reception(int(number))
        own = pieces.state == number
        if reception is not None:
            kind[own] += np.round(scene.misalignments(reception, middle_ns[own]) * _FINE).astype(np.int64)
    kinds, which = np.unique(kind, return_inverse=True)
    found = [scene.light.expectation(scene, int(each) // _STATE, float(each % _STATE) / _FINE, qber_limit) for each in kinds]
    return found, which.reshape(-1)
