"""Privacy amplification: a random Toeplitz matrix over GF(2), two-universal (H. Krawczyk, CRYPTO '94), exact to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.errors import UsageError
from hil.pipeline.toeplitz import by_carryless_words, by_fft, has_carryless_words

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["amplify", "seed_bits"]

_WORTH_COMPILING = 1 << 18
"""Input bits below which loading a compiler takes longer than the FFT does."""


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
    if output == 0:
        return np.zeros(0, dtype=np.uint8)
    if length >= _WORTH_COMPILING and has_carryless_words():
        return by_carryless_words(bits, seed, output)
    return by_fft(bits, seed, output)
