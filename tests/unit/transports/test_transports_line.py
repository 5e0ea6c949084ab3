"""Reading does not depend on how the bytes were cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hil.transports import ScriptedPort
from hil.transports.line import Line


@settings(max_examples=40)
@given(replies=st.lists(st.binary(max_size=20), max_size=6), cuts=st.lists(st.integers(1, 7), min_size=1, max_size=30))
def test_any_chunking_gives_the_same_replies(replies, cuts):
    """Replies ended by a terminator come out whole and in order, however the stream was cut."""
    terminator = b"Done\r\n\r\n"
    replies = [reply.replace(b"D", b"d") for reply in replies]
    wire = b"".join(reply + terminator for reply in replies)
    pieces = []
    while wire:
        cut = cuts[len(pieces) % len(cuts)]
        pieces.append(("<", wire[:cut]))
        wire = wire[cut:]
    line = Line(ScriptedPort(pieces), timeout_s=1.0)
    assert [line.read_until(terminator) for _ in replies] == replies
    assert line.unread == 0


@settings(max_examples=40)
@given(payload=st.binary(max_size=60), cut=st.integers(1, 9), first=st.integers(0, 60))
def test_counts_and_terminators_mix(payload, cut, first):
    """A counted read takes what a terminated one left, and the other way round."""
    wire = b"header\n" + payload + b"\n"
    line = Line(ScriptedPort([("<", wire[i : i + cut]) for i in range(0, len(wire), cut)]), timeout_s=1.0)
    first = min(first, len(payload))
    assert line.read_until(b"\n") == b"header"
    assert line.read_exactly(first) == payload[:first]
    assert line.read_exactly(len(payload) - first + 1) == payload[first:] + b"\n"
