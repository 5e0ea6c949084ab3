"""Round trips over the classical channel, and what the attacks do to messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.errors import FaultWithoutEvidenceError, UsageError
from hil.pipeline.stepping import Message
from hil.testbed.channel.auth_channel import Attack, AuthChannel

if TYPE_CHECKING:
    from hil.pipeline.party import Direction
    from hil.testbed.link import Link

CHANNEL = AuthChannel(cast("Any", None))
TALK: list[tuple[Direction, bytes]] = [
    ("b->a", b"index"),
    ("a->b", b"basis"),
    ("b->a", b"parity"),
    ("a->b", b"tag"),
    ("b->a", b""),
]


def through(attack: Attack) -> list[tuple[Direction, list[bytes]]]:
    """What arrives of a conversation under attack, per message."""
    sent: dict[Direction, int] = {"a->b": 0, "b->a": 0}
    arrived = []
    for direction, data in TALK:
        arrived.append((direction, list(attack(Message(direction, sent[direction], data)))))
        sent[direction] += 1
    return arrived


UNTOUCHED: list[tuple[Direction, list[bytes]]] = [(direction, [data]) for direction, data in TALK]


def test_round_trips_are_timed_over_a_real_connection(link: Link, notebook: Any) -> None:
    """Each takes some time, and far less than a second; all are recorded."""
    latencies = AuthChannel(link).round_trips(60)
    assert latencies.durations_s.size == 60
    assert 0.0 < latencies.durations_s.min() <= latencies.durations_s.max() < 5.0
    (event,) = notebook.of("latency")
    assert len(event["durations_s"]) == 60
    with pytest.raises(UsageError, match="expected one or more"):
        AuthChannel(link).round_trips(0)


def test_tampering_changes_one_bit_of_one_message() -> None:
    with CHANNEL.tampering("b->a", 1) as attack:
        arrived = through(attack)
    (changed,) = arrived[2][1]
    assert len(changed) == len(b"parity")
    assert sum((one ^ other).bit_count() for one, other in zip(changed, b"parity", strict=True)) == 1
    assert [arrived[at] for at in (0, 1, 3, 4)] == [UNTOUCHED[at] for at in (0, 1, 3, 4)]
    assert attack.acted == 1
    assert attack.did == "tampering with message 1 b->a (6 bytes)"


def test_dropping_loses_one_message() -> None:
    with CHANNEL.dropping("a->b", 0) as attack:
        arrived = through(attack)
    assert arrived == [UNTOUCHED[0], ("a->b", []), *UNTOUCHED[2:]]


def test_replaying_delivers_one_message_twice() -> None:
    with CHANNEL.replaying("a->b", 1) as attack:
        arrived = through(attack)
    assert arrived == [*UNTOUCHED[:3], ("a->b", [b"tag", b"tag"]), UNTOUCHED[4]]


def test_reflecting_gives_the_sender_its_own_message() -> None:
    """In place of the next one that should come to it."""
    with CHANNEL.reflecting("a->b", 0) as attack:
        arrived = through(attack)
    assert arrived == [*UNTOUCHED[:2], ("b->a", [b"basis"]), *UNTOUCHED[3:]]


def test_an_attack_acts_once() -> None:
    """So that the block after it shows the recovery."""
    with CHANNEL.dropping("a->b", 0) as attack:
        through(attack)
        assert through(attack) == UNTOUCHED


def test_an_attack_that_never_came_to_act_is_no_evidence() -> None:
    """A test that forgot to pass it on, or counted messages wrongly, does not pass for showing nothing."""
    with pytest.raises(FaultWithoutEvidenceError, match="no such message came by"), CHANNEL.tampering("a->b", 99) as attack:
        assert through(attack) == UNTOUCHED


def test_an_error_inside_is_not_hidden_by_the_missing_evidence() -> None:
    with pytest.raises(ZeroDivisionError), CHANNEL.dropping():
        raise ZeroDivisionError
