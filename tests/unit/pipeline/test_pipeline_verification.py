"""The hash that tells whether both hold the same key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hil.errors import UsageError
from hil.pipeline.settings import KeyFate
from hil.pipeline.verification import CHECK_KEY_BYTES, agrees, check_value, collision_chance
from hil.seeds import stream


def test_equal_keys_agree() -> None:
    bits = stream(1, "bits").integers(0, 2, 10_001, dtype=np.uint8)
    key = bytes(range(32))
    assert agrees(bits.copy(), key, check_value(bits, key))


def test_every_planted_error_is_found() -> None:
    """A thousand single and double errors, anywhere."""
    rng = stream(1, "planted")
    bits = rng.integers(0, 2, 5_000, dtype=np.uint8)
    key = rng.bytes(CHECK_KEY_BYTES)
    value = check_value(bits, key)
    for number in range(1000):
        wrong = bits.copy()
        wrong[rng.integers(0, bits.size, 1 + number % 2)] ^= 1
        assert np.array_equal(wrong, bits) or not agrees(wrong, key, value)


def test_the_length_is_part_of_what_is_hashed() -> None:
    """Zeros in the last byte are not the zeros that pad it."""
    key = bytes(range(32))
    assert check_value(np.zeros(9, dtype=np.uint8), key) != check_value(np.zeros(10, dtype=np.uint8), key)


def test_collisions_are_rarer_than_any_promise() -> None:
    """For a key of 10 Mbit, far below 1e-15."""
    assert collision_chance(10_000_000) < 1e-20


def test_a_hash_key_of_another_length_is_no_key() -> None:
    bits = np.zeros(8, dtype=np.uint8)
    assert not agrees(bits, bytes(31), check_value(bits, bytes(32)))
    with pytest.raises(UsageError, match="32 are expected"):
        check_value(bits, bytes(31))


@pytest.mark.parametrize(("promised", "fate"), [(1e-29, KeyFate.RELEASED), (1e-30, KeyFate.DISCARDED)])
def test_more_than_the_hash_can_promise_gives_no_key(small: Any, promised: float, fate: KeyFate) -> None:
    """Some 9,800 bits are 78 blocks of 16 bytes: 8 * 78 / 2^106 = 7.7e-30. A promise above that is kept, one below refused."""
    link = small(replace(small().settings, epsilon_correctness=promised))
    results = link.run()
    assert {result.fate for result in results} == {fate}
    if fate is KeyFate.DISCARDED:
        assert all("above the epsilon_correctness of 1e-30" in result.report.sentence for result in results)
