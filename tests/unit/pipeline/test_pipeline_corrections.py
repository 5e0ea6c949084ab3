"""Every error correction, by its name: it corrects or is found out, ends, and counts what went over the channel."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.pipeline.conversation import Conversation
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Ask, Corrected, Halves, Parities, Queries, decode, encode
from hil.pipeline.reasons import NoKeyError
from hil.pipeline.reconciliation import choice
from hil.pipeline.stepping import Message, run_pair
from hil.pipeline.verification import agrees, check_value
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.pipeline.party import Party
    from hil.pipeline.reconciliation.cascade import Disclosed
    from hil.pipeline.stepping import Interceptor

pytest.importorskip("numba")

Bits = npt.NDArray[np.uint8]
NAMES = pytest.mark.parametrize("name", ["cascade", "cascade-fast", "cascade-efficient"])
ALL = pytest.mark.parametrize("name", ["cascade", "cascade-fast", "cascade-efficient", "ldpc"])


def run(
    name: str, alice: Bits, bob: Bits, qber: float, *, seed: int = 1, between: Interceptor | None = None
) -> tuple[Bits, Disclosed, Disclosed]:
    """Bob's bits afterwards, and what Alice and Bob count."""
    ends = Conversation("a"), Conversation("b")

    def bobs() -> Party[tuple[Bits, Disclosed]]:
        result = yield from choice.correct(ends[1], bob, qber, SeededEntropy(seed), name)
        yield from ends[1].send(Corrected((0, 0, 0)))
        return result

    (_, alice_says), (corrected, bob_says) = run_pair(choice.answer(ends[0], alice, name), bobs(), between)
    return corrected, alice_says, bob_says


def noisy(length: int, qber: float, seed: int = 1) -> tuple[Bits, Bits]:
    rng = stream(seed, "corrections", length)
    alice = rng.integers(0, 2, length, dtype=np.uint8)
    return alice, alice ^ (rng.random(length) < qber).astype(np.uint8)


@st.composite
def errors(draw: st.DrawFn) -> tuple[Bits, int]:
    """None, all, half, every other one, bursts, or any; and a seed for the key."""
    length = draw(st.one_of(st.integers(0, 300), st.sampled_from([511, 512, 513, 8191, 8193, 16_385, 20_000])))
    seed = draw(st.integers(0, 1000))
    wrong = np.zeros(length, dtype=np.uint8)
    kind = draw(st.sampled_from(["none", "all", "half", "every other", "bursts", "any"]))
    if kind == "all":
        wrong[:] = 1
    elif kind == "half":
        wrong = stream(seed, "half").integers(0, 2, length, dtype=np.uint8)
    elif kind == "every other":
        wrong[::2] = 1
    elif length and kind == "bursts":
        for start in draw(st.lists(st.integers(0, length - 1), max_size=4)):
            wrong[start : start + draw(st.integers(1, 100))] = 1
    elif length and kind == "any":
        wrong[draw(st.lists(st.integers(0, length - 1), max_size=60))] = 1
    return wrong, seed


@ALL
@settings(max_examples=80, deadline=None)
@given(errors(), st.floats(0.0, 0.5))
def test_any_error_pattern_is_corrected_or_found_out(name: str, drawn: tuple[Bits, int], expected: float) -> None:
    """Equal, or the hash says that they are not, or given up; both count the same."""
    wrong, seed = drawn
    alice = stream(seed, "any").integers(0, 2, wrong.size, dtype=np.uint8)
    try:
        corrected, alice_says, bob_says = run(name, alice, alice ^ wrong, expected, seed=seed)
    except NoKeyError:
        assert wrong.mean() > 0.05
        return
    assert alice_says == bob_says
    if name != "ldpc":  # where each parity is asked for
        assert alice_says.by_alice == alice_says.by_bob
    assert (alice_says.by_alice > 0) == (wrong.size > 0)
    key = bytes(range(32))
    assert np.array_equal(corrected, alice) or not agrees(corrected, key, check_value(alice, key))


