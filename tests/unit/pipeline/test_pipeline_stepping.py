"""Two parties stepped in one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.errors import ChannelClosedError
from hil.pipeline.party import RECEIVE, Outgoing
from hil.pipeline.stepping import Message, run_pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.pipeline.party import Party


def say(*words: bytes) -> Party[str]:
    for word in words:
        yield Outgoing(word)
    return "said"


def hear(count: int) -> Party[list[bytes]]:
    heard = []
    for _ in range(count):
        data = yield RECEIVE
        assert data is not None
        heard.append(data)
    return heard


def hear_until_closed() -> Party[list[bytes]]:
    heard: list[bytes] = []
    try:
        while True:
            data = yield RECEIVE
            assert data is not None
            heard.append(data)
    except ChannelClosedError:
        return heard


def test_messages_arrive_in_order() -> None:
    assert run_pair(say(b"1", b"2"), hear(2)) == ("said", [b"1", b"2"])


def test_a_party_that_waits_for_nobody_is_told_that_the_channel_is_closed() -> None:
    assert run_pair(hear_until_closed(), say(b"1")) == ([b"1"], "said")
    assert run_pair(hear_until_closed(), hear_until_closed()) == ([], [])


def test_who_sits_on_the_channel_sees_direction_and_number_and_decides_what_arrives() -> None:
    seen: list[Message] = []

    def interceptor(message: Message) -> Iterable[bytes]:
        seen.append(message)
        return {0: (), 1: (message.data, message.data), 2: (b"changed",)}[message.number]

    _, heard = run_pair(say(b"1", b"2", b"3"), hear_until_closed(), interceptor)
    assert heard == [b"2", b"2", b"changed"]
    assert [(m.direction, m.number) for m in seen] == [("a->b", 0), ("a->b", 1), ("a->b", 2)]


def test_an_error_of_one_party_gets_out_and_ends_the_other() -> None:
    ended = []

    def broken() -> Party[None]:
        yield Outgoing(b"1")
        raise LookupError("no such thing")

    def waiting() -> Party[None]:
        try:
            while True:
                yield RECEIVE
        finally:
            ended.append(True)

    with pytest.raises(LookupError, match="no such thing"):
        run_pair(waiting(), broken())
    assert ended == [True]
