"""Toeplitz hashing, bit for bit against ways that share nothing with an FFT."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.pipeline import toeplitz
from hil.pipeline.amplification import amplify, seed_bits
from hil.pipeline.toeplitz import by_carryless_words, by_fft, has_carryless_words
from hil.seeds import stream

Bits = npt.NDArray[np.uint8]

carryless = pytest.mark.skipif(not has_carryless_words(), reason="numba or carry-less multiplication is not to be had here")


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
    whole = by_fft(bits, matrix, output)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toeplitz, "_CHUNK", 16)
        assert by_fft(bits, matrix, output).tolist() == whole.tolist() == by_matrix(bits, matrix, output)


@carryless
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.floats(0.0, 1.0), st.integers(0, 10))
def test_words_without_carry_equal_the_matrix_product(length: int, share: float, seed: int) -> None:
    output = max(1, int(share * length))
    bits, matrix = drawn(length, output, seed)
    assert by_carryless_words(bits, matrix, output).tolist() == by_matrix(bits, matrix, output)


@carryless
@pytest.mark.parametrize(
    ("length", "output"), [(3_000, 2_999), (20_000, 130), (20_000, 9_999), (70_001, 35_000), (70_001, 70_001)]
)
def test_both_ways_give_the_same_bits(length: int, output: int) -> None:
    """Sizes that halve, pad and tile in different ways."""
    bits, seed = drawn(length, output)
    assert np.array_equal(by_carryless_words(bits, seed, output), by_fft(bits, seed, output))


@carryless
def test_one_bit_of_input_or_seed_tells() -> None:
    """A column of the matrix: what the product changes by when one bit does."""
    length, output = 10_000, 5_000
    bits, seed = drawn(length, output)
    before = by_carryless_words(bits, seed, output)
    for place in (0, 63, 64, 4_999, length - 1):
        flipped = bits.copy()
        flipped[place] ^= 1
        column = seed[length - 1 - place : length - 1 - place + output]
        assert np.array_equal(by_carryless_words(flipped, seed, output) ^ before, column)


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
    monkeypatch.setattr(toeplitz, "_FAR_FROM_WHOLE", -1.0)
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