@ALL
@pytest.mark.parametrize("length", [1, 2, 7, 8, 9])
def test_the_shortest_keys(name: str, length: int) -> None:
    alice, _ = noisy(length, 0.0)
    for wrong in range(length):
        bob = alice.copy()
        bob[wrong] ^= 1
        assert np.array_equal(run(name, alice, bob, 0.02)[0], alice)


@NAMES
@pytest.mark.parametrize(("qber", "expected"), [(0.02, 0.001), (0.001, 0.02), (0.08, 0.01), (0.02, 0.5)])
def test_an_estimate_far_off_costs_parities_and_no_errors(name: str, qber: float, expected: float) -> None:
    """The limit is what a right estimate takes, of random errors; more is disclosed, but never more than there is."""
    alice, bob = noisy(200_000, qber)
    corrected, says, _ = run(name, alice, bob, expected)
    assert np.array_equal(corrected, alice)
    wrong = float((alice != bob).mean())
    assert alice.size * (-wrong * math.log2(wrong) - (1 - wrong) * math.log2(1 - wrong)) < says.by_alice < alice.size


@ALL
def test_errors_in_one_burst_are_corrected(name: str) -> None:
    """A thousand wrong bits in a row, as a glitch of the link leaves them."""
    alice, bob = noisy(100_000, 0.01)
    bob[40_000:41_000] = 1 - alice[40_000:41_000]
    assert np.array_equal(run(name, alice, bob, 0.02)[0], alice)


@NAMES
def test_every_parity_is_counted_in_both_directions(name: str) -> None:
    """Against the bits on the channel: replies of Alice, of which as many are requests of Bob's."""
    alice, bob = noisy(70_000, 0.02)
    replies: list[int] = []
    asked: list[int] = []

    def count(message: Message) -> tuple[bytes]:
        _, body = decode(message.data)
        if isinstance(body, Parities):
            replies.append(8 * len(body.bits))
        elif isinstance(body, Queries):
            asked.append(len(body.items) // 4)
        elif isinstance(body, Halves):
            asked.append(8 * len(body.bits) - 7)
        elif isinstance(body, Ask):
            asked.append(body.count)
        return (message.data,)

    _, alice_says, bob_says = run(name, alice, bob, 0.02, between=count)
    assert alice_says == bob_says
    assert alice_says.by_bob == alice_says.by_alice
    # whole bytes, at most seven bits of each unused
    assert 0 <= sum(replies) - alice_says.by_alice <= 7 * len(replies)
    assert 0 < sum(asked) < alice_says.by_bob


@NAMES
@pytest.mark.parametrize("length", [2000, 20_000])
def test_answers_that_contradict_each_other_are_given_up_on(name: str, length: int) -> None:
    """Random answers in place of Alice's: nothing to converge to, and no endless loop."""
    alice, bob = noisy(length, 0.05)
    rng = stream(1, "random answers")

    def garble(message: Message) -> tuple[bytes]:
        header, body = decode(message.data)
        if not isinstance(body, Parities):
            return (message.data,)
        return (encode(header, Parities(rng.bytes(len(body.bits)))),)

    with pytest.raises(NoKeyError, match="error correction gave up"):
        run(name, alice, bob, 0.05, between=garble)


@NAMES
def test_a_link_gives_key_with_each(small: Callable[..., Any], name: str) -> None:
    """Whole blocks: equal keys, the correction named in the ledger, every parity charged."""
    link = small()
    link = small(settings=replace(link.settings, reconciliation=name))
    alice, bob = link.run()
    assert alice.report.released
    assert alice.report.key_fingerprints == bob.report.key_fingerprints
    lines = {entry.what: entry.value for entry in alice.report.ledger}
    assert lines[f"corrected by {name}"] == alice.report.sifted_key_bits
    told = [value for what, value in lines.items() if "disclosed by" in what or what == "hash disclosed"]
    assert len(told) == 4
    assert sum(told) == alice.report.disclosed_bits


def test_a_machine_without_a_compiler_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "available", lambda: False)
    choice.require("cascade")
    for name in ("cascade-fast", "cascade-efficient"):
        with pytest.raises(UsageError, match=f'reconciliation = "{name}" needs numba: pip install "qkd-hil\\[fast\\]"'):
            choice.require(name)
