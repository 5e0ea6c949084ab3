"""Who may say what, when, and in which block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.errors import AuthenticationError, ChannelClosedError
from hil.pipeline.conversation import Conversation
from hil.pipeline.messages import Confirm, Header, Hello, Seal, Stop, decode, encode
from hil.pipeline.party import RECEIVE
from hil.pipeline.reasons import NoKeyError

if TYPE_CHECKING:
    from hil.pipeline.messages import Message

HELLO = Hello(bytes(16), 0, b"", (0, 0, 0, 0), only_in_fault=False)


def heard(talk: Conversation, *messages: bytes, expected: type[Message] = Seal) -> Message:
    """What a party makes of these messages, which come one after the other."""
    waiting = talk.receive_any(expected)
    assert next(waiting) is RECEIVE
    try:
        for data in messages:
            assert waiting.send(data) is RECEIVE
    except StopIteration as end:
        message: Message = end.value
        return message
    raise AssertionError("still waiting")


def alice() -> Conversation:
    talk = Conversation("a")
    talk.name_block(b"one", b"two")
    return talk


def said(message: Message, number: int = 0, sender: str = "b", block: bytes | None = None) -> bytes:
    return encode(Header(sender, number, alice().block if block is None else block), message)


def test_messages_survive_the_wire() -> None:
    header = Header("b", 7, b"block-id")
    for message in (HELLO, Seal(b"tag"), Confirm(), Stop("mismatch")):
        assert decode(encode(header, message)) == (header, message)


def test_the_next_message_of_the_other_side_is_heard() -> None:
    assert heard(alice(), said(Seal(b"tag"))) == Seal(b"tag")


def test_messages_of_other_blocks_are_passed_over() -> None:
    assert heard(alice(), said(Seal(b"old"), block=bytes(8)), said(Seal(b"new"))) == Seal(b"new")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (said(Seal(b"tag"), number=1), "message 1 .* came where message 0"),
        (said(Confirm()), "Confirm.* was due"),
        (said(Seal(b"tag"), sender="a"), "that Alice sent came back"),
        (said(Seal(b"tag"))[:-1], "no message of the key pipeline"),
        (b"", "no message of the key pipeline"),
        (b"\x02" + said(Seal(b"tag"))[1:], "version 2"),
    ],
    ids=["number", "kind", "sender", "short", "nothing", "version"],
)
def test_anything_else_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(AuthenticationError, match=why):
        heard(alice(), data)


def test_a_side_that_gives_up_is_heard_at_any_time() -> None:
    with pytest.raises(NoKeyError, match=r"the two keys differed .* \(as Bob reports\)"):
        heard(alice(), said(Stop("mismatch"), number=9))
    with pytest.raises(NoKeyError, match="a reason this version does not know"):
        heard(alice(), said(Stop("<b>forged</b>"), number=9))


def test_a_greeting_in_mid_block_is_kept_for_the_next_one() -> None:
    early: list[bytes] = []
    talk = Conversation("a", early)
    greeting = encode(Header("b", 0, bytes(8)), HELLO)
    assert heard(talk, greeting, expected=Hello) == HELLO
    talk.name_block(b"one", b"two")
    with pytest.raises(ChannelClosedError, match="Bob has gone on to another block"):
        heard(talk, greeting)
    following = Conversation("a", early).receive_any(Hello)
    with pytest.raises(StopIteration):
        next(following)
    assert early == []
