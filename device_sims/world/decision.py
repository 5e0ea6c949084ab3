"""Which candidates click, compiled: one pass in order of time, with afterpulses born on the way.

The same law as :mod:`.detectors` has with vector operations, where the afterpulses that every candidate would leave are laid
out beforehand. Here only a click leaves any.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import kernel

from .draws import CHILD, DELAY, FAMILY, LN2, LUCK, SQRT_HALF_BITS
from .kernels import scramble

if TYPE_CHECKING:
    import numpy.typing as npt

    Indices = npt.NDArray[np.int64]
    Reals = npt.NDArray[np.float64]
    Words = npt.NDArray[np.uint64]
    Small = npt.NDArray[np.uint8]
    Phases = npt.NDArray[np.uint16]
    Queue = tuple[Indices, Small, Words]

__all__ = ["decide"]

_FAMILY, _DELAY, _CHILD, _LUCK = np.uint64(FAMILY), np.uint64(DELAY), np.uint64(CHILD), np.uint64(LUCK)
_S11, _S12 = np.uint64(11), np.uint64(12)
_UNIT = 2.0**-53
_MANTISSA = (1 << 52) - 1
_ROOM = 1024
_A11, _A9, _A7, _A5, _A3 = 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0


@kernel
def decide(
    main: Queue,
    few: Queue,
    span: tuple[int, int],
    rules: tuple[Indices, Reals, tuple[Indices, Indices], bool],
    traps: tuple[Words, Reals, Reals, tuple[int, int, int]],
    memory: tuple[Indices, Indices],
) -> tuple[tuple[Indices, Small, Phases], tuple[int, int], Queue]:
    """Go through candidates in order of time up to a horizon, ``span`` being (base, horizon in ticks).

    ``main`` and ``few`` are time, detector and mark. ``rules`` are dead time, recovery time (or empty), (gap, reset time) of
    latching, and whether what is not seen prolongs the dead time. ``traps`` are, by family, the largest probability as a word,
    probabilities and decay times by detector, and (least step of time, ticks of the gate, slots from gate to gate).
    ``memory`` holds each detector's last event and the end of its silence, and is updated.

    Returns index, detector and phase of each click, how many of ``main`` and of ``few`` were before the horizon, and the
    afterpulses that come behind it.
    """
    queue, at = _roomier(few, 0, 0), (0, 0, 0, 0, 0)
    out = _clicks(main[0].size + main[0].size // 32 + few[0].size + _ROOM)
    while True:
        at, done = _go_on(main, few, queue, at, span, rules, traps, memory, out)
        i, j, found, head, tail = at
        if done:
            break
        if found == out[0].size:
            out = _more_clicks(out)
        else:
            queue, at = _roomier(queue, head, tail), (i, j, found, 0, tail - head)
    rest = queue[0][head:tail], queue[1][head:tail], queue[2][head:tail]
    return (out[0][:found], out[1][:found], out[2][:found]), (i, j), rest


@kernel
def _go_on(
    main: Queue,
    few: Queue,
    queue: Queue,
    at: tuple[int, int, int, int, int],
    span: tuple[int, int],
    rules: tuple[Indices, Reals, tuple[Indices, Indices], bool],
    traps: tuple[Words, Reals, Reals, tuple[int, int, int]],
    memory: tuple[Indices, Indices],
    out: tuple[Indices, Small, Phases],
) -> tuple[tuple[int, int, int, int, int], bool]:
    """As far as ``out`` and ``queue`` have room; whether it was all. ``at``: how far in main, few and out, the queue's ends.

    No array takes another's place in here, which would have references counted.
    """
    times, detectors, marks = main
    few_times, few_detectors, few_marks = few
    queue_times, queue_detectors, queue_marks = queue
    i, j, found, head, tail = at
    base, horizon = span
    blind, recovery, (latch_gap, latch_reset), paralysable = rules
    most = traps[0]
    last, silent = memory
    index, detector, phase = out
    mains, families = times.size, most.size
    special = paralysable or recovery.size > 0 or latch_gap.any()
    every, some = families > 1, most[0] if families == 1 else np.uint64(0)
    born = queue_times[head] if head < tail else horizon
    coming = min(few_times[j], born) if j < few_times.size else born
    while True:
        own = i < mains and times[i] <= coming
        other = not own and j < few_times.size and few_times[j] == coming
        if other and head < tail and queue_times[head] == coming:
            at_once = few_detectors[j], queue_detectors[head]
            other = at_once[0] < at_once[1] or (at_once[0] == at_once[1] and few_marks[j] <= queue_marks[head])
        if own:
            t, d, mark = times[i], detectors[i], marks[i]
        elif other:
            t, d, mark = coming, few_detectors[j], few_marks[j]
        elif head < tail:
            t, d, mark = coming, queue_detectors[head], queue_marks[head]
        else:
            return (i, j, found, head, tail), True
        if t >= horizon:
            return (i, j, found, head, tail), True
        parent = every or mark < some
        if found == index.size or (parent and tail + families > queue_times.size):
            return (i, j, found, head, tail), False
        if own:
            i += 1
        else:
            j += other
            head += not other
            born = queue_times[head] if head < tail else horizon
            coming = min(few_times[j], born) if j < few_times.size else born
        before = last[d]
        gap = t - before
        clicks = gap > blind[d]
        if special:
            if paralysable and not clicks:
                before = t
            clicks = clicks and t >= silent[d]
            if clicks and recovery.size > 0 and recovery[d] > 0.0:
                clicks = _uniform(scramble(mark ^ _LUCK)) < 1.0 - exp(-(gap - blind[d]) / recovery[d])
            if clicks and gap < latch_gap[d]:
                silent[d] = t + latch_reset[d]
        # a select where a branch would be foretold wrong too often
        last[d] = t if clicks else before
        index[found] = base + (t >> 16)
        detector[found] = d
        phase[found] = t & 65535
        found += clicks
        if parent and clicks:
            tail = _leave((t, d, mark), base, blind[d], traps, queue, (head, tail))
            coming = min(coming, queue_times[head]) if head < tail else coming


@kernel
def _clicks(room: int) -> tuple[Indices, Small, Phases]:
    return np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint8), np.empty(room, dtype=np.uint16)


@kernel
def _more_clicks(out: tuple[Indices, Small, Phases]) -> tuple[Indices, Small, Phases]:
    """The same with twice the room."""
    size = out[0].size
    more = _clicks(2 * size)
    more[0][:size], more[1][:size], more[2][:size] = out
    return more


@kernel
def _leave(
    parent: tuple[int, int, np.uint64],
    base: int,
    blind: int,
    traps: tuple[Words, Reals, Reals, tuple[int, int, int]],
    queue: Queue,
    ends: tuple[int, int],
) -> int:
    """Put the afterpulses of a click (time, detector, mark) in their places in the queue; its new end."""
    t, d, mark = parent
    most, probability, decay, (least, gate_ticks, gate_every) = traps
    head, tail = ends
    for family in range(most.size):
        luck = mark if family == 0 else scramble(mark ^ (_FAMILY * np.uint64(family)))
        if luck >= most[family] or _uniform(luck) >= probability[family, d]:
            continue
        wait = _negative_log(scramble(luck ^ _DELAY)) * decay[family, d]
        time = t + (int(wait / least) + 1) * least + blind
        if gate_ticks and (abs((time & 65535) - 32768) * 2 > gate_ticks or ((time >> 16) + base) % gate_every != 0):
            continue
        _insert(queue, head, tail, (time, d, scramble(luck ^ _CHILD)))
        tail += 1
    return tail


@kernel
def _insert(queue: Queue, head: int, tail: int, event: tuple[int, int, np.uint64]) -> None:
    """Keep the order: by time, detector, mark."""
    times, detectors, marks = queue
    time, d, mark = event
    j = tail
    while j > head:
        k = j - 1
        if times[k] < time or (times[k] == time and (detectors[k] < d or (detectors[k] == d and marks[k] <= mark))):
            break
        times[j], detectors[j], marks[j] = times[k], detectors[k], marks[k]
        j = k
    times[j], detectors[j], marks[j] = time, d, mark


@kernel
def _roomier(queue: Queue, head: int, tail: int) -> Queue:
    """What is in the queue, at the beginning of one with room behind it."""
    size = tail - head
    room = 2 * size + _ROOM
    times, detectors, marks = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint8), np.empty(room, dtype=np.uint64)
    times[:size], detectors[:size], marks[:size] = queue[0][head:tail], queue[1][head:tail], queue[2][head:tail]
    return times, detectors, marks


@kernel
def _uniform(draw: np.uint64) -> float:
    return np.float64(np.int64(draw >> _S11)) * _UNIT


@kernel
def _negative_log(draw: np.uint64) -> float:
    """As :func:`.draws.negative_log`."""
    odd = np.float64((np.int64(draw >> _S12) << 1) | 1)
    bit = np.float64(odd).view(np.int64) - SQRT_HALF_BITS
    z = np.int64((bit & _MANTISSA) + SQRT_HALF_BITS).view(np.float64)
    s = (z - 1.0) / (z + 1.0)
    q = s * s
    series = ((((q * _A11 + _A9) * q + _A7) * q + _A5) * q + _A3) * q + 1.0
    return -(s * 2.0 * series + (np.float64(bit >> 52) - 53.0) * LN2)
