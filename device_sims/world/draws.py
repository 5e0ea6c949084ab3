"""Random draws of one window by number: any of them can be had alone, in any order, in numpy or compiled code, bit for bit.

Draw ``n`` of a stream is the SplitMix64 finaliser of ``start + n * gamma`` (G. L. Steele, D. Lea, C. H. Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014); start and the odd gamma are the stream's own 128 bits. Exponential and normal
deviates are made of sums and products only, in one fixed order, because library logarithms differ between vector and scalar
code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import log
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "CHILD",
    "DELAY",
    "FAMILY",
    "FIRST",
    "FRACTION_BITS",
    "LANES",
    "LN2",
    "LUCK",
    "NORMAL_BINS",
    "NORMAL_OCTAVES",
    "SECOND",
    "SQRT_HALF_BITS",
    "Draws",
    "negative_log",
    "normal",
    "normal_table",
    "scrambled",
    "uniform",
]

FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB
FAMILY, DELAY, CHILD, LUCK = 0x8BB84B93962EACC9, 0x2D358DCCAA6C78A5, 0x4B33A62ED433D4A3, 0xD6E8FEB86659FD93
"""What a mark is mixed with to say more: luck with further traps, wait for an afterpulse, that one's mark, luck in recovery."""
LANES = 4
"""Draws of one candidate: 0 the gap before it, 1 what becomes of it, 2 its mark, 3 its jitter."""
FRACTION_BITS = 24
"""Distances from one candidate to the next count in 2^-24 pulses: whole numbers add up alike in any order."""
LN2 = log(2.0)
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
"""The square root of one half, as the bits of a 64-bit float."""
NORMAL_BINS = 64
NORMAL_OCTAVES = 34
_MANTISSA = (1 << 52) - 1
_FEW_TRANSITIONS = 24
_ALTERNATING = 0xAAAAAAAAAAAAAAAA


@dataclass(frozen=True)
class Draws:
    """One stream: ``start`` and odd ``gamma``, 64 bits each."""

    start: int
    gamma: int

    @classmethod
    def of(cls, key: int) -> Draws:
        """The stream of a 128-bit key; a gamma of too regular a bit pattern is mended as in Java's SplittableRandom."""
        gamma = (key >> 64 | 1) & (2**64 - 1)
        if (gamma ^ gamma >> 1).bit_count() < _FEW_TRANSITIONS:
            gamma ^= _ALTERNATING
        return cls(key & (2**64 - 1), gamma)

    def lane(self, lane: int, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """One draw for each candidate number: shape (n,) to shape (n,)."""
        value = numbers.astype(np.uint64)
        value *= np.uint64(self.gamma * LANES & (2**64 - 1))
        value += np.uint64((self.start + self.gamma * lane) & (2**64 - 1))
        return scrambled(value)


def scrambled(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The 64-bit finaliser of SplitMix64, in place."""
    scratch = value >> np.uint64(30)
    value ^= scratch
    value *= np.uint64(FIRST)
    np.right_shift(value, np.uint64(27), out=scratch)
    value ^= scratch
    value *= np.uint64(SECOND)
    np.right_shift(value, np.uint64(31), out=scratch)
    value ^= scratch
    return value


def uniform(draw: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Uniform in [0, 1), multiples of 2^-53."""
    return (draw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def negative_log(draw: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Standard exponential deviates, -ln of odd multiples of 2^-53, to about 1e-11.

    The mantissa z in [sqrt(1/2), sqrt(2)) gives ln z = 2 artanh((z - 1) / (z + 1)), a series of six terms.
    """
    bits = _odd(draw).view(np.int64)
    bits -= SQRT_HALF_BITS
    octave = (bits >> 52).astype(np.float64)
    bits &= _MANTISSA
    bits += SQRT_HALF_BITS
    z = bits.view(np.float64)
    s = z - 1.0
    z += 1.0
    s /= z
    square = s * s
    series = square * (1.0 / 11.0)
    for odd in (9.0, 7.0, 5.0, 3.0):
        series += 1.0 / odd
        series *= square
    series += 1.0
    s *= 2.0
    s *= series
    octave -= 53.0
    octave *= LN2
    s += octave
    return np.negative(s, out=s)


def normal(draw: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Standard normal deviates by their quantiles: exact at 64 points an octave of tail probability, linear between."""
    bits = _odd(draw << np.uint64(1)).view(np.int64)
    place = bits >> 46
    place -= _NORMAL_BASE
    part = (bits & ((1 << 46) - 1)) * 2.0**-46
    np.maximum(place, 0, out=place)
    table = normal_table()
    low = table[place]
    result: npt.NDArray[np.float64] = low + (table[place + 1] - low) * part
    return np.where(draw >> np.uint64(63), -result, result)


_NORMAL_BASE = (1023 + 53 - NORMAL_OCTAVES) * NORMAL_BINS


@cache
def normal_table() -> npt.NDArray[np.float64]:
    """Normal quantiles of half the numbers 2^-34 to 1, 64 to an octave."""
    quantile = NormalDist().inv_cdf
    steps = range(NORMAL_OCTAVES * NORMAL_BINS + 1)
    points = ((1.0 + step % NORMAL_BINS / NORMAL_BINS) * 2.0 ** (step // NORMAL_BINS - NORMAL_OCTAVES) for step in steps)
    return np.array([quantile(point / 2.0) for point in points])


def _odd(draw: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """The upper 52 bits and a one below them, as a float: odd whole numbers below 2^53."""
    whole = (draw >> np.uint64(12)).astype(np.int64)
    whole <<= 1
    whole |= 1
    return whole.astype(np.float64)
