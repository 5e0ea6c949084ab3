"""Cascade in lockstep: words against bits counted one by one, what it discloses, and what Alice refuses."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from hil.errors import AuthenticationError
from hil.pipeline.conversation import Conversation
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Ask, Blocks, Corrected, Frames, Halves
from hil.pipeline.reasons import NoKeyError
from hil.pipeline.reconciliation import lockstep
from hil.pipeline.reconciliation.bitframes import SUBSETS, BitFrames
from hil.pipeline.reconciliation.lockstep import answer, correct, plan
from hil.pipeline.stepping import run_pair
from hil.seeds import stream

if TYPE_CHECKING:
    from hil.pipeline.party import Party

pytest.importorskip("numba")

Bits = npt.NDArray[np.uint8]


def key(length: int) -> Bits:
    return stream(1, "lockstep", length).integers(0, 2, length, dtype=np.uint8)


def run(alice: Bits, bob: Bits, qber: float) -> tuple[Bits, int, int]:
    """Bob's bits afterwards, Alice's parities, and messages of both."""
    ends = Conversation("a"), Conversation("b")

    def bobs() -> Party[Bits]:
        corrected, _ = yield from correct(ends[1], bob, qber, SeededEntropy(1))
        yield from ends[1].send(Corrected((0, 0, 0)))
        return corrected

    (_, disclosed), corrected = run_pair(answer(ends[0], alice), bobs())
    return corrected, disclosed.by_alice, len(ends[0].sent) + len(ends[1].sent)


@pytest.mark.parametrize(("qber", "most"), [(0.01, 1.143), (0.02, 1.159), (0.05, 1.185), (0.08, 1.218)])
def test_discloses_no_more_than_published_programs(qber: float, most: float) -> None:
    """cascade-cpp's original Cascade at 1e4 bits, as measured in its own process: f; and few messages for two million bits."""
    alice = key(2_000_000)
    bob = alice ^ (stream(1, "errors").random(alice.size) < qber).astype(np.uint8)
    corrected, disclosed, messages = run(alice, bob, qber)
    assert np.array_equal(corrected, alice)
    wrong = float((alice != bob).mean())
    assert 1.0 < disclosed / (alice.size * (-wrong * math.log2(wrong) - (1 - wrong) * math.log2(1 - wrong))) < most
    assert messages < 1000


@pytest.mark.parametrize(("length", "log2"), [(1, 8), (256, 8), (300, 9), (5000, 13), (70_001, 10)])
def test_words_hold_the_bits_of_the_key(length: int, log2: int) -> None:
    """Blocks of two passes and subsets, against sums over single bits; and the key comes out as it went in."""
    bits, told = key(length), Frames(log2, (16, 4), bytes(range(16)))
    own, n = BitFrames(bits, told), 1 << log2
    assert np.array_equal(own.key(), bits)
    frames = np.zeros((own.count, n), dtype=np.uint8)
    padded = np.zeros(own.count * own.length, dtype=np.uint8)
    padded[:length] = bits
    frames[:, : own.length] = padded.reshape(own.count, -1)
    for number, blocks in enumerate(told.blocks):
        told_blocks = own.told_blocks(number)
        parities = np.unpackbits(own.begin_pass(), count=own.count * told_blocks).reshape(own.count, told_blocks)
        expected = frames[:, own.orders[number]].reshape(own.count, blocks, -1).sum(axis=2) & 1
        assert np.array_equal(parities, expected[:, :told_blocks])
        assert sorted(own.orders[number].tolist()) == list(range(n))
        assert own.orders[number][own.inverses[number]].tolist() == list(range(n))
    masks = np.unpackbits(own.masks.view(np.uint8), axis=1, bitorder="little")
    for group, subset in ((0, 0), (0, 17), (own.groups - 1, SUBSETS - 1)):
        part = frames[64 * group : 64 * group + 64]
        expected_parity = int((part & masks[subset : subset + len(part)]).sum()) & 1
        assert own.subsets()[group, subset] == expected_parity


