"""Reconciliation by parity checks between two parties: equal keys, every bit counted, and an end whatever comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import AuthenticationError
from hil.pipeline.conversation import Conversation
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Codes, Corrected, Message, More, Parities, decode
from hil.pipeline.reconciliation import choice, ldpc, ldpc_decoder
from hil.pipeline.reconciliation.ldpc_plan import Cut, checks_per_bit, plan, row_ends
from hil.pipeline.stepping import run_pair
from hil.seeds import stream

if TYPE_CHECKING:
    from hil.pipeline.party import Party
    from hil.pipeline.reconciliation.cascade import Disclosed

Bits = npt.NDArray[np.uint8]


def run(alice: Bits, bob: Bits, qber: float) -> tuple[Bits, Disclosed, list[Message]]:
    """Bob's bits afterwards, what both count (they agree), and all that was said, in order of each side."""
    ends = Conversation("a"), Conversation("b")

    def bobs() -> Party[tuple[Bits, Disclosed]]:
        result = yield from choice.correct(ends[1], bob, qber, SeededEntropy(1), "ldpc")
        yield from ends[1].send(Corrected((0, 0, 0)))
        return result

    (_, alice_says), (corrected, bob_says) = run_pair(choice.answer(ends[0], alice, "ldpc"), bobs())
    assert alice_says == bob_says
    return corrected, bob_says, [decode(data)[1] for end in ends for data in end.sent]


def noisy(length: int, qber: float, seed: int = 1) -> tuple[Bits, Bits]:
    rng = stream(seed, "ldpc", length)
    alice = rng.integers(0, 2, length, dtype=np.uint8)
    return alice, alice ^ (rng.random(length) < qber).astype(np.uint8)


def limit(alice: Bits, bob: Bits) -> float:
    q = float((alice != bob).mean())
    return alice.size * (-q * math.log2(q) - (1 - q) * math.log2(1 - q))


@pytest.mark.parametrize(("qber", "bits"), [(0.01, 1_000_000), (0.05, 500_000), (0.08, 300_000), (0.11, 300_000)])
def test_long_keys_near_the_limit(qber: float, bits: int) -> None:
    """Equal bits for at most 1.12 times the limit, in both directions together.

    The errors of a key are its own number: f is taken over the expected one, as the share of checks is.
    """
    pytest.importorskip("numba")
    alice, bob = noisy(bits, qber)
    corrected, told, _ = run(alice, bob, qber)
    assert np.array_equal(corrected, alice)
    entropy = -qber * math.log2(qber) - (1 - qber) * math.log2(1 - qber)
    assert 1.0 < (told.by_alice + told.by_bob) / (bits * entropy) < 1.125


@st.composite
def errors(draw: st.DrawFn) -> tuple[Bits, int]:
    """None, all, bursts, or random ones of any ratio; and a seed for the key."""
    length = draw(st.one_of(st.integers(1, 300), st.sampled_from([4095, 4096, 4097])))
    seed = draw(st.integers(0, 1000))
    wrong = np.zeros(length, dtype=np.uint8)
    kind = draw(st.sampled_from(["none", "all", "bursts", "random"]))
    if kind == "all":
        wrong[:] = 1
    elif kind == "bursts":
        for start in draw(st.lists(st.integers(0, length - 1), max_size=4)):
            wrong[start : start + draw(st.integers(1, 200))] = 1
    elif kind == "random":
        wrong[stream(seed, "errors").random(length) < draw(st.floats(0.0, 0.5))] = 1
    return wrong, seed


@settings(max_examples=25, deadline=None)
@given(errors(), st.one_of(st.floats(0.0, 0.5), st.just(math.nan)))
def test_any_error_pattern_ends_with_equal_bits(drawn: tuple[Bits, int], expected: float) -> None:
    """Corrected or told in full; a wrong pattern that fits checks and CRC has a chance of 2^-32, and is the hash's to find."""
    wrong, seed = drawn
    alice = stream(seed, "any").integers(0, 2, wrong.size, dtype=np.uint8)
    corrected, told, said = run(alice, alice ^ wrong, expected)
    assert np.array_equal(corrected, alice)
    assert told.by_alice > 0
    assert len(said) <= 2 * (len(row_ends(Cut.of(plan(wrong.size, 0.01), wrong.size).code)) + 2)


