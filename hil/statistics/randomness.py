"""Whether bits look random: ten tests of NIST SP 800-22 Rev. 1a (2010), each of which gives p-values.

They are a sanity check. They find a stuck, biased or repeating key; that all of them pass proves nothing about secrecy, and any
good pseudorandom generator passes. Left out of the standard's fifteen: template matching, Maurer's universal test, linear
complexity and random excursions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]

__all__ = [
    "FEWEST_BITS",
    "approximate_entropy",
    "block_frequency",
    "cumulative_sums",
    "frequency",
    "longest_run",
    "matrix_rank",
    "p_values",
    "runs",
    "serial",
    "spectral",
]

FEWEST_BITS = 38_912
"""Below this the rank test has fewer than the 38 matrices that section 2.5.7 asks for."""

_RUN_TABLES = (
    (750_000, 10_000, 10, (0.0882, 0.2092, 0.2483, 0.1933, 0.1208, 0.0675, 0.0727)),
    (6_272, 128, 4, (0.1174, 0.2430, 0.2493, 0.1752, 0.1027, 0.1124)),
    (128, 8, 1, (0.2148, 0.3672, 0.2305, 0.1875)),
)
"""Section 2.4.4 and 3.4: fewest bits, block length, longest run of the first class, share of each class."""
_SIDE = 32


def p_values(bits: Bits) -> dict[str, float]:
    """All of them for bits of shape (n,), by name; UsageError for fewer than :data:`FEWEST_BITS`.

    The lengths of blocks and patterns are those of the standard's own examples, less where n asks for it (2.11.7, 2.12.7).
    """
    if bits.size < FEWEST_BITS:
        raise UsageError(f"{bits.size} bits; the tests of randomness take {FEWEST_BITS:,} or more")
    pattern = min(16, int(math.log2(bits.size)) - 3)
    first, second = serial(bits, pattern)
    forward, backward = cumulative_sums(bits)
    return {
        "frequency": frequency(bits),
        "block frequency": block_frequency(bits, max(128, bits.size // 99)),
        "runs": runs(bits),
        "longest run": longest_run(bits),
        "matrix rank": matrix_rank(bits),
        "spectral": spectral(bits),
        "serial, first": first,
        "serial, second": second,
        "approximate entropy": approximate_entropy(bits, min(10, int(math.log2(bits.size)) - 6)),
        "cumulative sums, forward": forward,
        "cumulative sums, backward": backward,
    }


def frequency(bits: Bits) -> float:
    """As many ones as zeros (section 2.1)."""
    return math.erfc(abs(2 * int(bits.sum()) - bits.size) / math.sqrt(2.0 * bits.size))


def block_frequency(bits: Bits, length: int) -> float:
    """The same in every block of that length (section 2.2)."""
    blocks = _blocks(bits, length)
    chi_squared = 4.0 * length * float(((blocks.mean(axis=1) - 0.5) ** 2).sum())
    return _upper(len(blocks) / 2.0, chi_squared / 2.0)


def runs(bits: Bits) -> float:
    """As many changes as there should be (section 2.3); 0 where the frequency is off already."""
    ones, n = float(bits.mean()), bits.size
    if abs(ones - 0.5) >= 2.0 / math.sqrt(n):
        return 0.0
    spread = ones * (1.0 - ones)
    changes = 1 + int(np.count_nonzero(bits[1:] != bits[:-1]))
    return math.erfc(abs(changes - 2.0 * n * spread) / (2.0 * math.sqrt(2.0 * n) * spread))


def longest_run(bits: Bits) -> float:
    """The longest run of ones of each block (section 2.4); UsageError for fewer than 128 bits."""
    table = next((one for one in _RUN_TABLES if bits.size >= one[0]), None)
    if table is None:
        raise UsageError(f"{bits.size} bits; the test of the longest run takes 128 or more")
    _, length, least, shares = table
    blocks = _blocks(bits, length)
    current = np.zeros(len(blocks), dtype=np.int64)
    longest = current.copy()
    for column in blocks.T:
        current = (current + 1) * column
        np.maximum(longest, current, out=longest)
    found = np.bincount(np.clip(longest - least, 0, len(shares) - 1), minlength=len(shares))
    return _chi_squared(found, np.array(shares))


def matrix_rank(bits: Bits) -> float:
    """Rank over GF(2) of matrices of 32 by 32 (section 2.5)."""
    matrices = _blocks(bits, _SIDE * _SIDE).reshape(-1, _SIDE, _SIDE)
    rows = np.packbits(matrices, axis=2).view(">u4").reshape(-1, _SIDE).astype(np.uint32)
    ranks = _ranks(rows)
    full = math.prod(1.0 - 2.0**-power for power in range(1, _SIDE + 1))
    less = 2.0 * full * (1.0 - 2.0**-_SIDE)  # section 3.5, its products written out for the full rank and one less
    shares = np.array([full, less, 1.0 - full - less])
    found = np.array([np.count_nonzero(ranks == _SIDE), np.count_nonzero(ranks == _SIDE - 1), 0])
    found[2] = len(ranks) - found.sum()
    return _chi_squared(found, shares)


def spectral(bits: Bits) -> float:
    """No more peaks of the Fourier transform than there should be (section 2.6)."""
    from scipy import fft

    n = bits.size
    height = np.abs(fft.rfft(2.0 * bits - 1.0))[: n // 2]
    below = int(np.count_nonzero(height < math.sqrt(n * math.log(1.0 / 0.05))))
    return math.erfc(abs(below - 0.95 * n / 2.0) / math.sqrt(n * 0.95 * 0.05 / 4.0) / math.sqrt(2.0))


def serial(bits: Bits, length: int) -> tuple[float, float]:
    """All patterns of that length are as common (section 2.11): both p-values."""
    of_m, of_one_less, of_two_less = (_psi_squared(bits, length - less) for less in range(3))
    first = _upper(2.0 ** (length - 2), (of_m - of_one_less) / 2.0)
    return first, _upper(2.0 ** (length - 3), (of_m - 2.0 * of_one_less + of_two_less) / 2.0)


def approximate_entropy(bits: Bits, length: int) -> float:
    """Patterns of that length against those one longer (section 2.12)."""
    per_bit = _entropy(bits, length) - _entropy(bits, length + 1)
    return _upper(2.0 ** (length - 1), bits.size * (math.log(2.0) - per_bit))


def cumulative_sums(bits: Bits) -> tuple[float, float]:
    """How far a walk of steps +1 and -1 strays (section 2.13), from the front and from the back."""
    steps = 2 * bits.astype(np.int64) - 1
    return _strays(int(np.abs(steps.cumsum()).max()), bits.size), _strays(int(np.abs(steps[::-1].cumsum()).max()), bits.size)


def _strays(furthest: int, n: int) -> float:
    from scipy.special import ndtr

    ratio, root = n / furthest, math.sqrt(n)
    inner = np.arange(math.trunc((-ratio + 1.0) / 4.0), math.trunc((ratio - 1.0) / 4.0) + 1)
    outer = np.arange(math.trunc((-ratio - 3.0) / 4.0), math.trunc((ratio - 1.0) / 4.0) + 1)

    def between(places: npt.NDArray[np.int64], high: int, low: int) -> float:
        return float((ndtr((4 * places + high) * furthest / root) - ndtr((4 * places + low) * furthest / root)).sum())

    return min(1.0, max(0.0, 1.0 - between(inner, 1, -1) + between(outer, 3, 1)))


def _blocks(bits: Bits, length: int) -> Bits:
    return bits[: bits.size - bits.size % length].reshape(-1, length)


def _patterns(bits: Bits, length: int) -> npt.NDArray[np.int64]:
    """How often each pattern of that length stands in the bits taken as a ring."""
    ring = np.concatenate([bits, bits[: length - 1]])
    number = np.zeros(bits.size, dtype=np.int64)
    for place in range(length):
        number = number << 1 | ring[place : place + bits.size]
    return np.bincount(number, minlength=1 << length)


def _psi_squared(bits: Bits, length: int) -> float:
    if length <= 0:
        return 0.0
    found = _patterns(bits, length).astype(np.float64)
    return float((found**2).sum()) * 2.0**length / bits.size - bits.size


def _entropy(bits: Bits, length: int) -> float:
    """Sum of p ln p over the patterns of that length; 0 for none."""
    if length == 0:
        return 0.0
    share = _patterns(bits, length) / bits.size
    there = share[share > 0.0]
    return float((there * np.log(there)).sum())


def _ranks(rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Rank of each matrix, a row of bits to a number: elimination in all of them at once."""
    free = np.ones(rows.shape, dtype=bool)
    each = np.arange(len(rows))
    for bit in range(_SIDE):
        having = (rows >> np.uint32(bit) & np.uint32(1)).astype(bool)
        candidates = having & free
        there = candidates.any(axis=1)
        pivot = candidates.argmax(axis=1)
        row = np.where(there, rows[each, pivot], np.uint32(0))
        having[each, pivot] = False
        rows = np.where(having, rows ^ row[:, None], rows)
        free[each[there], pivot[there]] = False
    ranks: npt.NDArray[np.int64] = np.count_nonzero(~free, axis=1)
    return ranks


def _chi_squared(found: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]) -> float:
    expected = shares * int(found.sum())
    return _upper((len(shares) - 1) / 2.0, float(((found - expected) ** 2 / expected).sum()) / 2.0)


def _upper(a: float, x: float) -> float:
    """The standard's igamc: upper incomplete gamma function over the complete one."""
    from scipy.special import gammaincc

    return float(gammaincc(a, max(x, 0.0)))
