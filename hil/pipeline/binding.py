"""Runs one party over a connected stream socket: every message behind its length in four bytes, big-endian."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeVar

from hil.errors import ChannelClosedError
from hil.pipeline.party import Outgoing

if TYPE_CHECKING:
    import socket

    from hil.pipeline.party import Party, Request

__all__ = ["LARGEST_MESSAGE_BYTES", "receive_frame", "run_over_socket", "send_frame"]

R = TypeVar("R")

LARGEST_MESSAGE_BYTES = 1 << 30
_LENGTH = struct.Struct(">I")


def run_over_socket(party: Party[R], sock: socket.socket, timeout_s: float) -> R:
    """The party's result; it hears that the channel is closed when nothing comes for ``timeout_s`` seconds or the peer is gone.

    The socket stays open, for the next block.
    """
    sock.settimeout(timeout_s)
    try:
        request: Request = next(party)
        while True:
            try:
                answer = _serve(sock, request)
            except ChannelClosedError as closed:
                request = party.throw(closed)
            else:
                request = party.send(answer)
    except StopIteration as end:
        result: R = end.value
        return result


def send_frame(sock: socket.socket, data: bytes) -> None:
    """One message; ChannelClosedError when it cannot go out."""
    try:
        sock.sendall(_LENGTH.pack(len(data)))
        sock.sendall(data)
    except OSError as error:
        raise ChannelClosedError(f"a message could not be sent: {error}") from error


def receive_frame(sock: socket.socket) -> bytes:
    """The next message; ChannelClosedError when none comes in time, or one longer than any party sends."""
    (length,) = _LENGTH.unpack(_exactly(sock, _LENGTH.size))
    if length > LARGEST_MESSAGE_BYTES:
        raise ChannelClosedError(f"a message of {length} bytes was announced; at most {LARGEST_MESSAGE_BYTES} are expected")
    return _exactly(sock, length)


def _serve(sock: socket.socket, request: Request) -> bytes | None:
    if isinstance(request, Outgoing):
        send_frame(sock, request.data)
        return None
    return receive_frame(sock)


def _exactly(sock: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        try:
            piece = sock.recv(min(length - len(data), 1 << 20))
        except TimeoutError as error:
            raise ChannelClosedError(f"nothing came for {sock.gettimeout():g} s") from error
        except OSError as error:
            raise ChannelClosedError(f"the connection broke: {error}") from error
        if not piece:
            raise ChannelClosedError("the other side closed the connection")
        data += piece
    return bytes(data)
