"""Synchronisation of a receiver with tags: from ticks of its own clock to pulse indices that both parties count alike.

::

    Alice  BlockPulses     what her count was when the block began and ended
    Bob    Stretches       period and phase are found from the tags alone; he asks for short stretches spread over the block
    Alice  Brightness      intensities of the pulses in them; neither party uses these pulses for anything else
    Bob    Synchronised    each stretch says by how many pulses his count is off; what he takes out of the block

Where two neighbouring stretches disagree the path or a clock has jumped in between, and the clicks between them are dropped. A
stretch that shows nothing near the expected offset is searched widely; where that finds nothing either there is no
synchronisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError, SynchronisationError, UsageError
from hil.pipeline.bits import pack_numbers, unpack_numbers
from hil.pipeline.messages import BlockPulses, Brightness, Stretches, Synchronised
from hil.pipeline.pulse_offset import brightness_weights, find_offset, needed_score
from hil.pipeline.pulse_track import track_pulses
from hil.pipeline.reasons import NoKeyError, Reason
from hil.ports.detections import DetectionRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy.typing as npt

    from hil.pipeline._session import Session
    from hil.pipeline.party import Request
    from hil.pipeline.pulse_track import PulseTrack
    from hil.pipeline.settings import DistillSettings
    from hil.ports.detections import Preparations, TagRecords, TagTiming

    Prepare = Callable[[npt.NDArray[np.int64]], Preparations]

__all__ = ["SEARCH_S", "BobTiming", "TimedRecords", "disclose_brightness"]

SEARCH_S = 12e-3
"""How far the two parties' ideas of when a block began may lie apart, fibre included."""

_MOST_STRETCHES = 8
_LONGEST_STRETCH = 1 << 24
_CLICKS = 320
"""Clicks wanted in a stretch: with a signal and two decoys they score about 80, where 40 are beyond chance."""
_SHARE = 0.05
_NEAR = 64
_AROUND = 1 << 14
_FALSE_ALARM = 1e-10
_LARGEST_INDEX = 1 << 61


@dataclass(frozen=True)
class TimedRecords:
    """Records with the pulse index of each click, and which of them count (bool, shape (n,); None: all)."""

    records: DetectionRecords
    usable: npt.NDArray[np.bool_] | None


@dataclass(frozen=True)
class _Clock:
    """Pulse ``index`` (with its fraction) came at ``tick``; from there on they come ``1 + offset`` times as fast as nominal."""

    tick: int
    index: Fraction
    offset: float

    def index_at(self, tick: int, periods_per_tick: Fraction) -> int:
        cycles = (tick - self.tick) * periods_per_tick
        return round(self.index + cycles + Fraction(self.offset) * cycles)


