"""The channel as one party sees it: messages of lanes go out and come in, in order; over TCP or TLS here.

On a stream every message stands behind its length and its lane: four and two bytes, big-endian. Nobody blocks on sending: what
does not go out at once waits here while messages come in, so that two parties who send at the same time never wait for each
other.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import struct
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from hil.errors import ChannelClosedError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LARGEST_MESSAGE_BYTES", "SocketWire", "Wire", "packed"]

LARGEST_MESSAGE_BYTES = 1 << 30
_FRAME = struct.Struct(">IH")
_PIECE = 1 << 20


class Wire(Protocol):
    """What :class:`hil.pipeline.endpoint.Endpoint` needs of a channel. ChannelClosedError once it is broken."""

    def send(self, lane: int, data: bytes) -> None:
        """Hand one message over; it goes out in the background of ``receive``."""

    def receive(self, timeout_s: float) -> Sequence[tuple[int, bytes]]:
        """What came, in order; nothing after so long, or when it was woken."""

    def flush(self, timeout_s: float) -> None:
        """Wait until everything has gone out."""

    def wake(self) -> None:
        """From another thread: let ``receive`` return now."""

    def close(self) -> None:
        """Give it up; the other side hears of it."""


def packed(lane: int, data: bytes) -> bytes:
    """A message as it goes over a stream."""
    return _FRAME.pack(len(data), lane) + data


class SocketWire:
    """Over a connected stream socket, plain or TLS (handshake done); closes it in the end."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0.0)
        with suppress(OSError):  # a Unix socket has no such option
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._out: deque[memoryview] = deque()
        self._in = bytearray()
        self._near, self._far = socket.socketpair()
        self._near.settimeout(0.0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._selector.register(self._near, selectors.EVENT_READ)
        self._read_to_write = False
        self._broken = ""

    def send(self, lane: int, data: bytes) -> None:
        self._out.append(memoryview(packed(lane, data)))

    def receive(self, timeout_s: float) -> Sequence[tuple[int, bytes]]:
        if came := self._frames():
            return came
        if self._broken:
            raise ChannelClosedError(self._broken)
        self._write()
        want = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out and not self._read_to_write else 0)
        self._selector.modify(self._sock, want)
        for key, events in self._selector.select(max(timeout_s, 0.0)):
            if key.fileobj is self._near:
                with suppress(BlockingIOError):
                    self._near.recv(4096)
                continue
            if events & selectors.EVENT_READ:
                self._read()
            if not self._broken:
                self._write()
        return self._frames()

    def flush(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        self._write()
        while self._out:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0.0:
                raise ChannelClosedError(f"a message did not go out within {timeout_s:g} s")
            self._selector.modify(self._sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
            self._selector.select(left_s)
            self._read()
            if self._broken:
                raise ChannelClosedError(self._broken)
            self._write()

    def wake(self) -> None:
        with suppress(OSError):  # closed meanwhile, or already woken many times
            self._far.send(b"\0")

    def close(self) -> None:
        self._selector.close()
        for sock in (self._sock, self._near, self._far):
            sock.close()

    def _write(self) -> None:
        try:
            while self._out:
                sent = self._sock.send(self._out[0][:_PIECE])
                self._read_to_write = False
                if sent < len(self._out[0]):
                    self._out[0] = self._out[0][sent:]
                else:
                    self._out.popleft()
        except ssl.SSLWantReadError:
            self._read_to_write = True
        except (BlockingIOError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise ChannelClosedError(f"a message could not be sent: {error}") from error

    def _read(self) -> None:
        """Everything there is: TLS may hold more than the socket shows. What came before the end still counts."""
        try:
            while piece := self._sock.recv(_PIECE):
                self._in += piece
            self._broken = "the other side closed the connection"
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._broken = "the other side closed the connection"
        except OSError as error:
            self._broken = f"the connection broke: {error}"

    def _frames(self) -> list[tuple[int, bytes]]:
        """Whole messages; ChannelClosedError for one longer than any party sends."""
        found: list[tuple[int, bytes]] = []
        at = 0
        while len(self._in) - at >= _FRAME.size:
            length, lane = _FRAME.unpack_from(self._in, at)
            if length > LARGEST_MESSAGE_BYTES:
                raise ChannelClosedError(
                    f"a message of {length} bytes was announced; at most {LARGEST_MESSAGE_BYTES} are expected"
                )
            if len(self._in) - at - _FRAME.size < length:
                break
            at += _FRAME.size
            found.append((lane, bytes(self._in[at : at + length])))
            at += length
        del self._in[:at]
        return found
