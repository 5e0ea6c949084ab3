"""Toeplitz products over GF(2), two ways that give the same bits: carry-less multiplication, and FFT in double precision.

Row i of the matrix reads ``seed[i + n - 1], ..., seed[i]``. The FFT counts in float64; an input above 2^22 bits is split, so
that the counts stay far from where rounding could turn one (float32 gets bits wrong at 10^7), and a product that is not near
whole numbers is refused.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import available, cpu_has

if TYPE_CHECKING:
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Words = npt.NDArray[np.uint64]

__all__ = ["by_carryless_words", "by_fft", "has_carryless_words"]

_CHUNK = 1 << 22
_FAR_FROM_WHOLE = 0.125
_SMALL = 48
_MOST_BLOCKS = 4


@cache
def has_carryless_words() -> bool:
    """Whether numba is installed and the processor multiplies without carries."""
    return available() and cpu_has("pclmul")


def by_carryless_words(bits: Bits, seed: Bits, output: int) -> Bits:
    """``output`` bits of the product of an (output, n) matrix, in squares of words that halve into small ones."""
    from hil.pipeline.hankel_kernel import hankel_product

    rows, columns = -(-output // 64), -(-bits.size // 64)
    words, splits = _squares(rows, columns)
    down, across = -(-rows // words), -(-columns // words)
    s = _words(seed, (down + across) * words + 1)
    x = _mirrored(_words(bits[::-1], across * words))
    y = np.zeros(down * words, dtype=np.uint64)
    scratch = np.empty(4 * words + splits, dtype=np.uint64)
    for row in range(down):
        for column in range(across):
            part = s[(row + column) * words :][: 2 * words + 1]
            target, source = y[row * words :][:words], x[column * words :][:words]
            hankel_product(target, part, source, splits, scratch)
    return np.unpackbits(y.astype("<u8", copy=False).view(np.uint8), count=output, bitorder="little")


def by_fft(bits: Bits, seed: Bits, output: int) -> Bits:
    """The same by scipy; ArithmeticError rather than a doubtful bit."""
    result = np.zeros(output, dtype=np.uint8)
    for start in range(0, bits.size, _CHUNK):
        chunk = bits[start : start + _CHUNK]
        first = bits.size - start - chunk.size
        for top in range(0, output, _CHUNK):
            rows = min(_CHUNK, output - top)
            part = seed[first + top : first + top + chunk.size + rows - 1]
            result[top : top + rows] ^= _convolved(chunk, part, rows)
    return result


def _convolved(bits: Bits, seed: Bits, output: int) -> Bits:
    """Toeplitz product of a piece: the valid part of the convolution of bits and seed, modulo 2."""
    from scipy import fft

    size = fft.next_fast_len(seed.size, real=True)
    spectrum = fft.rfft(seed.astype(np.float64), size)
    spectrum *= fft.rfft(bits.astype(np.float64), size)
    counts = fft.irfft(spectrum, size)[bits.size - 1 : bits.size - 1 + output]
    whole = np.rint(counts)
    if float(np.abs(counts - whole).max()) > _FAR_FROM_WHOLE:
        raise ArithmeticError("a Toeplitz product came out between whole numbers; nothing may be released from it")
    return (whole.astype(np.int64) & 1).astype(np.uint8)


def _squares(rows: int, columns: int) -> tuple[int, int]:
    """Side of the squares in words, and how often it halves: the cheapest of those that tile the matrix."""
    plans = []
    for blocks in range(1, _MOST_BLOCKS + 1):
        for needed in (-(-rows // blocks), -(-columns // blocks)):
            splits = 0
            while -(-needed // (1 << splits)) > _SMALL:
                splits += 1
            small = -(-needed // (1 << splits))
            small += small % 2
            words = small << splits
            plans.append((-(-rows // words) * -(-columns // words) * 3**splits * small * small, words, splits))
    _, words, splits = min(plans)
    return words, splits


def _words(bits: Bits, count: int) -> Words:
    """Bits, the first lowest, in ``count`` words; the rest is zero."""
    words = np.zeros(count, dtype="<u8")
    packed = np.packbits(bits, bitorder="little")
    words.view(np.uint8)[: packed.size] = packed
    return words.astype(np.uint64, copy=False)


def _mirrored(words: Words) -> Words:
    """The bits of each word in reverse order."""
    table = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1], axis=1)[:, 0]
    swapped = table.take(words.view(np.uint8).reshape(-1, 8)[:, ::-1])
    return np.ascontiguousarray(swapped).view(np.uint64).reshape(-1)
