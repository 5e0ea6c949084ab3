"""Loops over candidates, compiled: the same draws and the same arithmetic as the vector operations of :mod:`.vectors`.

Inner loops over a short stretch do one thing each and read no array that they write under another type, so that the compiler
turns them into vector instructions. What becomes of the candidates is decided in :mod:`.decision`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import kernel

from .draws import FIRST, FRACTION_BITS, LN2, NORMAL_BINS, NORMAL_OCTAVES, SECOND, SQRT_HALF_BITS

if TYPE_CHECKING:
    import numpy.typing as npt

    Indices = npt.NDArray[np.int64]
    Reals = npt.NDArray[np.float64]
    Words = npt.NDArray[np.uint64]
    Small = npt.NDArray[np.uint8]

__all__ = ["arrivals", "detections", "put_in_order", "scramble", "settings", "stamps"]

_STRETCH = 1024
_FIRST, _SECOND, _GOLDEN = np.uint64(FIRST), np.uint64(SECOND), np.uint64(0x9E3779B97F4A7C15)
_S1, _S11, _S12, _S27, _S30, _S31, _S63 = (np.uint64(shift) for shift in (1, 11, 12, 27, 30, 31, 63))
_FRACTION = FRACTION_BITS
_MANTISSA = (1 << 52) - 1
_PART = (1 << 46) - 1
_NORMAL_BASE = (1023 + 53 - NORMAL_OCTAVES) * NORMAL_BINS
_UNIT = 2.0**-53
_A11, _A9, _A7, _A5, _A3 = 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0


@kernel
def scramble(z: np.uint64) -> np.uint64:
    """The finaliser of SplitMix64, see :func:`.draws.scrambled`."""
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@kernel
def arrivals(stream: Words, first: int, scale: float, span: tuple[int, int], number: int, index: Indices) -> tuple[int, int]:
    """Pulse indices of a Poisson process from ``span[0]`` behind pulse ``first`` to ``span[1]``, into ``index``.

    Distances count in 2^-24 pulses, ``scale`` is their mean. ``stream`` is the start of its lane and the step from one
    candidate to the next; ``number`` counts the candidates before. Returns how many there are and how far they came: to the
    end, unless ``index`` is full.
    """
    at, end = span
    odd = np.empty(_STRETCH, dtype=np.float64)
    odd_bits = odd.view(np.int64)
    mantissa_bits = np.empty(_STRETCH, dtype=np.int64)
    mantissa = mantissa_bits.view(np.float64)
    octave = np.empty(_STRETCH, dtype=np.float64)
    gap = np.empty(_STRETCH, dtype=np.int64)
    start, step = stream[0], stream[1]
    longest = np.float64(end)
    for done in range(0, index.size, _STRETCH):
        size = min(_STRETCH, index.size - done)
        for i in range(size):
            z = scramble(start + np.uint64(number + done + i) * step)
            odd[i] = np.float64((np.int64(z >> _S12) << 1) | 1)
        for i in range(size):
            bit = odd_bits[i] - SQRT_HALF_BITS
            octave[i] = np.float64(bit >> 52) - 53.0
            mantissa_bits[i] = (bit & _MANTISSA) + SQRT_HALF_BITS
        for i in range(size):
            z1 = mantissa[i]
            s = (z1 - 1.0) / (z1 + 1.0)
            q = s * s
            series = ((((q * _A11 + _A9) * q + _A7) * q + _A5) * q + _A3) * q + 1.0
            gap[i] = np.int64(min(-(s * 2.0 * series + octave[i] * LN2) * scale, longest))
        for i in range(size):
            at += gap[i]
            if at >= end:
                return done + i, at
            index[done + i] = first + (at >> _FRACTION)
    return index.size, at


@kernel
def detections(
    index: Indices,
    begin: int,
    sent: tuple[Words, Words, Small],
    chosen: Words,
    chance: tuple[Reals, Reals],
    varying: tuple[Reals, Reals],
    draws: tuple[Words, int, float, Reals],
    out: tuple[Indices, Indices, Small, Words],
) -> int:
    """Which proposals from number ``begin`` on are detections: number, time, detector and mark into ``out``; returns how many.

    ``sent``: the source's key and thresholds, or settings of all proposals where a pulse's hash does not say them. ``chosen``:
    the key and threshold of an active receiver, or empty. ``chance`` is cumulative over detectors, and its slope with
    misalignment; ``varying`` are misalignment and survival of each proposal, or empty. ``draws`` are those of :func:`stamps`
    behind the start of the lane of outcomes.
    """
    straight, tilt = chance
    amount, survival = varying
    number, time, detector, mark = out
    lanes, first, sigma, table = draws
    width, varies = straight.shape[1], amount.size > 0
    # one index is cheaper than two
    sums, slopes, limits = straight[:, width - 1].copy(), tilt[:, width - 1].copy(), straight.ravel()
    code = np.empty(_STRETCH, dtype=np.int64)
    word = np.empty(_STRETCH, dtype=np.uint64)
    draw = np.empty(_STRETCH, dtype=np.float64)
    kept = np.empty(_STRETCH, dtype=np.float64)
    setting = np.empty(_STRETCH, dtype=np.int64)
    found = 0
    for done in range(begin, index.size, _STRETCH):
        size = min(_STRETCH, index.size - done)
        settings(index[done : done + size], done, sent, chosen, word, code)
        for i in range(size):
            draw[i] = np.float64(np.int64(scramble(lanes[0] + np.uint64(done + i) * lanes[3]) >> _S11)) * _UNIT
        some = 0
        for i in range(size):
            s = code[i]
            total = sums[s]
            if varies:
                total = (total + amount[done + i] * slopes[s]) * survival[done + i]
            number[found + some] = done + i
            kept[some] = draw[i]
            setting[some] = s
            some += draw[i] < total
        for i in range(some):
            n, s, luck, which = number[found + i], setting[i], kept[i], 0
            if varies:
                for d in range(width - 1):
                    which += luck >= (straight[s, d] + amount[n] * tilt[s, d]) * survival[n]
            elif width == 4:
                which += luck >= limits[4 * s]
                which += luck >= limits[4 * s + 1]
                which += luck >= limits[4 * s + 2]
            else:
                for d in range(width - 1):
                    which += luck >= limits[width * s + d]
            detector[found + i] = which
        here = slice(found, found + some)
        _stamp(lanes[1:], index, number[here], first, (sigma, table), (time[here], mark[here]))
        found += some
    return found


@kernel
def settings(index: Indices, done: int, sent: tuple[Words, Words, Small], chosen: Words, word: Words, code: Indices) -> None:
    """Settings of a stretch as hashes of pulse indices, see :mod:`.source`, with the receiver's choice as their last bit."""
    key, thresholds, codes = sent
    size = index.size
    if key.size == 0:
        for i in range(size):
            code[i] = codes[done + i]
    else:
        for i in range(size):
            word[i] = scramble(scramble(np.uint64(index[i]) * _GOLDEN + key[0]) ^ key[1])
        for i in range(size):
            code[i] = np.int64(word[i] & _S1)
        for limit in thresholds:
            for i in range(size):
                code[i] += np.int64((word[i] >> _S1) >= limit) << 1
    if chosen.size:
        for i in range(size):
            z = scramble(scramble(np.uint64(index[i]) * _GOLDEN + chosen[0]) ^ chosen[1])
            code[i] = 2 * code[i] + np.int64((z >> _S1) >= chosen[2])


