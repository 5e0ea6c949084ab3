"""Privacy amplification against the same product by one plain FFT convolution in double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy
from scipy import fft

from hil.pipeline.amplification import amplify, seed_bits
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]


def plain(bits: Bits, seed: Bits, output: int) -> Bits:
    """The shortest cyclic convolution that holds the product, as one would write it with scipy."""
    size = fft.next_fast_len(seed.size, real=True)
    counts = fft.irfft(fft.rfft(seed.astype(np.float64), size) * fft.rfft(bits.astype(np.float64), size), size)
    whole: Bits = (np.rint(counts[bits.size - 1 : bits.size - 1 + output]).astype(np.int64) & 1).astype(np.uint8)
    return whole


@pytest.mark.parametrize(("length", "name"), [(1_000_000, "1e6"), (10_000_000, "1e7")])
def test_toeplitz(figure: Any, seconds: Callable[..., list[float]], length: int, name: str) -> None:
    """Half as many bits out as in, both exact."""
    rng = stream(1, "benchmark", length)
    bits = rng.integers(0, 2, length, dtype=np.uint8)
    seed = rng.integers(0, 2, seed_bits(length, length // 2), dtype=np.uint8)
    rounds = 5 if length < 5_000_000 else 3
    ours = seconds(lambda: amplify(bits, seed, length // 2), rounds=rounds)
    theirs = seconds(lambda: plain(bits, seed, length // 2), rounds=rounds)
    assert np.array_equal(amplify(bits, seed, length // 2), plain(bits, seed, length // 2))
    figure(
        f"toeplitz.vs_scipy.{name}",
        [length / taken / 1e6 for taken in ours],
        "Mbit/s in",
        peer=f"scipy {scipy.__version__} fft, float64",
        peer_runs=[length / taken / 1e6 for taken in theirs],
    )
