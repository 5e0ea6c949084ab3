"""Messages of lanes over a stream socket, and over memory."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from hil.errors import ChannelClosedError
from hil.pipeline.memory_wire import memory_wires
from hil.pipeline.wire import SocketWire, packed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.pipeline.wire import Wire

LARGE = 20_000_000


def over_sockets() -> tuple[Wire, Wire]:
    near, far = socket.socketpair()
    return SocketWire(near), SocketWire(far)


@pytest.fixture(params=[over_sockets, memory_wires], ids=["socket", "memory"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[Wire, Wire]]:
    near, far = request.param()
    yield near, far
    near.close()
    far.close()


@pytest.fixture
def raw() -> Iterator[tuple[SocketWire, socket.socket]]:
    """A wire, and the bare socket at its other end."""
    near, far = socket.socketpair()
    wire = SocketWire(near)
    with far:
        yield wire, far
    wire.close()


def received(wire: Wire, number: int) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    while len(found) < number:
        found += wire.receive(10.0)
    return found


def test_messages_keep_their_borders_lanes_and_order(ends: tuple[Wire, Wire]) -> None:
    near, far = ends
    sent = [(0, b""), (7, b"one"), (0, bytes(10_000)), (65_535, b"last")]
    for lane, data in sent:
        near.send(lane, data)
    near.flush(10.0)
    assert received(far, 4) == sent


def test_two_ends_that_send_more_than_fits_do_not_wait_for_each_other(ends: tuple[Wire, Wire]) -> None:
    """20 MB each way at once, far beyond what a socket holds: whoever waited with reading would wait for ever."""
    came: list[tuple[int, bytes]] = []

    def other() -> None:
        ends[1].send(1, bytes(LARGE))
        came.extend(received(ends[1], 1))
        ends[1].flush(10.0)

    thread = threading.Thread(target=other)
    thread.start()
    ends[0].send(2, bytes(LARGE))
    found = received(ends[0], 1)
    ends[0].flush(10.0)
    thread.join()
    assert [(lane, len(data)) for lane, data in found + came] == [(1, LARGE), (2, LARGE)]


def test_a_wait_ends_in_time_or_when_it_is_woken(ends: tuple[Wire, Wire]) -> None:
    assert list(ends[0].receive(0.01)) == []
    ends[0].wake()
    assert list(ends[0].receive(3600.0)) == []


def test_what_was_sent_before_the_end_still_comes(ends: tuple[Wire, Wire]) -> None:
    ends[0].send(3, b"last words")
    ends[0].flush(10.0)
    ends[0].close()
    assert received(ends[1], 1) == [(3, b"last words")]
    with pytest.raises(ChannelClosedError, match="the other side closed the connection"):
        ends[1].receive(10.0)


def test_messages_in_memory_arrive_after_their_delay() -> None:
    """A tenth of a second cannot be over in the first thousandth of it."""
    near, far = memory_wires(0.1)
    near.send(0, b"late")
    assert list(far.receive(0.001)) == []
    assert received(far, 1) == [(0, b"late")]


def test_a_message_in_pieces_is_one_message(raw: tuple[SocketWire, socket.socket]) -> None:
    wire, far = raw
    data = packed(5, b"in pieces")
    for byte in data[:-1]:
        far.sendall(bytes([byte]))
        assert list(wire.receive(10.0)) == []
    far.sendall(data[-1:])
    assert received(wire, 1) == [(5, b"in pieces")]


def test_a_length_beyond_any_message_is_refused(raw: tuple[SocketWire, socket.socket]) -> None:
    wire, far = raw
    far.sendall(b"\xff\xff\xff\xff\0\0")
    with pytest.raises(ChannelClosedError, match="4294967295 bytes was announced"):
        wire.receive(10.0)


def test_a_peer_who_reads_nothing_does_not_hold_up_the_end(raw: tuple[SocketWire, socket.socket]) -> None:
    wire, _ = raw
    wire.send(0, bytes(LARGE))
    with pytest.raises(ChannelClosedError, match=r"did not go out within 0\.01 s"):
        wire.flush(0.01)


def test_a_broken_connection_is_told(raw: tuple[SocketWire, socket.socket]) -> None:
    wire, far = raw
    far.close()
    assert list(wire.receive(10.0)) == []
    with pytest.raises(ChannelClosedError, match="the other side closed the connection"):
        wire.receive(10.0)


def test_nothing_goes_out_once_the_other_end_is_closed(ends: tuple[Wire, Wire]) -> None:
    near, far = ends
    far.close()

    def talk() -> None:
        for _ in range(2):  # the first message may still find a place to wait
            near.send(0, b"x")
            near.receive(1.0)

    with pytest.raises(ChannelClosedError):
        talk()
