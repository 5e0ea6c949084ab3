"""Counters that roll over, followed from look to look: against counts that never did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers._unrolled import Unrolled

STEPS = st.lists(st.tuples(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1)), min_size=1, max_size=40)
FASTEST_HZ = 1e6
LOOK_NS = 1_000_000_000


@pytest.mark.parametrize("bits", [24, 32, 63])
@given(steps=STEPS, start=st.integers(0, 2**70))
def test_differences_are_those_of_counters_without_end(bits: int, steps: list[tuple[int, int]], start: int) -> None:
    """Whatever they stood at, as long as no look is further than one turn from the last."""
    counting, true = Unrolled(FASTEST_HZ), (start, start + 1)
    found = [counting.take([each % 2**bits for each in true], 0, bits)]
    for number, step in enumerate(steps, 1):
        true = (true[0] + step[0], true[1] + step[1])
        found.append(counting.take([each % 2**bits for each in true], number * LOOK_NS, bits))
        assert tuple(new - old for new, old in zip(found[-1].counts, found[-2].counts, strict=True)) == step
    assert found[-1].gaps == 0


def test_a_width_that_comes_and_goes_changes_no_difference() -> None:
    counting = Unrolled(FASTEST_HZ)
    true = 2**40 + 12345
    first = counting.take([true], 0, 64)
    for number, bits in enumerate((32, 32, 64, 64), 1):
        look = counting.take([(true + 1000 * number) % 2**bits], number * LOOK_NS, bits)
        assert look.counts[0] - first.counts[0] == 1000 * number
    assert look.gaps == 0


def test_a_look_after_a_whole_turn_is_a_gap() -> None:
    """2 ** 24 counts take 16.8 s at a million a second: after 16 s nothing can be hidden, after 17 s it can."""
    counting = Unrolled(FASTEST_HZ)
    counting.take([5], 0, 24)
    assert counting.take([7], 16 * LOOK_NS, 24).gaps == 0
    assert counting.take([9], 33 * LOOK_NS, 24).gaps == 1


def test_a_device_that_restarted_is_a_gap_and_counts_from_zero() -> None:
    counting = Unrolled(FASTEST_HZ)
    counting.take([1000, 1000], 10 * LOOK_NS, 64)
    look = counting.take([3, 0], LOOK_NS, 64)
    assert (look.counts, look.gaps) == ((3, 0), 1)
    assert counting.take([2, 0], 2 * LOOK_NS, 64).gaps == 2  # no counter of 64 bits is full by itself
