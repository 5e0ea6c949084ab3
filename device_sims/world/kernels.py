"""Loops over candidates that pay when compiled: the same draws and the same arithmetic as :mod:`.sampler`, a number at a time.

Plain functions of arrays; :mod:`.engine` compiles them where numba is installed. Inner loops over a short stretch do one thing
each, so that the compiler turns them into vector instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .draws import FIRST, FRACTION_BITS, LN2, NORMAL_BINS, NORMAL_OCTAVES, SECOND, SQRT_HALF_BITS

if TYPE_CHECKING:
    import numpy.typing as npt

    Indices = npt.NDArray[np.int64]
    Reals = npt.NDArray[np.float64]
    Words = npt.NDArray[np.uint64]
    Small = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]

__all__ = ["arrivals", "outcomes", "put_in_order", "settings", "settle", "stamps"]

_STRETCH = 1024
_FIRST, _SECOND, _GOLDEN = np.uint64(FIRST), np.uint64(SECOND), np.uint64(0x9E3779B97F4A7C15)
_S1, _S11, _S12, _S27, _S30, _S31, _S63 = (np.uint64(shift) for shift in (1, 11, 12, 27, 30, 31, 63))
_FRACTION = FRACTION_BITS
_MANTISSA = (1 << 52) - 1
_PART = (1 << 46) - 1
_NORMAL_BASE = (1023 + 53 - NORMAL_OCTAVES) * NORMAL_BINS
_UNIT = 2.0**-53
_A11, _A9, _A7, _A5, _A3 = 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0


def arrivals(stream: Words, first: int, scale: float, span: tuple[int, int], number: int, index: Indices) -> tuple[int, int]:
    """Pulse indices of a Poisson process from ``span[0]`` behind pulse ``first`` to ``span[1]``, into ``index``.

    Distances count in 2^-24 pulses, ``scale`` is their mean. ``stream`` is the start of its lane and the step from one
    candidate to the next; ``number`` counts the candidates before. Returns how many there are and how far they came: to the
    end, unless ``index`` is full.
    """
    at, end = span
    value = np.empty(_STRETCH, dtype=np.float64)
    octave = np.empty(_STRETCH, dtype=np.float64)
    bits = value.view(np.int64)
    start, step = stream[0], stream[1]
    longest = np.float64(end)
    for done in range(0, index.size, _STRETCH):
        size = min(_STRETCH, index.size - done)
        for i in range(size):
            z = start + np.uint64(number + done + i) * step
            z = (z ^ (z >> _S30)) * _FIRST
            z = (z ^ (z >> _S27)) * _SECOND
            z = z ^ (z >> _S31)
            value[i] = np.float64((np.int64(z >> _S12) << 1) | 1)
        for i in range(size):
            bit = bits[i] - SQRT_HALF_BITS
            octave[i] = np.float64(bit >> 52) - 53.0
            bits[i] = (bit & _MANTISSA) + SQRT_HALF_BITS
        for i in range(size):
            z1 = value[i]
            s = (z1 - 1.0) / (z1 + 1.0)
            q = s * s
            series = ((((q * _A11 + _A9) * q + _A7) * q + _A5) * q + _A3) * q + 1.0
            bits[i] = np.int64(min(-(s * 2.0 * series + octave[i] * LN2) * scale, longest))
        for i in range(size):
            at += bits[i]
            if at >= end:
                return done + i, at
            index[done + i] = first + (at >> _FRACTION)
    return index.size, at


def settings(index: Indices, key: Words, thresholds: Words, setting: Small, factor: int) -> None:
    """Settings as hashes of pulse indices, see :mod:`.source`: ``setting`` times ``factor`` plus the one of this key.

    With thresholds of a source, twice as many settings and the lowest bit of the hash; with the one of a receiver's choice
    (``factor`` 2), which side of it.
    """
    word = np.empty(_STRETCH, dtype=np.uint64)
    code = np.empty(_STRETCH, dtype=np.int64)
    for done in range(0, index.size, _STRETCH):
        size = min(_STRETCH, index.size - done)
        for i in range(size):
            z = np.uint64(index[done + i]) * _GOLDEN + key[0]
            z = (z ^ (z >> _S30)) * _FIRST
            z = (z ^ (z >> _S27)) * _SECOND
            z = (z ^ (z >> _S31)) ^ key[1]
            z = (z ^ (z >> _S30)) * _FIRST
            z = (z ^ (z >> _S27)) * _SECOND
            word[i] = z ^ (z >> _S31)
        for i in range(size):
            code[i] = 0
        for limit in thresholds:
            for i in range(size):
                code[i] += (word[i] >> _S1) >= limit
        if factor == 2:
            for i in range(size):
                setting[done + i] = 2 * setting[done + i] + code[i]
        else:
            for i in range(size):
                setting[done + i] = 2 * code[i] + np.int64(word[i] & _S1)


def outcomes(
    setting: Small, chance: tuple[Reals, Reals], varying: tuple[Reals, Reals], stream: Words, seen: tuple[Indices, Small]
) -> int:
    """Which proposals are detections, and where: their numbers and detectors into ``seen``; returns how many.

    ``chance`` is cumulative over detectors and its slope with misalignment; ``varying`` are misalignment and survival of each
    proposal, or empty.
    """
    straight, tilt = chance
    amount, survival = varying
    number, detector = seen
    detectors = straight.shape[1]
    draw = np.empty(_STRETCH, dtype=np.float64)
    kept = np.empty(_STRETCH, dtype=np.float64)
    start, step = stream[0], stream[1]
    found = 0
    for done in range(0, setting.size, _STRETCH):
        size = min(_STRETCH, setting.size - done)
        for i in range(size):
            z = start + np.uint64(done + i) * step
            z = (z ^ (z >> _S30)) * _FIRST
            z = (z ^ (z >> _S27)) * _SECOND
            z = z ^ (z >> _S31)
            draw[i] = np.float64(np.int64(z >> _S11)) * _UNIT
        some = 0
        for i in range(size):
            s = setting[done + i]
            total = straight[s, detectors - 1]
            if amount.size:
                total = (total + amount[done + i] * tilt[s, detectors - 1]) * survival[done + i]
            number[found + some] = done + i
            kept[some] = draw[i]
            some += draw[i] < total
        for i in range(some):
            n = number[found + i]
            s = setting[n]
            which = 0
            for d in range(detectors - 1):
                limit = straight[s, d]
                if amount.size:
                    limit = (limit + amount[n] * tilt[s, d]) * survival[n]
                which += kept[i] >= limit
            detector[found + i] = which
        found += some
    return found


def stamps(
    stream: Words, index: Indices, number: Indices, first: int, spread: tuple[float, Reals], out: tuple[Indices, Words]
) -> None:
    """Time in ticks behind ``first``, and mark, of each detection; ``stream`` holds the starts of both lanes and the step."""
    time, mark = out
    sigma, table = spread
    marks, jitters, step = stream[0], stream[1], stream[2]
    for i in range(number.size):
        z = marks + np.uint64(number[i]) * step
        z = (z ^ (z >> _S30)) * _FIRST
        z = (z ^ (z >> _S27)) * _SECOND
        mark[i] = z ^ (z >> _S31)
        time[i] = ((index[number[i]] - first) << 16) + 32768
    if sigma == 0.0:
        return
    value = np.empty(_STRETCH, dtype=np.float64)
    sign = np.empty(_STRETCH, dtype=np.float64)
    bits = value.view(np.int64)
    for done in range(0, number.size, _STRETCH):
        size = min(_STRETCH, number.size - done)
        for i in range(size):
            z = jitters + np.uint64(number[done + i]) * step
            z = (z ^ (z >> _S30)) * _FIRST
            z = (z ^ (z >> _S27)) * _SECOND
            z = z ^ (z >> _S31)
            sign[i] = 1.0 - 2.0 * np.float64(np.int64(z >> _S63))
            value[i] = np.float64((np.int64((z << _S1) >> _S12) << 1) | 1)
        for i in range(size):
            place = max((bits[i] >> 46) - _NORMAL_BASE, 0)
            part = np.float64(bits[i] & _PART) * 2.0**-46
            low = table[place]
            deviate = (low + (table[place + 1] - low) * part) * sign[i]
            time[done + i] += np.int64(np.floor(deviate * sigma))


def put_in_order(time: Indices, detector: Small, mark: Words) -> None:
    """Sort by time, in place and stable; cheap when neighbours are hardly ever swapped."""
    for i in range(1, time.size):
        if time[i] < time[i - 1]:
            late, number, own = time[i], detector[i], mark[i]
            j = i
            while j > 0 and time[j - 1] > late:
                time[j], detector[j], mark[j] = time[j - 1], detector[j - 1], mark[j - 1]
                j -= 1
            time[j], detector[j], mark[j] = late, number, own


def settle(
    main: tuple[Indices, Small],
    extra: tuple[Indices, Small, Indices],
    rules: tuple[Indices, Reals, tuple[int, int], bool],
    chance: tuple[Reals, Reals],
    memory: tuple[Indices, Indices],
    out: tuple[Indices, Small, Flags],
) -> int:
    """Go through candidates in order of time and write down what clicks; returns how many.

    ``main`` are time and detector, ``extra`` the same with the number of the candidate without whose click it never comes
    (main first, then extra; -1: it comes anyway). ``rules`` are dead time, recovery time, (gap, reset time) of latching, and
    whether what is not seen prolongs the dead time. ``chance`` is each candidate's luck while its detector recovers, or empty.
    ``memory`` holds each detector's last event and the end of its silence, and is updated; ``out`` takes time and detector of
    each click, and whether each candidate clicked.
    """
    main_time, main_detector = main
    extra_time, extra_detector, parent = extra
    blind, recovery, latching, paralysable = rules
    latch_gap, latch_reset = latching
    main_chance, extra_chance = chance
    last, silent = memory
    time, detector, clicked = out
    mains, extras = len(main_time), len(extra_time)
    i, j, found = 0, 0, 0
    while i < mains or j < extras:
        if j == extras or (i < mains and main_time[i] <= extra_time[j]):
            t, d, event = main_time[i], main_detector[i], i
            i += 1
        else:
            t, d, event = extra_time[j], extra_detector[j], mains + j
            j += 1
            if parent[j - 1] >= 0 and not clicked[parent[j - 1]]:
                continue
        gap = t - last[d]
        if gap <= blind[d]:
            if paralysable:
                last[d] = t
            continue
        if t < silent[d]:
            continue
        if len(main_chance) + len(extra_chance) > 0 and recovery[d] > 0.0:
            luck = main_chance[event] if event < mains else extra_chance[event - mains]
            if luck >= 1.0 - np.exp(-(gap - blind[d]) / recovery[d]):
                continue
        last[d] = t
        if gap < latch_gap:
            silent[d] = t + latch_reset
        clicked[event] = True
        time[found] = t
        detector[found] = d
        found += 1
    return found