@pytest.mark.parametrize(("qber", "expected", "bits"), [(0.02, 0.02, 30_000), (0.035, 0.02, 30_000), (0.3, 0.02, 8_000)])
def test_every_bit_on_the_channel_is_counted(qber: float, expected: float, bits: int) -> None:
    """One round, several, or all bits told: Alice's replies, and what Bob says of his frames, are as long as counted."""
    alice, bob = noisy(bits, qber)
    corrected, told, said = run(alice, bob, expected)
    assert np.array_equal(corrected, alice)
    replies = [len(one.bits) for one in said if isinstance(one, Parities)]
    asked = [one for one in said if isinstance(one, More)]
    # whole bytes, at most seven bits of each unused
    assert 0 <= 8 * sum(replies) - told.by_alice <= 7 * len(replies)
    assert len(replies) == 1 + len(asked)
    code = next(one for one in said if isinstance(one, Codes))
    assert code.frames == 1
    in_full = len(replies) > len(row_ends(Cut.of(code, bits).code))
    assert in_full == (qber == 0.3)
    assert told.by_bob == len(replies) - in_full
    if in_full:
        assert replies[-1] == -(-bits // 8)


def test_frames_that_fail_alone_go_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five frames of which two have more errors: only these get more checks, a bit for each open frame."""
    monkeypatch.setattr("hil.pipeline.reconciliation.ldpc_plan._LONG", 16)
    bits = 5 * 512 * 16
    alice, bob = noisy(bits, 0.03)
    for frame in (1, 4):
        worse = stream(frame, "worse").random(512 * 16) < 0.03
        bob[frame::5] = alice[frame::5] ^ worse ^ (bob[frame::5] != alice[frame::5])
    corrected, told, said = run(alice, bob, 0.031)
    assert np.array_equal(corrected, alice)
    asked = [np.unpackbits(np.frombuffer(one.open, dtype=np.uint8)) for one in said if isinstance(one, More)]
    assert asked[0][:5].tolist() == [0, 1, 0, 0, 1]
    open_frames = [5, *(int(one.sum()) for one in asked)]
    assert told.by_bob == sum(open_frames[: len(asked) + 1])
    code = next(one for one in said if isinstance(one, Codes))
    ends = row_ends(Cut.of(code, bits).code)
    rows = [ends[0], *np.diff(ends)]
    checks = sum(frames * int(more) * code.lifting for frames, more in zip(open_frames, rows, strict=False))
    assert told.by_alice == checks + 5 * 32


def test_a_frame_decoded_to_other_bits_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CRC finds it out, and one more round mends it."""
    calls = 0

    def wrong_at_first(*about: object) -> object:
        nonlocal calls
        calls += 1
        decided, taken = ldpc_decoder.decode(*about)  # type: ignore[arg-type]
        if calls == 1:
            decided[0, :2, 0] ^= 1
        return decided, taken

    monkeypatch.setattr(ldpc, "decode", wrong_at_first)
    alice, bob = noisy(10_000, 0.01)
    corrected, _, said = run(alice, bob, 0.01)
    assert calls == 2
    assert sum(isinstance(one, More) for one in said) == 1
    assert np.array_equal(corrected, alice)


def test_a_burst_is_corrected_as_so_many_errors_elsewhere() -> None:
    alice, bob = noisy(60_000, 0.01)
    bob[30_000:30_600] = 1 - alice[30_000:30_600]
    corrected, told, _ = run(alice, bob, 0.02)
    assert np.array_equal(corrected, alice)
    assert told.by_alice < 1.35 * limit(alice, bob)


GOOD = Codes(1, 60, 16)


@pytest.mark.parametrize(
    "said",
    [
        (Corrected((0,)),),
        (Codes(0, 60, 16),),
        (Codes(-1, 60, 16),),
        (Codes(1, 15, 16),),
        (Codes(1, 481, 16),),
        (Codes(1, 60, 7),),
        (Codes(1, 60, 1 << 40),),
        (Codes(1, 60, 13),),
        (Codes(3, 60, 32),),
        (GOOD, GOOD),
        (GOOD, More(b"")),
        (GOOD, More(b"\x00")),
        (GOOD, More(b"\x80\x00")),
        (GOOD, *[More(b"\x80")] * 20),
        (More(b"\x80"),),
    ],
)
def test_alice_refuses_requests_that_cannot_be(said: tuple[Message, ...]) -> None:
    ends = Conversation("a"), Conversation("b")

    def forged() -> Party[None]:
        for message in said:
            yield from ends[1].send(message)

    with pytest.raises(AuthenticationError):
        run_pair(choice.answer(ends[0], np.zeros(7_000, dtype=np.uint8), "ldpc"), forged())


@pytest.mark.parametrize("bits", [1, 257, 4_096, 100_000, 3_000_001])
@pytest.mark.parametrize("qber", [0.0, 0.01, 0.05, 0.3, 0.5])
def test_a_plan_is_one_that_alice_takes(bits: int, qber: float) -> None:
    """It holds all bits, and what is cut is joined again."""
    cut = Cut.of(plan(bits, qber), bits)
    key = stream(bits, "cut").integers(0, 2, bits, dtype=np.uint8)
    frames = cut.split(key)
    assert np.array_equal(cut.join(frames), key)
    assert sum(cut.length(frame) for frame in range(cut.frames)) == bits
    assert frames.reshape(cut.frames, -1).sum(axis=1).tolist() == [
        key[frame :: cut.frames].sum() for frame in range(cut.frames)
    ]


def test_more_checks_for_more_errors_and_for_shorter_frames() -> None:
    planned = [checks_per_bit(qber, 1 << 20) for qber in np.linspace(0.001, 0.17, 60)]
    assert np.all(np.diff(planned) >= 0)
    assert checks_per_bit(0.05, 4_096) > 1.1 * checks_per_bit(0.05, 1 << 20)


def test_without_numba_the_same_is_disclosed(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = noisy(8_000, 0.03)
    told = []
    for compiled in (True, False):
        if compiled:
            pytest.importorskip("numba")
        monkeypatch.setattr(ldpc_decoder, "available", lambda compiled=compiled: compiled)
        corrected, disclosed, _ = run(alice, bob, 0.04)
        assert np.array_equal(corrected, alice)
        told.append(disclosed)
    assert told[0] == told[1]
