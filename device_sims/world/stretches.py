"""Clicks of a long time as a stream, one window after the other, on one or several processes with the same result.

Each process takes a stretch of windows and begins it with idle detectors. What they would have remembered matters only until
the detectors' states coincide, as a rule within the first window: up to there the stretch is gone through again with the
right state.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING

from .windows import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from .sampler import Candidates
    from .scene import Scene
    from .windows import Progress

__all__ = ["clicks"]

_WINDOWS = 32
"""Windows in a stretch: the first of them is gone through twice."""


@dataclass(frozen=True)
class _Stretch:
    """Pulses ``first`` to ``end`` of a walk."""

    first: int
    end: int

    def taken(self, walk: Walk) -> list[tuple[Candidates, Progress]]:
        """Its steps as they are with idle detectors."""
        return list(walk.steps(walk.at(self.first), self.end, whole=True))


def clicks(scene: Scene, seed: int, span: tuple[int, int], workers: int = 1) -> Iterator[Candidates]:
    """Clicks of the pulses ``span[0]`` to ``span[1]``, of a window each, in order of time; they do not depend on ``workers``.

    Nothing but the present window is held with one worker, and two stretches of windows for each of more. The scene must not
    change before the last one is taken.
    """
    first, end = span
    walk = Walk(scene, seed, first)
    if workers == 1:
        for found, _ in walk.steps(walk.beginning(), end, whole=False):
            yield found
        return
    stretches = _stretches(walk, end)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(walk,)) as pool:
        progress = walk.beginning()
        ahead: deque[tuple[_Stretch, Future[list[tuple[Candidates, Progress]]]]] = deque()
        for stretch in islice(stretches, 2 * workers):
            ahead.append((stretch, pool.submit(_take, stretch)))
        while ahead:
            stretch, future = ahead.popleft()
            for found, reached in _corrected(walk, progress, stretch, future.result()):
                progress = reached
                yield found
            for following in islice(stretches, 1):
                ahead.append((following, pool.submit(_take, following)))
    for found, _ in walk.steps(progress, end, whole=False):
        yield found


def _stretches(walk: Walk, end: int) -> Iterator[_Stretch]:
    """The whole windows up to ``end``, some at a time."""
    at, edges = walk.first, walk.edges(walk.first, end)
    while some := list(islice(edges, _WINDOWS)):
        if some[-1] < end:
            yield _Stretch(at, some[-1])
            at = some[-1]


def _corrected(
    walk: Walk, progress: Progress, stretch: _Stretch, taken: list[tuple[Candidates, Progress]]
) -> Iterator[tuple[Candidates, Progress]]:
    """The steps of a stretch as they are with what the detectors remember from before."""
    again = walk.steps(progress, stretch.end, whole=True)
    for number, (_, idle) in enumerate(taken):
        found, progress = next(again)
        yield found, progress
        if progress.carry.same(idle.carry):
            yield from taken[number + 1 :]
            return


_WALK: list[Walk] = []


def _begin(walk: Walk) -> None:
    """Keep the walk that this process takes part in."""
    _WALK[:] = [walk]


def _take(stretch: _Stretch) -> list[tuple[Candidates, Progress]]:
    return stretch.taken(_WALK[0])
