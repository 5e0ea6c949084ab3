"""One party over a socket."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from hil.errors import ChannelClosedError
from hil.pipeline.binding import receive_frame, run_over_socket, send_frame
from hil.pipeline.party import RECEIVE, Outgoing
from hil.pipeline.settings import KeyFate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockResult
    from tests.unit.pipeline.conftest import SmallLink


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def echo(count: int) -> Party[str]:
    """Sends back what comes, and says how it ended."""
    try:
        for _ in range(count):
            data = yield RECEIVE
            assert data is not None
            yield Outgoing(data)
    except ChannelClosedError as closed:
        return str(closed)
    return "done"


def test_messages_keep_their_borders(ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    for data in (b"", b"one", bytes(10_000)):
        send_frame(far, data)
    assert run_over_socket(echo(3), near, 1.0) == "done"
    assert [receive_frame(far) for _ in range(3)] == [b"", b"one", bytes(10_000)]


def test_a_silent_peer_ends_the_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    assert run_over_socket(echo(1), ends[0], 0.01) == "nothing came for 0.01 s"


def test_a_peer_that_leaves_ends_the_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    """Before a message, and in the middle of one."""
    ends[1].sendall(b"\x00\x00\x00\x05ab")
    ends[1].close()
    assert run_over_socket(echo(1), ends[0], 1.0) == "the other side closed the connection"


def test_a_length_beyond_any_message_is_refused(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[1].sendall(b"\xff\xff\xff\xff")
    assert "4294967295 bytes was announced" in run_over_socket(echo(1), ends[0], 1.0)


def test_both_parties_distil_over_sockets_block_after_block(
    ends: tuple[socket.socket, socket.socket], small: Callable[..., SmallLink]
) -> None:
    """Bob in a thread of his own, the connection staying open; nothing is read that belongs to the next block."""
    alices, bobs = small(), small()
    results: list[BlockResult] = []

    def bob() -> None:
        for _ in range(2):
            context, records = bobs.next_block(), bobs.raw()[1]
            results.append(run_over_socket(bobs.bob.block(context, records), ends[1], 10.0))

    thread = threading.Thread(target=bob)
    thread.start()
    mine = []
    for _ in range(2):
        context, prepare = alices.next_block(), alices.raw()[0]
        mine.append(run_over_socket(alices.alice.block(context, prepare), ends[0], 10.0))
    thread.join()
    assert [each.fate for each in mine + results] == [KeyFate.RELEASED] * 4
    assert [each.keys for each in mine] == [each.keys for each in results]


def test_a_party_left_alone_in_a_block_goes_on_with_the_next(
    ends: tuple[socket.socket, socket.socket], small: Callable[..., SmallLink]
) -> None:
    """Bob alone hears nothing and gives his block up; what he said is passed over when Alice is back."""
    alices, bobs = small(), small()
    lonely = run_over_socket(bobs.bob.block(bobs.next_block(), bobs.raw()[1]), ends[1], 0.01)
    assert "nothing came for 0.01 s" in lonely.report.sentence
    alices.next_block()
    alice = alices.alice.block(alices.next_block(), alices.raw()[0])
    thread = threading.Thread(target=run_over_socket, args=(alice, ends[0], 10.0))
    thread.start()
    back = run_over_socket(bobs.bob.block(bobs.next_block(), bobs.raw()[1]), ends[1], 10.0)
    thread.join()
    assert back.fate is KeyFate.RELEASED