class BobTiming:
    """Lives as long as the link: what it found in one block is where it looks in the next."""

    def __init__(self, settings: DistillSettings, timing: TagTiming) -> None:
        self._source = settings.source
        self._timing = timing
        self._rate = _exact_rate(settings.source.pulse_rate_hz)
        self._known: _Clock | None = None

    def steps(self, session: Session, records: TagRecords) -> Generator[Request, bytes | None, TimedRecords]:
        """Synchronise one block; NoKeyError when that cannot be done."""
        told = yield from session.talk.receive(BlockPulses)
        if not 0 <= told.first <= told.end < _LARGEST_INDEX:
            raise AuthenticationError(f"a block from pulse {told.first} to {told.end}")
        try:
            track = self._track(records)
            inside = np.abs(track.off_centre) <= self._timing.window_s * float(self._rate) / 2.0
            background = _background(inside, self._timing.window_s * float(self._rate))
            stretches = self._wanted(track, inside, told, records)
            yield from session.talk.send(stretches)
            answer = yield from session.talk.receive(Brightness)
            offsets = self._offsets(track.pulse[inside], stretches, answer, self._expected(told, records), background)
        except SynchronisationError as error:
            raise NoKeyError(Reason.NO_SYNCHRONISATION, f"no synchronisation: {error}") from None
        timed, account = self._assigned(records, track, inside, told, (stretches, offsets))
        yield from session.talk.send(account)
        session.account.synchronised = account
        session.account.disclosed_pulses = len(stretches.starts) * stretches.length
        return timed

    def _track(self, records: TagRecords) -> PulseTrack:
        if records.clock.tick_s != self._timing.tick_s:
            raise SynchronisationError(f"tags of {records.clock.tick_s} s a tick where {self._timing.tick_s} s are declared")
        return track_pulses(records.ticks, records.first, self._rate * records.clock.tick_s)

    def _expected(self, told: BlockPulses, records: TagRecords) -> int:
        """Index of the pulse at the block's first tick, as the last block has it, or as Alice says."""
        if self._known is None:
            return told.first
        return self._known.index_at(records.first, self._rate * records.clock.tick_s)

    def _wanted(self, track: PulseTrack, inside: npt.NDArray[np.bool_], told: BlockPulses, records: TagRecords) -> Stretches:
        """As many stretches as the clicks can spare, spread over what both parties have of the block for sure."""
        clicks = int(np.count_nonzero(inside))
        pulses = int(track.pulse[-1] - track.pulse[0]) + 1
        length = min(-(-_CLICKS * pulses // clicks), pulses, told.end - told.first, _LONGEST_STRETCH)
        number = max(1, min(_MOST_STRETCHES, int(_SHARE * clicks / _CLICKS)))
        expected = self._expected(told, records)
        margin = round(SEARCH_S * float(self._rate)) if self._known is None else _AROUND
        first = max(told.first, min(expected + int(track.pulse[0]), told.end - length) + margin)
        last = min(told.end, expected + int(track.pulse[-1]) - margin) - length
        if number == 1 or last - first < number * length:
            middle = max(told.first, told.end - length) if last < told.first else max((first + last) // 2, told.first)
            starts = [min(max((told.first + told.end - length) // 2, told.first), middle)]
        else:
            starts = np.linspace(first, last, number).astype(np.int64).tolist()
        return Stretches(tuple(int(start) for start in starts), length)

    def _offsets(
        self, clicks: npt.NDArray[np.int64], stretches: Stretches, answer: Brightness, expected: int, background: float
    ) -> list[int]:
        """What is to be added to Bob's count in each stretch; SynchronisationError when the first one shows nothing."""
        length = stretches.length
        weights = brightness_weights(self._source, background)
        intensities = unpack_numbers(answer.intensities, length * len(stretches.starts), int(weights.size))
        offsets: list[int] = []
        for number, start in enumerate(stretches.starts):
            pattern = weights[intensities[number * length : (number + 1) * length]]
            found = self._offset(clicks, pattern, (offsets[-1] if offsets else expected) - start)
            offsets.append(found + start)
        return offsets

    def _offset(self, clicks: npt.NDArray[np.int64], pattern: npt.NDArray[np.float32], near: int) -> int:
        wide = round(SEARCH_S * float(self._rate))
        for reach in (_NEAR, _AROUND, wide):
            needed = needed_score(2 * reach + 1, _FALSE_ALARM)
            found = find_offset(clicks, pattern, near, reach, needed)
            if found.score > needed:
                return found.offset
        raise SynchronisationError(
            f"clicks have a period but follow the brightness of the sent pulses at no offset up to {wide:,} pulses: the best "
            f"scores {found.score:.0f} where more than {needed:.0f} are beyond chance. Expected clicks of this transmitter's "
            "light; check that both ends mean the same block, or make the block longer"
        )

    def _assigned(
        self,
        records: TagRecords,
        track: PulseTrack,
        inside: npt.NDArray[np.bool_],
        told: BlockPulses,
        found: tuple[Stretches, list[int]],
    ) -> tuple[TimedRecords, Synchronised]:
        """Pulse indices, and what of the block counts."""
        stretches, offsets = found
        index = track.pulse + offsets[0]
        assigned = np.ones(index.size, dtype=np.bool_)
        spans = list(zip(stretches.starts, offsets, strict=True))
        for (start, before), (following, after) in pairwise(spans):
            if before != after:
                low, high = np.searchsorted(track.pulse, [start - before, following + stretches.length - after])
                assigned[low:high] = False
                index[high:] += after - before
        disclosed = np.zeros(index.size, dtype=np.bool_)
        for start, offset in spans:
            low, high = np.searchsorted(track.pulse, [start - offset, start + stretches.length - offset])
            disclosed[low:high] = True
        assigned &= (index >= told.first) & (index < told.end)  # of other blocks, intensities may have been told
        if offsets[0] != offsets[-1]:
            assigned &= index >= np.maximum.accumulate(np.where(assigned, index, -1))
        usable = inside & assigned & ~disclosed
        ppt = self._rate * records.clock.tick_s
        length = records.end - records.first
        exact_end = length * ppt * (1 + Fraction(track.rate_offset)) + Fraction(track.start_phase) + offsets[-1]
        self._known = _Clock(records.end, exact_end, track.end_offset)
        account = Synchronised(
            rate_ppm=(1.0 / (1.0 + track.rate_offset) - 1.0) * 1e6,
            delay_ns=(told.first - offsets[0] - track.start_phase) / float(self._rate) * 1e9,
            outside=int(np.count_nonzero(~inside)),
            unassigned=int(np.count_nonzero(inside & ~assigned)),
            disclosed=int(np.count_nonzero(inside & assigned & disclosed)),
        )
        first = offsets[0]
        timed = DetectionRecords(
            first, first + round(length * ppt), index, records.detector, records.live_s, records.sequence, records.lost
        )
        return TimedRecords(timed, usable), account


def _exact_rate(rate_hz: float) -> Fraction:
    """The decimal number that was declared."""
    return Fraction(repr(rate_hz))


def _background(inside: npt.NDArray[np.bool_], window_periods: float) -> float:
    """Share of the clicks in the window that come at any time, from how many lie outside; a little at least."""
    outside = float(np.count_nonzero(~inside)) / max(1.0 - window_periods, 1e-3)
    return min(max(outside * window_periods / max(float(np.count_nonzero(inside)), 1.0), 0.02), 0.9)


def disclose_brightness(session: Session, prepare: Prepare, intensities: int) -> Generator[Request, bytes | None, Prepare]:
    """Alice's side: tell what Bob asks for; what she is then asked about pulses, with those she told refused.

    Her source has that many intensities. She tells those of pulses of this block only: the next block's are still to be sent.
    """
    if session.account.context.pulses is None:
        raise UsageError("a receiver with tags takes Alice's own count of pulses: BlockContext.pulses")
    first, end = session.account.context.pulses
    yield from session.talk.send(BlockPulses(first, end))
    asked = yield from session.talk.receive(Stretches)
    starts = asked.starts
    total = len(starts) * asked.length
    if not (0 < len(starts) <= _MOST_STRETCHES and 0 < asked.length <= _LONGEST_STRETCH):
        raise AuthenticationError(f"{len(starts)} stretches of {asked.length} pulses were asked for")
    apart = all(after - before >= asked.length for before, after in pairwise(starts))
    if not apart or starts[0] < first or starts[-1] + asked.length > end:
        raise AuthenticationError("stretches that overlap, or reach beyond the block")
    pulses = (np.array(starts, dtype=np.int64)[:, None] + np.arange(asked.length)).ravel()
    yield from session.talk.send(Brightness(pack_numbers(prepare(pulses).intensity, intensities)))
    told = yield from session.talk.receive(Synchronised)
    if min(told.outside, told.unassigned, told.disclosed) < 0 or not (abs(told.rate_ppm) < 1e3 and abs(told.delay_ns) < 1e12):
        raise AuthenticationError("a synchronisation that cannot be")
    session.account.synchronised = told
    session.account.disclosed_pulses = total

    def guarded(index: npt.NDArray[np.int64]) -> Preparations:
        stretch = np.searchsorted(np.array(starts), index, side="right") - 1
        in_stretch = (stretch >= 0) & (index - np.array(starts)[np.maximum(stretch, 0)] < asked.length)
        if in_stretch.any():
            raise AuthenticationError("an event was announced in a pulse whose intensity was told for synchronisation")
        if index.size and not first <= int(index[0]) <= int(index[-1]) < end:
            raise AuthenticationError("an event was announced in a pulse that was not sent in this block")
        return prepare(index)

    return guarded
