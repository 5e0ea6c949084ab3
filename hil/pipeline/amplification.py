"""Privacy amplification: a random Toeplitz matrix over GF(2), multiplied by FFT, exact to the bit.

Row i of the matrix reads ``seed[i + n - 1], ..., seed[i]``, so that the product is the part of a convolution without
wrap-around. The convolution counts in float64; an input above 2^22 bits is split, so that the counts stay far from where
rounding could turn one (float32 gets bits wrong at 10^7), and a product that is not near whole numbers is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["amplify", "seed_bits"]

_CHUNK = 1 << 22
_FAR_FROM_WHOLE = 0.125


def seed_bits(length: int, output: int) -> int:
    """Random bits that name one Toeplitz matrix of this many columns and rows."""
    return length + output - 1 if length and output else 0


def amplify(bits: npt.NDArray[np.uint8], seed: npt.NDArray[np.uint8], output: int) -> npt.NDArray[np.uint8]:
    """``output`` bits of the product; UsageError unless ``bits`` has shape (n,) and ``seed`` shape (n + output - 1,)."""
    length = bits.size
    if not 0 <= output <= length:
        raise UsageError(f"a key of {length} bits cannot be amplified to {output}")
    wanted = seed_bits(length, output)
    if seed.size != wanted:
        raise UsageError(f"a Toeplitz matrix of {output} x {length} takes {wanted} seed bits; got {seed.size}")
    result = np.zeros(output, dtype=np.uint8)
    if output == 0:
        return result
    for start in range(0, length, _CHUNK):
        chunk = bits[start : start + _CHUNK]
        first = length - start - chunk.size
        for top in range(0, output, _CHUNK):
            rows = min(_CHUNK, output - top)
            part = seed[first + top : first + top + chunk.size + rows - 1]
            result[top : top + rows] ^= _product(chunk, part, rows)
    return result


def _product(bits: npt.NDArray[np.uint8], seed: npt.NDArray[np.uint8], output: int) -> npt.NDArray[np.uint8]:
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
