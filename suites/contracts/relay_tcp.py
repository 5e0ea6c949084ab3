"""A relay of streams: of TCP itself, of HTTP over it, and of a serial line behind a device server."""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress

from hil.suites.contracts.relay import CHUNK, PATIENCE_S, Relay

__all__ = ["TcpRelay"]


class _Stream:
    """A connected socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self._connection.fileno()

    def take(self) -> bytes:
        try:
            return self._connection.recv(CHUNK)
        except OSError:
            return b""

    def give(self, data: bytes) -> None:
        with suppress(OSError):
            self._connection.sendall(data)

    def arrived(self) -> None:
        """It does, on this machine."""

    def close(self) -> None:
        self._connection.close()


class TcpRelay(Relay):
    """A relay of streams; ``shape`` is its resource with a place for the port."""

    def __init__(self, address: tuple[str, int], shape: str) -> None:
        self._address = address
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._number = found.getsockname()[1]
        self._listener: socket.socket | None = None
        super().__init__(shape.format(port=self._number))

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._number))
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _deafen(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self) -> None:
        if self._listener is None:
            return
        front, _ = self._listener.accept()
        try:
            back = socket.create_connection(self._address, timeout=PATIENCE_S)
        except OSError:
            front.close()
            return
        self._pair(_Stream(front), _Stream(back))
