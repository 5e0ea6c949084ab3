"""A receiver's counters: sampled while anybody keeps its clicks, drawn from closed forms in between."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hil.ports.detections import DetectionRecords, ReceiverCounters
from hil.seeds import stream

from .block import Block
from .cells import cells, expectations
from .expectation import draw_counts
from .listening import Listener
from .sampler import Candidates

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.ports.detections import TagRecords

    from .clocks import ReceiverClock
    from .scene import Scene

__all__ = ["Tally"]

_STEP_NS = 1_000_000_000
_LONG_NS = 3_600 * _STEP_NS


@dataclass(frozen=True)
class _Own:
    """The block that the receiver itself records: its first pulse, and when it was begun."""

    first: int
    started_ns: int


class Tally:
    """Clicks of each detector since power-up, the block that may be running, and instruments that listen.

    Between blocks the draws are keyed by the stretch of time from one look to the next: another sequence of looks gives other
    counts of the same law. Clicks of a block do not depend on looks. While an instrument listens the same clicks are sampled
    for it, for the counters and for the receiver's own block.
    """

    def __init__(self, scene: Scene, seed: int, qber_limit: float, clock: ReceiverClock | None = None) -> None:
        self._scene = scene
        self._seed = seed
        self._qber_limit = qber_limit
        self._clock = clock
        self._counts: npt.NDArray[np.int64] = np.zeros(len(scene.receiver.device.detectors), dtype=np.int64)
        self._counted_ns = 0
        self._lived = (0, 0)
        self._block: Block | None = None
        self._own: _Own | None = None
        self._listeners: dict[str, Listener] = {}
        self._sequence = 0
        self.last_block: DetectionRecords | None = None
        self.last_tags: TagRecords | None = None

    @property
    def block_running(self) -> bool:
        return self._own is not None

    def look(self, now_ns: int) -> ReceiverCounters:
        """Counts so far, and the live time, which is that with bias."""
        self._end_over(now_ns)
        if self._block is not None:
            counts = self._counts + self._block.counts(now_ns)
        else:
            self._count_until(now_ns)
            counts = self._counts
        return ReceiverCounters(tuple(int(count) for count in counts), live_s=self._lived_ns(now_ns) / 1e9)

    def tick_at(self, now_ns: int) -> int | None:
        """What the receiver's own clock reads; None where it has none."""
        return None if self._clock is None else self._clock.tick_at(now_ns)

    def ticks(self, clicks: Candidates) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Clicks as the receiver's own clock tells them, ascending, and the detector of each; it has to have one."""
        assert self._clock is not None
        ticks = self._clock.ticks(clicks.index, clicks.phases / 65536.0 - 0.5)
        order = np.argsort(ticks, kind="stable")
        return ticks[order], clicks.detector[order].astype(np.int64)

    def start(self, now_ns: int) -> int:
        """Begin a block; its first pulse index."""
        self._sample(now_ns)
        self._own = _Own(self._scene.pulses.index_at(now_ns), now_ns)
        self._sequence += 1
        self.last_block = self.last_tags = None
        return self._own.first

    def stop(self, now_ns: int) -> DetectionRecords:
        """End the block that runs."""
        self._end_over(now_ns)
        block, own = self._block, self._own
        assert block is not None
        assert own is not None
        clicks, lost, counts = block.until(now_ns, own.first)
        if own.first > block.first:
            clicks = clicks.within(own.first, self._scene.pulses.index_at(now_ns))
        self._own = None
        self._rest_if_alone(now_ns, counts)
        if self._clock is None:
            clicks, adrift = self._assigned(clicks)
            lost += adrift
        self.last_block = DetectionRecords(
            first=own.first,
            end=max(self._scene.pulses.index_at(now_ns), own.first),
            index=clicks.index,
            detector=clicks.detector,
            live_s=self._live_ns(own.started_ns, now_ns) / 1e9,
            sequence=self._sequence,
            lost=lost,
        )
        if self._clock is not None:
            # pulses stand in the middle of their slots
            phase = np.zeros(clicks.index.size) if clicks.phase is None else clicks.phase / 65536.0 - 0.5
            self.last_tags = self._clock.tags(self.last_block, own.started_ns, now_ns, phase)
        return self.last_block

    def listen(self, who: str, now_ns: int, end_ns: int | None = None) -> int:
        """Keep the clicks from now on for an instrument, until it is told to end or by itself; the first pulse index."""
        self._sample(now_ns)
        first = self._scene.pulses.index_at(now_ns)
        self._listeners[who] = Listener(first, end_ns)
        return first

    def heard(self, who: str, now_ns: int, *, last: bool = False) -> tuple[Candidates, int]:
        """Clicks that the instrument has not taken and that no other can come before any more, and the pulse they reach to.

        All there are once its time is over, or with ``last``, which ends it. Together they are what the counters gained.
        """
        self._end_over(now_ns)
        listener = self._listeners[who]
        found = listener.take_rest() if listener.over else self._taken(listener, now_ns, whole=last)
        if last:
            del self._listeners[who]
            self._rest_if_alone(now_ns)
        return found, listener.at

    def _assigned(self, clicks: Candidates) -> tuple[Candidates, int]:
        """Clicks that the electronics could assign to pulses, and how many were made while they had nothing to go by."""
        kept = np.ones(clicks.index.size, dtype=np.bool_)
        at = 0
        while at < kept.size:
            segment = self._scene.segment_at(int(clicks.index[at]))
            stop = kept.size if segment.end is None else max(int(np.searchsorted(clicks.index, segment.end)), at + 1)
            kept[at:stop] = self._scene.synchronised(segment.number)
            at = stop
        if kept.all():
            return clicks, 0
        phase = None if clicks.phase is None else clicks.phase[kept]
        return Candidates(clicks.index[kept], clicks.detector[kept], phase), int(np.count_nonzero(~kept))

    def restart(self, now_ns: int) -> None:
        """After a power-up: everything from zero, and no block."""
        if self._own is not None:
            self.stop(now_ns)
        self._end_over(now_ns)
        self._count_until(now_ns)
        self._counts = np.zeros_like(self._counts)
        if self._block is not None:  # instruments listen on
            self._counts = self._counts - self._block.counts(now_ns)
        self._lived, self._sequence = (now_ns, 0), 0
        self.last_block = self.last_tags = None

    def _sample(self, now_ns: int) -> None:
        """From now on clicks are sampled one by one."""
        self._end_over(now_ns)
        if self._block is None:
            self._count_until(now_ns)
            self._block = Block(self._scene, self._seed, now_ns)

    def _rest_if_alone(self, now_ns: int, counts: npt.NDArray[np.int64] | None = None) -> None:
        """When nobody keeps clicks any more they are no longer sampled; ``counts`` of the block up to now, where known."""
        if self._block is None or self._own is not None or not all(each.over for each in self._listeners.values()):
            return
        self._counts = self._counts + (self._block.counts(now_ns) if counts is None else counts)
        self._counted_ns = max(now_ns, self._counted_ns)
        self._block = None

    def _end_over(self, now_ns: int) -> None:
        """Those whose time is over heard what came until then, whenever they ask for it."""
        ending = [(each.end_ns, each) for each in self._listeners.values() if each.end_ns is not None and not each.over]
        for end_ns, listener in sorted((pair for pair in ending if pair[0] <= now_ns), key=lambda pair: pair[0]):
            listener.rest = self._taken(listener, end_ns, whole=True)
            listener.over = True
            self._rest_if_alone(end_ns)

    def _taken(self, listener: Listener, now_ns: int, *, whole: bool) -> Candidates:
        """Its clicks up to now, without the last ones while light that is still to come may come before them."""
        assert self._block is not None
        end = self._scene.pulses.index_at(now_ns)
        reach = max(end if whole else end - self._lead(end), listener.at)
        found = self._block.until(now_ns, listener.at)[0].within(listener.at, reach)
        listener.at = reach
        waited_for = [each.at for each in self._listeners.values() if not each.over]
        self._block.forget(min([*waited_for, *([] if self._own is None else [self._own.first])], default=reach))
        return found

    def _lead(self, end: int) -> int:
        """By how many pulses a click may come before its light."""
        reception = self._scene.reception(self._scene.segment_at(max(end - 1, 0)).number)
        return 0 if reception is None else reception.dynamics.lead_pulses

    def _count_until(self, now_ns: int) -> None:
        if now_ns <= self._counted_ns or self._block is not None:
            return
        step_ns = _STEP_NS if now_ns - self._counted_ns <= _LONG_NS else 60 * _STEP_NS
        pieces = cells(self._scene, self._counted_ns, now_ns, step_ns)
        found, which = expectations(self._scene, pieces, step_ns, self._qber_limit)
        pulses = np.bincount(which, weights=pieces.duration_s, minlength=len(found)) * self._scene.pulses.rate_hz
        mean = sum(part.clicks * amount for part, amount in zip(found, pulses, strict=True))
        variance = sum(part.clicks * part.fano * amount for part, amount in zip(found, pulses, strict=True))
        mean, variance = np.asarray(mean, dtype=np.float64), np.asarray(variance, dtype=np.float64)
        fano = np.divide(variance, mean, out=np.ones_like(mean), where=mean > 0.0)
        rng = stream(self._seed, "counters", self._scene.receiver.name, self._counted_ns, now_ns)
        self._counts = self._counts + draw_counts(rng, mean, fano)
        self._counted_ns = now_ns

    def _lived_ns(self, now_ns: int) -> int:
        """Time with bias since power-up; what was added up is kept, as looks are many and so may be states."""
        upto_ns, lived_ns = self._lived
        if now_ns > upto_ns:
            self._lived = (now_ns, lived_ns + self._live_ns(upto_ns, now_ns))
        return self._lived[1]

    def _live_ns(self, from_ns: int, to_ns: int) -> int:
        timeline, key = self._scene.timeline, (self._scene.receiver.name, "biased")
        edges = [from_ns, *timeline.changes_between(from_ns, to_ns), max(to_ns, from_ns)]
        return sum(end - start for start, end in pairwise(edges) if timeline.states[timeline.number_at(start)].get(key))
