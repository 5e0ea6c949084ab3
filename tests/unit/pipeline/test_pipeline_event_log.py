"""What each party's log says of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.pipeline.event_log import STAGES, Learned, Spoken, cost_by_stage
from hil.pipeline.messages import decode
from hil.pipeline.settings import KeyFate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hil.pipeline.stepping import Message
    from tests.unit.pipeline.conftest import SmallLink

KINDS = {
    "Hello", "Detections", "Bases", "TestErrors", "Pass", "Ask", "Halves", "Parities", "Corrected", "Amplify", "Confirm",
    "Seal",
}  # fmt: skip


def test_the_log_holds_every_message_of_the_channel_in_order(small: Callable[..., SmallLink]) -> None:
    """Counted by somebody on the channel: type, number and size of each, sent by one and heard by the other."""
    messages: list[Message] = []

    def listen(message: Message) -> Iterable[bytes]:
        messages.append(message)
        return (message.data,)

    alice, bob = small().run(listen)
    on_the_way = [(m.direction[0], type(decode(m.data)[1]).__name__, m.number, len(m.data)) for m in messages]
    for result, me in ((alice, "a"), (bob, "b")):
        spoken = [event for event in result.log if isinstance(event, Spoken)]
        mine = [(me, e.kind, e.number, e.size_bytes) for e in spoken if e.way == "sent"]
        theirs = [("b" if me == "a" else "a", e.kind, e.number, e.size_bytes) for e in spoken if e.way == "heard"]
        assert mine == [one for one in on_the_way if one[0] == me]
        assert theirs == [one for one in on_the_way if one[0] != me]
    assert {kind for _, kind, _, _ in on_the_way} == KINDS


def test_both_learn_the_same_numbers_which_are_those_of_the_report(small: Callable[..., SmallLink]) -> None:
    alice, bob = small().run()
    of_a, of_b = ({(e.stage, e.what): e.value for e in one.log if isinstance(e, Learned)} for one in (alice, bob))
    assert of_a == of_b
    assert of_a["sifting", "sifted, key basis"] == alice.report.sifted_key_bits
    assert of_a["reconciliation", "errors of the key basis"] == alice.report.key_errors
    assert of_a["amplification", "secret bits"] == alice.report.secret_bits > 0
    at = [event.stage for event in alice.log]
    assert sorted(set(at), key=at.index) == [
        "greeting", "sifting", "estimation", "reconciliation", "amplification", "verification", "authentication",
    ]  # fmt: skip


def test_a_block_without_key_says_what_was_learned_until_then(small: Callable[..., SmallLink]) -> None:
    alice, bob = small().run(events=200)
    for result in (alice, bob):
        assert result.fate is KeyFate.DISCARDED
        assert {event.stage for event in result.log if isinstance(event, Learned)} == {"sifting"}
    alice, bob = small().run(qber=0.2)
    assert {event.stage for event in alice.log if isinstance(event, Learned)} == {"sifting"}


def test_costs_by_stage_are_those_of_all_messages(small: Callable[..., SmallLink]) -> None:
    alice, bob = small().run()
    costs = cost_by_stage(alice.log)
    assert costs == cost_by_stage(bob.log)
    lines = {line.what: line.value for line in alice.report.ledger if line.stage == "channel"}
    assert lines == {
        "messages of both sides": sum(cost.messages for cost in costs),
        "length of them": sum(cost.size_bytes for cost in costs),
    }
    assert [cost.stage for cost in costs][:3] == ["greeting", "sifting", "estimation"]


def test_alice_never_hears_a_key_bit_of_bob(small: Callable[..., SmallLink]) -> None:
    """All that Bob says, as a string of bits, holds no 48 of his key bits in a row, as sifted or as all that he detected.

    By chance 48 bits turn up in a million with a probability below 1e-8; ten thousand sifted bits that are sent, once.
    """
    link = small()
    said: list[bytes] = []

    def listen(message: Message) -> Iterable[bytes]:
        if message.direction == "b->a":
            said.append(message.data)
        return (message.data,)

    link.run(listen)
    _, records = link.raw()
    bits = (records.detector % 2).astype(np.uint8)
    key_bits = bits[records.detector < 2]
    heard = {bytes(window) for data in said for window in _windows(np.unpackbits(np.frombuffer(data, dtype=np.uint8)))}
    for own in (bits, key_bits):
        assert not any(bytes(own[at : at + 48]) in heard for at in range(0, 4000, 100))
    told = np.packbits(key_bits).tobytes()
    leaked = {bytes(window) for window in _windows(np.unpackbits(np.frombuffer(told, dtype=np.uint8)))}
    assert bytes(key_bits[100:148]) in leaked


def _windows(bits: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    if bits.size < 48:
        return np.empty((0, 48), dtype=np.uint8)
    return np.lib.stride_tricks.sliding_window_view(bits, 48)  # type: ignore[return-value]


def test_every_message_type_has_one_stage() -> None:
    listed = [kind for kinds in STAGES.values() for kind in kinds]
    assert len(set(listed)) == len(listed)
