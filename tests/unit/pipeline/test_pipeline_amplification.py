"""Toeplitz hashing, bit for bit against ways that share nothing with an FFT."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.pipeline import amplification
from hil.pipeline.amplification import amplify, seed_bits
from hil.seeds import stream

Bits = npt.NDArray[np.uint8]


def drawn(length: int, output: int, seed: int = 1) -> tuple[Bits, Bits]:
    rng = stream(seed, "toeplitz", length, output)
    return rng.integers(0, 2, length, dtype=np.uint8), rng.integers(0, 2, seed_bits(length, output), dtype=np.uint8)


def by_matrix(bits: Bits, seed: Bits, output: int) -> list[int]:
    """The whole matrix, constant along its diagonals, times the bits."""
    n = bits.size
    matrix = np.array([[seed[row - column + n - 1] for column in range(n)] for row in range(output)], dtype=np.int64)
    return [int(value) for value in (matrix.reshape(output, n) @ bits) % 2]


def rows_by_integers(bits: Bits, seed: Bits, rows: list[int]) -> list[int]:
    """Single rows: the parity of a bitwise and of two big integers."""
    forward = int.from_bytes(np.packbits(bits).tobytes(), "big")
    backward = (int.from_bytes(np.packbits(seed[row : row + bits.size][::-1]).tobytes(), "big") for row in rows)
    return [(each & forward).bit_count() & 1 for each in backward]


@pytest.mark.parametrize(("length", "output"), [(1, 1), (2, 1), (7, 3), (64, 64), (65, 1), (100, 37), (300, 299)])
def test_equals_the_matrix_product(length: int, output: int) -> None:
    bits, seed = drawn(length, output)
    assert amplify(bits, seed, output).tolist() == by_matrix(bits, seed, output)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 150), st.floats(0.0, 1.0), st.integers(0, 10))
def test_splitting_changes_no_bit(length: int, share: float, seed: int) -> None:
    """With pieces of 16 bits instead of four million."""
    output = max(1, int(share * length))
    bits, matrix = drawn(length, output, seed)
    whole = amplify(bits, matrix, output)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(amplification, "_CHUNK", 16)
        assert amplify(bits, matrix, output).tolist() == whole.tolist() == by_matrix(bits, matrix, output)


def test_equals_big_integers_at_a_million() -> None:
    """Rows at both ends and two hundred between, at a length that is no round number."""
    length, output = 1_000_003, 400_001
    bits, seed = drawn(length, output)
    rows = [0, 1, output - 1, *stream(2, "rows").integers(0, output, 200).tolist()]
    assert amplify(bits, seed, output)[rows].tolist() == rows_by_integers(bits, seed, rows)


@pytest.mark.slow
def test_ten_million_bits_are_exact_where_single_precision_is_not() -> None:
    """The same convolution in float32 gets bits wrong at this length, which is why it is not used."""
    from scipy import fft

    length, output = 10_000_000, 2_000_000
    bits, seed = drawn(length, output)
    exact = amplify(bits, seed, output)
    rows = [0, output - 1, *stream(2, "rows").integers(0, output, 4).tolist()]
    assert exact[rows].tolist() == rows_by_integers(bits, seed, rows)
    size = fft.next_fast_len(seed.size, real=True)
    spectrum = fft.rfft(seed.astype(np.float32), size) * fft.rfft(bits.astype(np.float32), size)
    single = np.rint(fft.irfft(spectrum, size)[length - 1 : length - 1 + output]).astype(np.int64) & 1
    assert spectrum.dtype == np.complex64
    assert int((single != exact).sum()) > output // 100


def test_a_product_between_whole_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tolerance below zero even an exact product counts as off."""
    monkeypatch.setattr(amplification, "_FAR_FROM_WHOLE", -1.0)
    bits, seed = drawn(100, 10)
    with pytest.raises(ArithmeticError, match="nothing may be released"):
        amplify(bits, seed, 10)


def test_no_output_is_no_bits() -> None:
    bits, _ = drawn(10, 1)
    assert amplify(bits, np.empty(0, dtype=np.uint8), 0).size == 0


@pytest.mark.parametrize(("output", "seed_size"), [(11, 20), (5, 13), (5, 15), (-1, 0)])
def test_sizes_that_do_not_fit_are_refused(output: int, seed_size: int) -> None:
    with pytest.raises(UsageError):
        amplify(np.zeros(10, dtype=np.uint8), np.zeros(seed_size, dtype=np.uint8), output)
