"""Clicks of one receiver while a block runs, window by window.

Windows lie on a grid of pulse indices, wide where little happens, and are cut where the bench's state changed. Their draws are
keyed by (seed, receiver, first pulse, width), so that the clicks follow from what was done when, and not from who asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor, log2
from typing import TYPE_CHECKING

import numpy as np

from hil.seeds import derive

from .detectors import Carry, resolve
from .sampler import Candidates, dark_counts, merged
from .scene import Segment

if TYPE_CHECKING:
    import numpy.typing as npt

    from .reception import Reception
    from .scene import Scene

__all__ = ["Block"]

_CANDIDATES_PER_WINDOW = 1 << 18
_WIDEST = 40
MOST_RECORDS = 50_000_000
"""Clicks a receiver can hold for one block; those beyond are counted as lost."""


@dataclass
class _Progress:
    """Clicks found up to a pulse, and what the detectors remember there."""

    at: int
    carry: Carry
    found: list[Candidates] = field(default_factory=list)
    records: int = 0
    lost: int = 0

    def fork(self) -> _Progress:
        """A copy to go on from; it holds none of the clicks."""
        return _Progress(self.at, self.carry, records=self.records, lost=self.lost)


class Block:
    """A running block. Asked in the middle it answers without deciding anything that is still to come."""

    def __init__(self, scene: Scene, seed: int, started_ns: int) -> None:
        self._scene = scene
        self._seed = seed
        self.started_ns = started_ns
        self.first = scene.pulses.index_at(started_ns)
        detectors = len(scene.receiver.device.detectors)
        self._progress = _Progress(self.first, Carry.idle(detectors))
        self._counts = np.zeros(detectors, dtype=np.int64)

    def until(self, now_ns: int) -> tuple[Candidates, int]:
        """Clicks of the block up to now, and how many of them were lost."""
        rest = self._rest(now_ns)
        nothing = Candidates(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8))
        found = [nothing, *self._progress.found, *rest.found]
        index = np.concatenate([part.index for part in found])
        return Candidates(index, np.concatenate([part.detector for part in found])), rest.lost

    def counts(self, now_ns: int) -> npt.NDArray[np.int64]:
        """Clicks of each detector up to now."""
        rest = self._rest(now_ns)
        return self._counts + _counted(rest.found, self._counts.size)

    def _rest(self, now_ns: int) -> _Progress:
        """Settle the windows that ended, and go through the one that has not on a copy."""
        end = self._scene.pulses.index_at(now_ns)
        settled = len(self._progress.found)
        self._advance(self._progress, end, whole=True)
        self._counts += _counted(self._progress.found[settled:], self._counts.size)
        rest = self._progress.fork()
        self._advance(rest, end, whole=False)
        return rest

    def _advance(self, progress: _Progress, end: int, *, whole: bool) -> None:
        """Go through windows up to ``end``; with ``whole``, only those that end by then."""
        while progress.at < end:
            segment = self._scene.segment_at(progress.at)
            reception = self._scene.reception(segment.number)
            if reception is None:
                progress.at = end if segment.end is None else min(segment.end, end)
                progress.carry = Carry.idle(len(progress.carry.last))
                continue
            width = 1 << _level(reception)
            window_first = max(segment.first, progress.at - progress.at % width)
            window_end = progress.at - progress.at % width + width
            stop = window_end if segment.end is None else min(window_end, segment.end)
            if whole and stop > end:
                return
            window = Segment(segment.number, window_first, window_end)
            self._take(progress, reception, window, min(stop, end))

    def _take(self, progress: _Progress, reception: Reception, window: Segment, stop: int) -> None:
        """Add the clicks from where we are to ``stop``, out of a window drawn whole."""
        receiver = self._scene.receiver
        assert window.end is not None
        first, width = window.first, window.end - window.first
        rng = np.random.Generator(np.random.SFC64(derive(self._seed, "clicks", receiver.name, first, width)))
        photons = self._scene.light.candidates(rng, self._scene, window)
        dark = merged(
            dark_counts(rng, self._scene.dark(reception, self._scene.pulses.time_ns(first)), first, width),
            progress.carry.pending,
        )
        candidates = merged(photons, dark).within(progress.at, window.end)
        clicks, progress.carry = resolve(rng, candidates, reception, progress.carry, (progress.at, stop))
        room = max(MOST_RECORDS - progress.records, 0)
        progress.lost += max(clicks.index.size - room, 0)
        progress.records += min(clicks.index.size, room)
        progress.found.append(Candidates(clicks.index[:room], clicks.detector[:room]))
        progress.at = stop


def _level(reception: Reception) -> int:
    """Width of this state's windows as a power of two: room for about as many candidates as numpy likes."""
    wanted = _CANDIDATES_PER_WINDOW / max(reception.candidates_per_pulse, 2.0**-_WIDEST)
    return min(max(floor(log2(wanted)), 0), _WIDEST)


def _counted(found: list[Candidates], detectors: int) -> npt.NDArray[np.int64]:
    counts = np.zeros(detectors, dtype=np.int64)
    for part in found:
        counts += np.bincount(part.detector, minlength=detectors)
    return counts
