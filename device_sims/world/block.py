"""Clicks of one receiver while a block runs, kept up to what a receiver can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .sampler import Candidates
from .windows import Walk

if TYPE_CHECKING:
    import numpy.typing as npt

    from .scene import Scene

__all__ = ["Block"]

MOST_RECORDS = 50_000_000
"""Clicks a receiver can hold for one block; those beyond are counted as lost."""


@dataclass
class _Found:
    """Clicks found so far."""

    kept: list[Candidates] = field(default_factory=list)
    records: int = 0
    lost: int = 0

    def add(self, clicks: Candidates) -> None:
        room = max(MOST_RECORDS - self.records, 0)
        self.lost += max(clicks.index.size - room, 0)
        self.records += min(clicks.index.size, room)
        phase = None if clicks.phase is None else clicks.phase[:room]
        self.kept.append(Candidates(clicks.index[:room], clicks.detector[:room], phase))

    def since(self, first: int) -> list[Candidates]:
        """Those windows that have clicks of this pulse or later ones."""
        return [clicks for clicks in self.kept if clicks.index.size and clicks.index[-1] >= first]


class Block:
    """A running block. Asked in the middle it answers without deciding anything that is still to come."""

    def __init__(self, scene: Scene, seed: int, started_ns: int) -> None:
        self._pulses = scene.pulses
        self.started_ns = started_ns
        self.first = scene.pulses.index_at(started_ns)
        self._walk = Walk(scene, seed, self.first)
        self._progress = self._walk.beginning()
        self._found = _Found()
        self._counts = np.zeros(len(scene.receiver.device.detectors), dtype=np.int64)

    def until(self, now_ns: int, since: int = 0) -> tuple[Candidates, int, npt.NDArray[np.int64]]:
        """Clicks of the block up to now, how many of them were lost, and how many there were of each detector.

        Clicks of pulses before ``since`` may be left out; lost and counted are those of the whole block.
        """
        rest = self._rest(now_ns)
        found, counts = _Found(self._found.since(since), self._found.records, self._found.lost), self._counts
        for clicks in rest:
            found.add(clicks)
            counts = counts + self._counted(clicks)
        return Candidates.chained(found.kept), found.lost, counts

    def counts(self, now_ns: int) -> npt.NDArray[np.int64]:
        """Clicks of each detector up to now."""
        rest = self._rest(now_ns)
        counts = self._counts
        for clicks in rest:
            counts = counts + self._counted(clicks)
        return counts

    def forget(self, before: int) -> None:
        """Nobody will ask for clicks of pulses before this one again."""
        self._found.kept = self._found.since(before)
        self._found.records = sum(clicks.index.size for clicks in self._found.kept)

    def _rest(self, now_ns: int) -> list[Candidates]:
        """Settle the windows that ended; clicks of what is left, decided for this answer only."""
        end = self._pulses.index_at(now_ns)
        for clicks, progress in self._walk.steps(self._progress, end, whole=True):
            self._found.add(clicks)
            self._counts = self._counts + self._counted(clicks)
            self._progress = progress
        return [clicks for clicks, _ in self._walk.steps(self._progress, end, whole=False)]

    def _counted(self, clicks: Candidates) -> npt.NDArray[np.int64]:
        return np.array([np.count_nonzero(clicks.detector == number) for number in range(self._counts.size)], dtype=np.int64)
