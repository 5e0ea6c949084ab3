"""Clicks of one receiver, window by window.

Windows lie on a grid of pulse indices, wide where little happens, and are cut where the bench's state changed. Their draws are
keyed by (seed, receiver, first pulse, width), so that the clicks follow from what was done when, and not from who asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import floor, log2
from typing import TYPE_CHECKING

import numpy as np

from hil.seeds import derive

from .carry import Carry
from .counted_light import SourceLight
from .draws import Draws
from .engine import pick
from .sampler import Candidates, dark_counts, joined, photo_detections, stamped
from .scene import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from .engine import Engine
    from .reception import Reception
    from .sampler import Events
    from .scene import Scene

__all__ = ["Progress", "Walk"]

_CANDIDATES_PER_WINDOW = 1 << 19
_WIDEST = 36
_COUNTED = SourceLight()


@dataclass(frozen=True)
class Progress:
    """How far a walk came: the pulse whose light is next, and what the detectors remember."""

    at: int
    carry: Carry


class Walk:
    """Goes through the windows of a scene from pulse ``first`` on; light from before it is not seen."""

    def __init__(self, scene: Scene, seed: int, first: int) -> None:
        self.scene = scene
        self.first = first
        self._seed = seed
        self._detectors = len(scene.receiver.device.detectors)

    def beginning(self) -> Progress:
        """Before anything clicked."""
        return self.at(self.first)

    def at(self, first: int) -> Progress:
        """With idle detectors at some later pulse."""
        return Progress(first, Carry.idle(self._detectors))

    def steps(self, progress: Progress, end: int, *, whole: bool) -> Iterator[tuple[Candidates, Progress]]:
        """Clicks of one window after the other up to pulse ``end``, each with how far they come.

        With ``whole``, only windows that end by then; the clicks stop short of the last ones, which jitter may still precede.
        Without, everything up to ``end``, as it is when no later light is taken into account.
        """
        while progress.at < end:
            segment = self.scene.segment_at(progress.at)
            reception = self.scene.reception(segment.number)
            if reception is None:
                at = end if segment.end is None else min(segment.end, end)
                progress = self.at(at)
                yield Candidates.none(), progress
                continue
            window, stop = self._window(segment, reception, progress.at)
            if whole and stop > end:
                return
            cut = min(stop, end)
            lead = 0 if cut == end and not whole else reception.dynamics.lead_pulses
            left = (end if segment.end is None else min(end, segment.end)) - progress.at
            engine = pick(left * reception.effort_per_pulse)
            clicks, carry = self._take(engine, reception, window, (progress.at, cut), (cut - lead, progress.carry))
            progress = Progress(cut, carry)
            yield clicks, progress

    def alone(self, engine: Engine, window: Segment) -> Candidates:
        """Clicks of any stretch of one state by itself: of detectors that are rested, with draws of its own."""
        assert window.end is not None
        reception = self.scene.reception(window.number)
        if reception is None:
            return Candidates.none()
        span, rested = (window.first, window.end), Carry.idle(self._detectors)
        return self._take(engine, reception, window, span, (window.end, rested))[0].within(*span)

    def edges(self, first: int, end: int) -> Iterator[int]:
        """Pulses at which windows begin, after ``first`` and up to ``end``, which is the last."""
        at = first
        while at < end:
            segment = self.scene.segment_at(at)
            reception = self.scene.reception(segment.number)
            stop = segment.end if reception is None else self._window(segment, reception, at)[1]
            at = end if stop is None else min(stop, end)
            yield at

    def _window(self, segment: Segment, reception: Reception, at: int) -> tuple[Segment, int]:
        """The window a pulse lies in, and where it is cut."""
        width = 1 << _level(reception)
        begin = at - at % width
        end = begin + width
        return Segment(segment.number, max(segment.first, begin), end), end if segment.end is None else min(end, segment.end)

    def _take(
        self, engine: Engine, reception: Reception, window: Segment, span: tuple[int, int], until: tuple[int, Carry]
    ) -> tuple[Candidates, Carry]:
        """Clicks before a pulse (``until``) with the light of the pulses of ``span``."""
        at, stop = span
        assert window.end is not None
        first = window.first
        light = self._light(engine, reception, window, span=span)
        dark = self._background(engine, reception, window, (first, at, stop))
        clicks, carry = engine.resolve(light, dark, dynamics=reception.dynamics, carry=until[1], span=(first, until[0]))
        # jitter may put a click before the first pulse
        return (clicks.within(self.first, until[0]) if at == self.first else clicks), carry

    def _background(self, engine: Engine, reception: Reception, window: Segment, span: tuple[int, int, int]) -> Events:
        """Dark counts, and whatever else detectors count that the transmitter did not send."""
        assert window.end is not None
        scene, name, width = self.scene, self.scene.receiver.name, window.end - window.first
        aged, dynamics = scene.dark(reception, scene.pulses.time_ns(window.first)), reception.dynamics
        steady = Draws.of(derive(self._seed, "dark", name, window.first, width))
        found = [dark_counts(engine, steady, aged.dark_per_pulse, dynamics, span)]
        for kind, most in enumerate(aged.varying_per_pulse):
            draws = Draws.of(derive(self._seed, "background", name, window.first, width, kind))
            kept = partial(scene.excess, window.number, kind)
            found.append(dark_counts(engine, draws, most, dynamics, span, kept=kept))
        return found[0] if len(found) == 1 else joined(found)

    def _light(self, engine: Engine, reception: Reception, window: Segment, *, span: tuple[int, int]) -> Events:
        assert window.end is not None
        scene, receiver = self.scene, self.scene.receiver
        key = derive(self._seed, "clicks", receiver.name, window.first, window.end - window.first)
        draws, at, stop = Draws.of(key), *span
        light = _COUNTED if scene.light is None and reception.routes is not None else scene.light
        if light is not None:
            found = light.candidates(np.random.Generator(np.random.SFC64(key)), scene, window)
            number = np.arange(*np.searchsorted(found.index, span))
            mine = Candidates(found.index, found.detector[number], found.phase)
            return stamped(engine, draws, reception.dynamics, first=window.first, proposed=mine, number=number)
        return photo_detections(
            engine,
            draws,
            (receiver, reception),
            (window.first, at, stop),
            misalignment=scene.misalignment(window.number, window.first, window.end),
            survival=_surviving(scene, reception, window),
        )


def _surviving(
    scene: Scene, reception: Reception, window: Segment
) -> float | Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]:
    """What of the proposals comes through: the channel's share, and the pulse's own intensity where that varies."""
    assert window.end is not None
    channel, source = scene.survival(window.number, window.first, window.end), scene.receiver.source
    if source is None or reception.headroom == 1.0:
        return channel

    def surviving(index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        own = source.factors(index) / reception.headroom
        return own * (channel(index) if callable(channel) else channel)

    return surviving


def _level(reception: Reception) -> int:
    """Width of this state's windows as a power of two: room for about as many candidates as a processor's cache likes."""
    wanted = _CANDIDATES_PER_WINDOW / max(reception.candidates_per_pulse, 2.0**-_WIDEST)
    return min(max(floor(log2(wanted)), 0), _WIDEST)
