"""TCP: a fresh session for every connection, or one for good where a TCP port stands for a serial line."""

from __future__ import annotations

import asyncio
import errno
import socket
from concurrent.futures import Future
from typing import TYPE_CHECKING, cast

from hil.errors import BenchError, UsageError

from ._conversation import Conversation
from ._pacing import paced_line

if TYPE_CHECKING:
    from hil.clock import Scheduled
    from hil.device_sims.spec import Endpoint

    from ._conversation import Port
    from ._pacing import Pacing

__all__ = ["TcpCarrier", "listen"]

_PATIENCE_S = 10.0


def listen(device: str, host: str, port: int) -> socket.socket:
    """A listening socket; BenchError names the device and the port that cannot be had. Port 0 takes a free one."""
    if not 0 <= port <= 65_535:
        raise UsageError(f"{device}: port {port}: expected 1 to 65535, or 0 for a free one")
    try:
        return socket.create_server((host, port), backlog=64)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error})"
        raise BenchError(
            f"{device}: port {port} of {host} {reason}; end the program that holds it, or give this device another port"
        ) from error


class TcpCarrier:
    """Serves one port of a device on a listening socket, once started.

    ``paced``: behind a port that stands for a serial line, bytes take the time of its baud rate, on a real clock; all clients
    share that line, as behind a device server.
    """

    def __init__(self, port: Port, listener: socket.socket, *, paced: bool = False) -> None:
        self.host, self.number = listener.getsockname()[:2]
        self._port = port
        self._line = paced_line(port, paced=paced)
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def start(self) -> None:
        """Take clients."""
        loop = self._port.loop
        self._server = await loop.create_server(
            lambda: _Connection(self._port, self._connections, self._line), sock=self._listener
        )

    def power_cycle(self, endpoint: Endpoint) -> None:
        """Put a fresh device behind open connections and forget what is on its line; in the loop's thread."""
        self._port.power_cycle(endpoint)
        self._forget()

    def cut_power(self) -> None:
        """The device is gone until its next power cycle, and with it every connection; in the loop's thread."""
        self._port.has_power = False
        self._forget()
        for connection in tuple(self._connections):
            connection.drop()

    async def close(self) -> None:
        """Stop listening and drop every connection, also those that asyncio is still about to hand over."""
        # a closed server would fail those that arrive, and lose their sockets
        self._port.loop.remove_reader(self._listener)
        if arriving := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(arriving)
        if self._server is not None:
            self._server.close()
        self._listener.close()
        self._forget()
        for connection in tuple(self._connections):
            connection.drop()

    def _forget(self) -> None:
        for way in self._line:
            way.drop()


class _Connection(asyncio.Protocol):
    """One client. When it does not read what it asked for, no more of its requests are read."""

    def __init__(self, port: Port, connections: set[_Connection], line: tuple[Pacing, Pacing]) -> None:
        self._port = port
        self._connections = connections
        self._in, self._out = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._port.has_power:
            self._transport.abort()
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._connections.add(self)
        self._conversation = Conversation(self._port, self._send)
        self._heard_ns = self._port.clock.now_ns()
        self._idle: asyncio.TimerHandle | Scheduled | None = None
        if self._port.endpoint.idle_s:
            self._wait_for_a_word()

    def data_received(self, data: bytes) -> None:
        self._heard_ns = self._port.clock.now_ns()
        self._in.carry(data, self._conversation.heard)

    def _send(self, data: bytes) -> None:
        self._out.carry(data, self._put)

    def _put(self, data: bytes) -> None:
        if not self._transport.is_closing():  # what was still on the line when the client left is lost
            self._transport.write(data)

    def _wait_for_a_word(self) -> None:
        """Look again when the client will have been silent for as long as the device bears."""
        clock, loop = self._port.clock, self._port.loop
        due_ns = self._heard_ns + round(self._port.endpoint.idle_s * 1e9)
        if not clock.virtual:
            wait_s = (due_ns - clock.now_ns()) / 1e9 * self._port.seconds_per_delay
            self._idle = loop.call_later(max(0.0, wait_s), self._look_whether_idle)
            return

        def in_the_loop() -> None:
            looked: Future[None] = Future()

            def look() -> None:
                self._look_whether_idle()
                looked.set_result(None)

            loop.call_soon_threadsafe(look)
            looked.result(_PATIENCE_S)

        self._idle = clock.call_at(due_ns, in_the_loop)

    def _look_whether_idle(self) -> None:
        if self._transport.is_closing():
            return
        if self._port.clock.now_ns() - self._heard_ns >= round(self._port.endpoint.idle_s * 1e9):
            self._transport.close()
        else:
            self._wait_for_a_word()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (the client's business)
        self._conversation.end()
        self._connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()

    def drop(self) -> None:
        """End the connection without waiting for the client."""
        self._conversation.end()
        self._transport.abort()
