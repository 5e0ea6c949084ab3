"""What is kept of a block's clicks, worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import AuthenticationError
from hil.pipeline.bits import pack, pack_numbers, pack_steps, unpack, unpack_numbers, unpack_steps
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Bases
from hil.pipeline.sifting import Events, answer_bases, detected_events, sift_with_answer
from hil.ports.detections import DetectionRecords, DetectorRole, Preparations, ReceiverDeclaration
from hil.seeds import stream

RECEIVER = ReceiverDeclaration(
    (DetectorRole("z0", 0, 0), DetectorRole("z1", 0, 1), DetectorRole("x0", 1, 0), DetectorRole("x1", 1, 1)),
    "passive",
    50e-9,
)
Z0, Z1, X0, X1 = range(4)


def clicks(*clicks: tuple[int, int], receiver: ReceiverDeclaration = RECEIVER, seed: int = 1) -> Events:
    """Events of a block from pulse 1000 on, out of (pulse, detector), at 1 GHz."""
    index, detector = zip(*clicks, strict=True) if clicks else ((), ())
    records = DetectionRecords(1000, 9000, np.array(index, dtype=np.int64), np.array(detector, dtype=np.uint8), 8e-6)
    return detected_events(records, receiver, 1e9, SeededEntropy(seed))


def kept(events: Events) -> list[tuple[int, int, int]]:
    """(pulse, basis, bit) of each."""
    return list(zip(events.index.tolist(), events.basis.tolist(), events.bit.tolist(), strict=True))


def test_each_detector_means_its_basis_and_bit() -> None:
    events = clicks((2000, Z0), (3000, Z1), (4000, X0), (5000, X1))
    assert kept(events) == [(2000, 0, 0), (3000, 0, 1), (4000, 1, 0), (5000, 1, 1)]


def test_what_comes_within_the_dead_time_of_any_click_is_dropped() -> None:
    """50 ns are 50 pulses: the 50th after a click is dropped, the 51st kept, whichever detector; dropped clicks blind too."""
    events = clicks((2000, Z0), (2050, X1), (2101, Z1), (2152, Z0), (2160, Z1), (2210, Z0))
    assert [pulse for pulse, _, _ in kept(events)] == [2000, 2101, 2152]
    assert (events.clicks, events.dead) == (6, 3)


def test_the_first_dead_time_of_a_block_is_dropped_as_nobody_knows_what_clicked_before() -> None:
    assert kept(clicks((1000, Z0), (1050, Z0))) == []
    assert [pulse for pulse, _, _ in kept(clicks((1050, Z1)))] == [1050]


def test_a_receiver_with_separate_dead_times_drops_nothing() -> None:
    events = clicks((2000, Z0), (2001, X1), receiver=replace(RECEIVER, common_dead_time=False))
    assert len(kept(events)) == 2


def test_two_clicks_of_one_basis_become_a_random_bit() -> None:
    """Both values come, and neither too often: 400 fair coins stay within 5 sigma of 200."""
    events = clicks(*((pulse, detector) for pulse in range(2000, 42000, 100) for detector in (Z0, Z1)))
    assert events.doubled == 400
    assert set(events.basis.tolist()) == {0}
    assert 150 <= int(events.bit.sum()) <= 250


def test_random_bits_follow_the_entropy_that_is_given() -> None:
    pulses = [(pulse, detector) for pulse in range(2000, 9000, 100) for detector in (X0, X1)]
    assert kept(clicks(*pulses, seed=1)) == kept(clicks(*pulses, seed=1)) != kept(clicks(*pulses, seed=2))


def test_clicks_in_both_bases_drop_the_pulse() -> None:
    events = clicks((2000, Z0), (2000, X1), (3000, Z1))
    assert kept(events) == [(3000, 0, 1)]
    assert (events.crossed, events.doubled) == (1, 0)


def test_two_clicks_of_one_detector_are_one_event() -> None:
    events = clicks((2000, Z1), (2000, Z1))
    assert kept(events) == [(2000, 0, 1)]
    assert events.doubled == 0


def test_the_announcement_says_index_and_basis_and_never_the_bit() -> None:
    """The same events with all bits turned over are announced in the same bytes."""
    events = clicks((2000, Z0), (3000, X1), (4000, Z1))
    assert events.announcement() == replace(events, bit=1 - events.bit).announcement()


def prepared(*settings: tuple[int, int, int]) -> Preparations:
    """(basis, bit, intensity) of each."""
    basis, bit, intensity = (np.array(values, dtype=np.uint8) for values in zip(*settings, strict=True))
    return Preparations(basis, bit, intensity)


def test_both_keep_the_same_positions_and_count_the_test_errors() -> None:
    """Five events: key basis right and wrong, other basis, test basis right and wrong."""
    events = clicks((2000, Z0), (3000, Z1), (4000, X0), (5000, X1), (6000, X0))
    asked: list[int] = []

    def prepare(index: npt.NDArray[np.int64]) -> Preparations:
        asked.extend(index.tolist())
        return prepared((0, 0, 0), (0, 0, 1), (0, 1, 2), (1, 1, 1), (1, 1, 2))

    answer, alice = answer_bases(events.announcement(), prepare, 3)
    bob = sift_with_answer(events, answer, 3)
    assert asked == [2000, 3000, 4000, 5000, 6000]
    assert (alice.key_bits.tolist(), bob.key_bits.tolist()) == ([0, 0], [0, 1])
    assert alice.key == bob.key == (1, 1, 0)
    assert alice.test == bob.test == (0, 1, 1)
    assert (alice.test_errors, bob.test_errors) == (None, (0, 0, 1))


def test_alices_answer_holds_no_bit_of_the_key_basis() -> None:
    """Her bits of the key basis turned over, the answer is the same."""
    events = clicks((2000, Z0), (3000, Z1), (4000, X0))
    one, _ = answer_bases(events.announcement(), lambda _: prepared((0, 0, 0), (0, 1, 1), (1, 1, 1)), 3)
    other, _ = answer_bases(events.announcement(), lambda _: prepared((0, 1, 0), (0, 0, 1), (1, 1, 1)), 3)
    assert one == other


def test_no_clicks_sift_to_nothing() -> None:
    events = clicks()
    nothing = np.empty(0, dtype=np.uint8)
    answer, alice = answer_bases(events.announcement(), lambda _: Preparations(nothing, nothing, nothing), 3)
    bob = sift_with_answer(events, answer, 3)
    assert alice.key == bob.key == alice.test == bob.test == (0, 0, 0)


@pytest.mark.parametrize(
    "answer", [Bases(b"", b"", b""), Bases(b"\x80", b"", b""), Bases(b"\x80", b"\xc0", b""), Bases(b"\x80", b"\x40", b"\x80")]
)
def test_an_answer_that_does_not_fit_is_refused(answer: Bases) -> None:
    """Of no length, without intensity, with a fourth intensity, with a test bit for a key event."""
    with pytest.raises(AuthenticationError):
        sift_with_answer(clicks((2000, Z0)), answer, 3)


@given(st.lists(st.integers(0, 2**40), max_size=60).map(sorted), st.integers(0, 50))
def test_indices_survive_the_wire(index: list[int], first: int) -> None:
    values = np.array(index, dtype=np.int64) + first
    width, steps = pack_steps(values, first)
    assert unpack_steps(steps, width, values.size, first).tolist() == values.tolist()


@given(st.integers(1, 16).flatmap(lambda below: st.tuples(st.just(below), st.lists(st.integers(0, below - 1), max_size=40))))
def test_numbers_and_bits_survive_the_wire(case: tuple[int, list[int]]) -> None:
    below, values = case
    numbers = np.array(values, dtype=np.uint8)
    packed = pack_numbers(numbers, below)
    assert len(packed) == -(-len(values) // (4 if below <= 4 else 2))
    assert unpack_numbers(packed, numbers.size, below).tolist() == values
    assert unpack(pack(numbers % np.uint8(2)), numbers.size).tolist() == [value & 1 for value in values]


@pytest.mark.parametrize(
    ("data", "width", "count", "first"),
    [
        (b"\x07\x80", 3, 1, 0),
        (b"\x80", 8, 2, 0),
        (b"\x07\x80", 8, 2, 0),
        (b"\x07\xc0", 8, 1, 0),
        (b"\x07\x80\x00", 8, 1, 0),
        (b"\x07\x80", 8, 1, -1),
        (b"\x07\x80", 8, -1, 0),
        (bytes(7) + bytes(40) + b"\x01", 56, 1, 0),
        (b"", 64, 0, 0),
    ],
    ids=["width", "low bits missing", "one missing", "one more", "bytes more", "first", "count", "beyond", "too wide"],
)
def test_indices_that_cannot_be_are_refused(data: bytes, width: int, count: int, first: int) -> None:
    with pytest.raises(AuthenticationError):
        unpack_steps(data, width, count, first)


@given(st.sampled_from([0, 4, 8, 12, 16, 20, 28, 32, 40]), st.lists(st.floats(0.0, 8.0), min_size=1, max_size=50))
def test_steps_of_any_size_survive_the_wire(power: int, times: list[float]) -> None:
    """Every number of low bits comes up."""
    index = np.cumsum(np.array([int(one * 2**power) for one in times], dtype=np.int64))
    width, data = pack_steps(index, 0)
    assert unpack_steps(data, width, index.size, 0).tolist() == index.tolist()


@pytest.mark.parametrize("mean", [80.0, 363.0, 3_300.0, 33_000.0])
def test_an_announced_index_takes_little_more_than_its_entropy(mean: float) -> None:
    """A sixth more at most than log2(e m) bits, the entropy of exponential steps of mean m (C. E. Shannon, 1948, section 20).

    Rice's code with the best number of low bits takes a few hundredths more there; four at a time cost the rest. From 10 dB
    (dead times of 50 pulses) to 40 dB; whole bytes, two a step, would be 60 % more at 20 dB.
    """
    steps = stream(2, "rice", round(mean)).exponential(mean, 100_000).astype(np.int64) + 1
    _, data = pack_steps(np.cumsum(steps), 0)
    assert 0.99 < 8 * len(data) / steps.size / math.log2(math.e * mean) < 7 / 6
