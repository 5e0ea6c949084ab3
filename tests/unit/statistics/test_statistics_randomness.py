"""Tests of randomness against the worked examples of NIST SP 800-22 Rev. 1a, and against keys that are not random.

Short sequences: sections 2.1.4 to 2.13.8. Long ones: appendix B, the first million binary digits of e, which are computed here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from hil.errors import UsageError
from hil.seeds import stream
from hil.statistics import randomness

Bits = npt.NDArray[np.uint8]

HUNDRED = "1100100100001111110110101010001000100001011010001100001000110100110001001100011001100010100010111000"
LEAST_P = 1e-6


def bits(text: str) -> Bits:
    return np.array([int(one) for one in text], dtype=np.uint8)


def random_bits(count: int) -> Bits:
    return stream(1, "randomness").integers(0, 2, count, dtype=np.uint8)


@pytest.fixture(scope="module")
def digits_of_e() -> Bits:
    """10.1011..., by the sum of 1/k! with binary splitting; a million bits take 89,000 terms and a bit."""

    def split(low: int, high: int) -> tuple[int, int]:
        if high - low == 1:
            return 1, high
        middle = (low + high) // 2
        (p_low, q_low), (p_high, q_high) = split(low, middle), split(middle, high)
        return p_low * q_high + p_high, q_low * q_high

    p, q = split(0, 90_000)
    guard = 64
    number = ((p + q) << (1_000_000 - 2 + guard)) // q >> guard
    return np.unpackbits(np.frombuffer(number.to_bytes(125_000, "big"), dtype=np.uint8))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (randomness.frequency(bits("1011010101")), 0.527089),
        (randomness.frequency(bits(HUNDRED)), 0.109599),
        (randomness.block_frequency(bits("0110011010"), 3), 0.801252),
        (randomness.block_frequency(bits(HUNDRED), 10), 0.706438),
        (randomness.runs(bits("1001101011")), 0.147232),
        (randomness.runs(bits(HUNDRED)), 0.500798),
        (randomness.serial(bits("0011011101"), 3), (0.808792, 0.670320)),
        (randomness.approximate_entropy(bits("0100110101"), 3), 0.261961),
        (randomness.approximate_entropy(bits(HUNDRED), 2), 0.235301),
        (randomness.cumulative_sums(bits("1011010111"))[0], 0.4116588),
        (randomness.cumulative_sums(bits(HUNDRED)), (0.219194, 0.114866)),
    ],
    ids=str,
)
def test_the_short_examples_of_the_standard(found: object, expected: object) -> None:
    assert found == pytest.approx(expected, abs=1.1e-6)


def test_the_example_of_the_longest_run() -> None:
    """Section 2.4.8 prints 0.180609; its own counts and shares of four digits give 0.180598."""
    example = (
        "11001100000101010110110001001100111000000000001001"
        "00110101010001000100111101011010000000110101111100"
        "1100111001101101100010110010"
    )
    assert randomness.longest_run(bits(example)) == pytest.approx(0.180609, abs=2e-5)


@pytest.mark.slow
def test_a_million_digits_of_e(digits_of_e: Bits) -> None:
    """Appendix B, table of e: block length 128, patterns of 16 and 10; section 2.5.8 for the rank of the first 100,000."""
    e = digits_of_e
    found = [
        randomness.frequency(e),
        randomness.block_frequency(e, 128),
        *randomness.cumulative_sums(e),
        randomness.runs(e),
        randomness.longest_run(e),
        randomness.matrix_rank(e),
        randomness.spectral(e),
        randomness.approximate_entropy(e, 10),
        randomness.serial(e, 16)[0],
        randomness.matrix_rank(e[:100_000]),
    ]
    table = [0.953749, 0.211072, 0.669887, 0.724266, 0.561917, 0.718945, 0.306156, 0.847187, 0.700073, 0.766182, 0.532069]
    assert found == pytest.approx(table, abs=2e-6)


def test_random_bits_pass() -> None:
    """Chance of a false alarm: eleven tests at 1e-6."""
    assert min(randomness.p_values(random_bits(100_000)).values()) > LEAST_P


def _biased() -> Bits:
    return (stream(2, "biased").random(100_000) < 0.51).astype(np.uint8)


def _repeated() -> Bits:
    return np.tile(random_bits(256), 400)


def _sticky() -> Bits:
    """A bit equals the one before with 0.52."""
    same = stream(3, "sticky").random(100_000) < 0.52
    return (np.cumsum(~same) & 1).astype(np.uint8)


def _low_rank() -> Bits:
    """Every 32nd row of 32 bits is the sum of the two before: a linear relation that frequencies do not show."""
    rows = random_bits(102_400).reshape(-1, 32)
    rows[31::32] = rows[30::32] ^ rows[29::32]
    return rows.reshape(-1)


@pytest.mark.parametrize(
    ("flawed", "caught_by"),
    [
        (_biased, {"frequency", "cumulative sums, forward", "cumulative sums, backward"}),
        (_repeated, {"spectral", "serial, first", "approximate entropy", "matrix rank"}),
        (_sticky, {"runs"}),
        (_low_rank, {"matrix rank"}),
        (lambda: np.zeros(100_000, dtype=np.uint8), {"frequency", "runs", "longest run", "spectral"}),
    ],
    ids=["2 % biased", "one key again and again", "sticky", "linear", "all zero"],
)
def test_what_is_not_random_is_caught(flawed: object, caught_by: set[str]) -> None:
    assert callable(flawed)
    found = randomness.p_values(flawed())
    assert caught_by <= {name for name, p in found.items() if p < LEAST_P}


def test_too_few_bits_are_refused() -> None:
    with pytest.raises(UsageError, match="38,912 or more"):
        randomness.p_values(random_bits(38_911))
    with pytest.raises(UsageError, match="128 or more"):
        randomness.longest_run(random_bits(127))