def test_errors_that_no_block_shows_are_found_by_subsets() -> None:
    """A whole frame wrong, and the same two bits in every frame: even in every block; of one frame and of 130."""
    for length in (64, 130 * 16_384):
        alice = key(length)
        everywhere = alice.copy()
        everywhere.reshape(-1, min(length, 16_384))[:, :2] ^= 1
        assert np.array_equal(run(alice, everywhere, 0.02)[0], alice)
    alice = key(100)
    assert np.array_equal(run(alice, 1 - alice, 0.11)[0], alice)


def numbers(*values: int) -> bytes:
    return np.array(values, dtype="<u4").tobytes()


GOOD = Frames(9, (16, 4), bytes(16))
ASK = Ask(0, 1, numbers(1), bitmap=False)
ALL = (GOOD, Blocks(), Blocks(), Blocks())


@pytest.mark.parametrize(
    "said",
    [
        (Blocks(),),
        (ASK,),
        (GOOD, GOOD),
        (GOOD, ASK),
        (Frames(31, (2,), bytes(16)),),
        (Frames(7, (2,), bytes(16)),),
        (Frames(9, (), bytes(16)),),
        (Frames(9, (2,) * 9, bytes(16)),),
        (Frames(9, (3,), bytes(16)),),
        (Frames(9, (1,), bytes(16)),),
        (Frames(9, (512,), bytes(16)),),
        (Frames(9, (2,), b"short"),),
        (*ALL, Blocks()),
        (GOOD, Blocks(), Ask(1, 1, numbers(1), bitmap=False)),
        (GOOD, Blocks(), Ask(-1, 1, numbers(1), bitmap=False)),
        (GOOD, Blocks(), Blocks(), Ask(2, 1, numbers(1), bitmap=False)),
        (GOOD, Blocks(), Ask(0, 1, numbers(13), bitmap=False)),
        (GOOD, Blocks(), Ask(0, 1, numbers(2**32 - 1), bitmap=False)),
        (GOOD, Blocks(), Ask(0, 2, numbers(1), bitmap=False)),
        (GOOD, Blocks(), Ask(0, 0, b"", bitmap=False)),
        (GOOD, Blocks(), Ask(0, 1, b"123", bitmap=False)),
        (GOOD, Blocks(), Ask(0, 1, b"\x80", bitmap=True)),
        (GOOD, Blocks(), Ask(0, 2, b"\x80\x00", bitmap=True)),
        (GOOD, Blocks(), ASK, Halves(b"")),
        (*ALL, Ask(2, 1, numbers(SUBSETS), bitmap=False)),
        (*ALL, Ask(3, 1, numbers(0), bitmap=False)),
    ],
    ids=lambda said: " ".join(type(one).__name__ for one in said),
)
def test_alice_refuses_requests_that_cannot_be(said: tuple[Ask | Blocks | Frames | Halves, ...]) -> None:
    """Of 400 bits in one frame: 13 blocks of 32 in the first pass."""
    ends = Conversation("a"), Conversation("b")

    def forged() -> Party[None]:
        for message in said:
            yield from ends[1].send(message)

    with pytest.raises(AuthenticationError):
        run_pair(answer(ends[0], np.zeros(400, dtype=np.uint8)), forged())


def test_alice_does_not_answer_for_ever() -> None:
    ends = Conversation("a"), Conversation("b")

    def forged() -> Party[None]:
        for message in (GOOD, Blocks(), *[ASK, *[Halves(b"\x80")] * 4] * 1000):
            yield from ends[1].send(message)

    with pytest.raises(NoKeyError, match="error correction gave up"):
        run_pair(answer(ends[0], np.zeros(400, dtype=np.uint8)), forged())


@pytest.mark.parametrize("bits", [1, 257, 70_000, 10_000_000])
@pytest.mark.parametrize("qber", [0.0, 0.02, 0.5])
def test_a_plan_is_one_that_alice_takes(bits: int, qber: float) -> None:
    """Blocks grow from pass to pass, and frames are no longer than they need be."""
    told = plan(bits, qber)
    lockstep._check(Frames(told.log2, told.blocks, bytes(16)), bits)
    assert all(one >= other for one, other in pairwise(told.blocks))
    assert 1 << told.log2 <= max(256, 2 * bits)
