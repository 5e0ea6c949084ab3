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
_NEVER = (1 << 63) - 1
_ROOM = 64
_A11, _A9, _A7, _A5, _A3 = 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0


@kernel
def decide(
    main: Queue,
    few: Queue,
    span: tuple[int, int],
    rules: tuple[Indices, Reals, tuple[int, int], bool],
    traps: tuple[Words, Reals, Reals, tuple[int, int, int]],
    memory: tuple[Indices, Indices],
) -> tuple[Indices, Small, Phases, int, Queue]:
    """Go through candidates in order of time up to a horizon, ``span`` being (base, horizon in ticks).

    ``main`` and ``few`` are time, detector and mark. ``rules`` are dead time, recovery time (or empty), (gap, reset time) of
    latching, and whether what is not seen prolongs the dead time. ``traps`` are, by family, the largest probability as a word,
    probabilities and decay times by detector, and (least step of time, ticks of the gate, slots from gate to gate).
    ``memory`` holds each detector's last event and the end of its silence, and is updated.

    Returns index, detector and phase of each click, how many of ``main`` were before the horizon, and what is to come of the
    others.
    """
    base, horizon = span
    rule = (rules, traps[0], memory)
    queue, head, tail = few, 0, few[0].size
    mains = main[0].size
    out = _clicks(mains + mains // 32 + tail + _ROOM)
    i, found = 0, 0
    while True:
        early = queue[0][head] if head < tail else horizon
        room = out[0].size - found
        reached = i
        i, found, parent = _run(main, (i, min(mains, i + room)), min(early, horizon - 1), rule, (base, found), out)
        if parent >= 0:
            queue, head, tail = _leave(main, parent, base, (rules[0], traps), (queue, head, tail))
        elif head < tail and early < horizon and room > i - reached:
            head, found, parent = _run(queue, (head, head + 1), early, rule, (base, found), out)
            if parent >= 0:
                queue, head, tail = _leave(queue, parent, base, (rules[0], traps), (queue, head, tail))
        elif room == i - reached:
            out = _more_clicks(out)
        else:
            break
    rest = queue[0][head:tail], queue[1][head:tail], queue[2][head:tail]
    return out[0][:found], out[1][:found], out[2][:found], i, rest


@kernel
def _run(
    source: Queue,
    part: tuple[int, int],
    until: int,
    rule: tuple[tuple[Indices, Reals, tuple[int, int], bool], Words, tuple[Indices, Indices]],
    reached: tuple[int, int],
    out: tuple[Indices, Small, Phases],
) -> tuple[int, int, int]:
    """Candidates number ``part[0]`` to ``part[1]`` up to a time, or to the first that may leave afterpulses.

    ``reached`` is base and how many clicks there were. Returns how far it came, how many clicks there are, and the number of
    the one that may leave afterpulses, or -1. No array takes another's place in here, which would have references counted.
    """
    times, detectors, marks = source
    i, end = part
    base, found = reached
    (blind, recovery, latching, paralysable), most, (last, silent) = rule
    latch_gap, latch_reset = latching
    index, detector, phase = out
    special = paralysable or recovery.size > 0 or latch_gap > 0
    every, some = most.size > 1, most[0] if most.size == 1 else np.uint64(0)
    while i < end:
        t, d, mark = times[i], detectors[i], marks[i]
        if t > until:
            break
        i += 1
        before = last[d]
        gap = t - before
        clicks = gap > blind[d]
        if special:
            if paralysable and not clicks:
                before = t
            clicks = clicks and t >= silent[d]
            if clicks and recovery.size > 0 and recovery[d] > 0.0:
                clicks = _uniform(scramble(mark ^ _LUCK)) < 1.0 - exp(-(gap - blind[d]) / recovery[d])
            if clicks and gap < latch_gap:
                silent[d] = t + latch_reset
        # a select where a branch would be foretold wrong too often
        last[d] = t if clicks else before
        index[found] = base + (t >> 16)
        detector[found] = d
        phase[found] = t & 65535
        found += clicks
        if (every or mark < some) and clicks:
            return i, found, i - 1
    return i, found, -1


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
    source: Queue,
    parent: int,
    base: int,
    how: tuple[Indices, tuple[Words, Reals, Reals, tuple[int, int, int]]],
    waiting: tuple[Queue, int, int],
) -> tuple[Queue, int, int]:
    """Put the afterpulses of a click in their places; ``waiting`` is a queue, its head and its tail."""
    blind, traps = how
    most, probability, decay, gate = traps
    least, gate_ticks, gate_every = gate
    queue, head, tail = waiting
    t, d, mark = source[0][parent], source[1][parent], source[2][parent]
    for family in range(most.size):
        luck = mark if family == 0 else scramble(mark ^ (_FAMILY * np.uint64(family)))
        if luck >= most[family] or _uniform(luck) >= probability[family, d]:
            continue
        wait = _negative_log(scramble(luck ^ _DELAY)) * decay[family, d]
        time = t + (np.int64(wait / least) + 1) * least + blind[d]
        if gate_ticks:
            if abs((time & 65535) - 32768) * 2 > gate_ticks or ((time >> 16) + base) % gate_every != 0:
                continue
        if tail == queue[0].size:
            queue, head, tail = _roomier(queue, head, tail)
        _insert(queue, head, tail, (time, d, scramble(luck ^ _CHILD)))
        tail += 1
    return queue, head, tail


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
def _roomier(queue: Queue, head: int, tail: int) -> tuple[Queue, int, int]:
    """The same queue with as much room behind it as it is long."""
    size = tail - head
    room = 2 * size + _ROOM
    times, detectors, marks = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint8), np.empty(room, dtype=np.uint64)
    times[:size], detectors[:size], marks[:size] = queue[0][head:tail], queue[1][head:tail], queue[2][head:tail]
    return (times, detectors, marks), 0, size


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
