"""Cuts a stretch of time where the state changed and at the marks of a fixed grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .expectation import Moment, expect

if TYPE_CHECKING:
    import numpy.typing as npt

    from .expectation import Expectation
    from .scene import Scene

__all__ = ["Cells", "cells", "expectations"]

_FINEST = np.array([1e7, 1e7, 1e7, 1.0, 1.0])
_FINE = np.array([1e5, 1e5, 1e4, 1e3, 1e3])
"""Steps to one of what varies: misalignment of both bases, survival, backgrounds; coarser where there are many of them."""
_DAY_NS = 86_400_000_000_000


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
    # from where the stretch begins: a run may have had many states before
    state = (scene.timeline.number_at(from_ns) + np.searchsorted(changes, start, side="right")).astype(np.int64)
    return Cells(start, edges[1:], state, start // step_ns)


def expectations(
    scene: Scene, pieces: Cells, step_ns: int, qber_limit: float
) -> tuple[list[Expectation], npt.NDArray[np.int64]]:
    """The different expectations of these pieces, and which one each piece has: shape (n,).

    What varies in a piece is taken over its whole grid cell, so that it does not depend on where time was cut.
    """
    # state, day of age where detectors age, and what varies at each receiver that matters, rounded
    scenes = (scene,) if scene.light is None else scene.light.scenes(scene)
    kind = np.zeros((pieces.state.size, 2 + len(scenes) * _FINE.size), dtype=np.int64)
    kind[:, 0] = pieces.state
    for number in np.unique(pieces.state):
        own = np.flatnonzero(pieces.state == number)
        numbers, back = np.unique(pieces.cell[own], return_inverse=True)
        for place, each in enumerate(scenes):
            reception = each.reception(int(number))
            if reception is None:
                continue
            if any(reception.ageing):
                kind[own, 1] = ((pieces.cell[own] + 0.5) * step_ns // _DAY_NS).astype(np.int64)
            moments = each.moments(int(number), numbers, step_ns)
            first, width = 2 + place * _FINE.size, moments.shape[1]
            rounded = np.round(moments * _finest(each, int(number))[:width]).astype(np.int64)
            kind[own, first : first + width] = rounded[back.reshape(-1)]
    kinds, which = np.unique(kind, axis=0, return_inverse=True)
    found = []
    for number, day, *varying in kinds.tolist():
        by_scene = np.array(varying).reshape(len(scenes), _FINE.size)
        moments_of = tuple(
            _moment((row / _finest(each, number)).tolist(), (day + 0.5) * _DAY_NS)
            for row, each in zip(by_scene, scenes, strict=True)
        )
        found.append(_expected(scene, number, moments_of, qber_limit))
    return found, which.reshape(-1)


def _expected(scene: Scene, number: int, moments: tuple[Moment, ...], qber_limit: float) -> Expectation:
    if scene.light is not None:
        return scene.light.expectation(scene, number, moments, qber_limit)
    return expect(scene.receiver, scene.aged(scene.reception(number), moments[0].age_ns), moments[0], qber_limit)


def _finest(scene: Scene, number: int) -> npt.NDArray[np.float64]:
    return _FINEST if scene.still(number) else _FINE


def _moment(varying: list[float], age_ns: float) -> Moment:
    key, test, survival, *excess = varying
    return Moment((key, test), survival, tuple(excess), age_ns)