@kernel
def stamps(
    lanes: Words, index: Indices, number: Indices, first: int, spread: tuple[float, Reals], out: tuple[Indices, Words]
) -> None:
    """Time in ticks behind ``first``, and mark, of each detection; ``lanes`` are the starts of both lanes and the step."""
    for done in range(0, number.size, _STRETCH):
        here = slice(done, min(done + _STRETCH, number.size))
        _stamp(lanes, index, number[here], first, spread, (out[0][here], out[1][here]))


@kernel
def _stamp(
    lanes: Words, index: Indices, number: Indices, first: int, spread: tuple[float, Reals], out: tuple[Indices, Words]
) -> None:
    """The same of one stretch."""
    time, mark = out
    sigma, table = spread
    marks, jitters, step = lanes[0], lanes[1], lanes[2]
    size = number.size
    for i in range(size):
        mark[i] = scramble(marks + np.uint64(number[i]) * step)
    for i in range(size):
        time[i] = ((index[number[i]] - first) << 16) + 32768
    if sigma == 0.0:
        return
    value = np.empty(_STRETCH, dtype=np.float64)
    sign = np.empty(_STRETCH, dtype=np.float64)
    late = np.empty(_STRETCH, dtype=np.int64)
    bits = value.view(np.int64)
    for i in range(size):
        z = scramble(jitters + np.uint64(number[i]) * step)
        sign[i] = 1.0 - 2.0 * np.float64(np.int64(z >> _S63))
        value[i] = np.float64((np.int64((z << _S1) >> _S12) << 1) | 1)
    for i in range(size):
        place = max((bits[i] >> 46) - _NORMAL_BASE, 0)
        part = np.float64(bits[i] & _PART) * 2.0**-46
        low = table[place]
        deviate = (low + (table[place + 1] - low) * part) * sign[i]
        late[i] = np.int64(np.floor(deviate * sigma))
    for i in range(size):
        time[i] += late[i]


@kernel
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
