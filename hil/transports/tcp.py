"""A plain TCP stream: for binary data planes of tens of megabytes, where a message-based layer would only copy.

And for serial lines behind a device server (``ASRLsocket://``): pyserial's own reads them byte by byte, waits 0.3 s at every
closing, and does not tell a stream that ended from silence; a vendor's VISA library does not know them at all.
"""

from __future__ import annotations

import socket

from hil.errors import UsageError
from hil.transports.port import peeked, server_address, tcp_address, unreachable

__all__ = ["TcpPort"]

_CHUNK = 1 << 18


class TcpPort:
    """Port over ``TCPIP::host::port::SOCKET`` or ``ASRLsocket://host:port::INSTR`` without VISA.

    The end of the stream is noticed at once. A line behind a device server outlives the stream, so that reopening does not
    clean it; how that line is set is the server's business.
    """

    def __init__(self, device: str, resource: str) -> None:
        self.device = device
        self.resource = resource
        self.reopens_clean = tcp_address(resource) is not None
        self._socket: socket.socket | None = None
        address = tcp_address(resource) or server_address(resource)
        if address is None:
            raise UsageError(
                f"{device}: resource {resource!r}: expected TCPIP::host::port::SOCKET or ASRLsocket://host:port::INSTR"
            )
        self._address = address

    def open(self, timeout_s: float) -> None:
        """Connect, without Nagle's delay and with keep-alive."""
        try:
            self._socket = socket.create_connection(self._address, timeout=timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except OSError as error:
            self.close()
            raise unreachable(self, error) from error

    def close(self) -> None:
        """Close the stream."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send everything within ``timeout_s``."""
        connection = self._connected()
        try:
            connection.settimeout(timeout_s)
            connection.sendall(data)
        except OSError as error:
            raise unreachable(self, error) from error

    def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:  # noqa: ARG002  (a stream needs no stop byte)
        """What has arrived, at most ``count`` bytes."""
        connection = self._connected()
        try:
            connection.settimeout(max(timeout_s, 1e-6))  # zero would mean "do not block" and raise something else
            data = connection.recv(min(count, _CHUNK))
        except TimeoutError:
            return b""
        except OSError as error:
            raise unreachable(self, error) from error
        if not data:
            raise unreachable(self, "the device closed the connection")
        return data

    def waiting(self) -> bool:
        """Whether something has come unasked."""
        try:
            return bool(peeked(self._connected()))
        except OSError:  # the next exchange finds it, and says so
            return False

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise unreachable(self, "not open")
        return self._socket
