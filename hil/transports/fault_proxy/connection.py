"""One connection through a fault proxy: two ends, and a pump for each direction. Lives in the proxy's event loop."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections import deque
from typing import TYPE_CHECKING, Literal, TypeAlias

from hil.clock import NS_PER_S
from hil.transports.fault_proxy.chain import Chain
from hil.transports.fault_proxy.piece import Framer, Mark, Piece
from hil.transports.fault_proxy.stage import NEVER_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.clock import Clock
    from hil.transports.fault_proxy.piece import Framing

__all__ = ["BUFFER_BYTES", "DIRECTIONS", "Connection", "Direction"]

Direction: TypeAlias = Literal["upstream", "downstream"]
"""``upstream`` is from the client to the server, as in toxiproxy."""

DIRECTIONS: tuple[Direction, Direction] = ("upstream", "downstream")

BUFFER_BYTES = 32 << 20
"""At most so much is on its way in one direction: 250 Mbit/s at a second of delay; beyond it the sender has to wait."""
_WRITE_BUFFER_BYTES = 1 << 18
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class _End(asyncio.Protocol):
    """One of the two sockets."""

    transport: asyncio.Transport | None = None

    def __init__(self, connection: Connection, *, client: bool) -> None:
        self.connection = connection
        self.client = client
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(_WRITE_BUFFER_BYTES)
        transport.pause_reading()
        self.connection.made(self)

    def data_received(self, data: bytes) -> None:
        self.connection.pump_from(self).feed(data)

    def eof_received(self) -> bool:
        self.connection.pump_from(self).end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.lost(self, exc)

    def pause_writing(self) -> None:
        self.connection.pump_to(self).block(blocked=True)

    def resume_writing(self) -> None:
        self.connection.pump_to(self).block(blocked=False)


class _Pump:
    """One direction: what is read goes through the chain of toxics and is written when due."""

    def __init__(self, connection: Connection, framing: Framing, clock: Clock) -> None:
        self.chain = Chain()
        self.done = False
        self.passed_bytes = 0
        self._connection = connection
        self._framer = Framer(framing)
        self._clock = clock
        self._source: asyncio.Transport | None = None
        self._sink: asyncio.Transport | None = None
        self._back: _Pump | None = None
        self._due: deque[Piece] = deque()
        self._injected: list[bytes] = []
        self._at_border = True
        self._blocked = False
        self._timer: asyncio.TimerHandle | None = None

    def join(self, source: asyncio.Transport, sink: asyncio.Transport, back: _Pump) -> None:
        """Both ends are there."""
        self._source, self._sink, self._back = source, sink, back
        self.run()

    def feed(self, data: bytes) -> None:
        """Take bytes of the source."""
        if self.chain.empty and not self._due and not self._injected and self._sink is not None:
            self._framer.follow(data)
            self._at_border = self._framer.at_border
            self.passed_bytes += len(data)
            self._sink.write(data)
            return
        now_ns = self._clock.now_ns()
        for piece in self._framer.split(data):
            self.chain.push(now_ns, piece)
        self.run()

    def end(self) -> None:
        """The source sends no more."""
        self.chain.push(self._clock.now_ns(), Piece(mark=Mark.END))
        self.run()

    def block(self, *, blocked: bool) -> None:
        """The sink takes no more for now, or takes again."""
        self._blocked = blocked
        self.run()

    def inject(self, data: bytes) -> None:
        """Write this between two units."""
        self._injected.append(data)
        self._write_injected()

    def run(self) -> None:
        """Write what is due, and see to what comes next."""
        self.stop()
        if self._sink is None or self._source is None or self._sink.is_closing():
            return
        now_ns = self._clock.now_ns()
        for piece in self.chain.advance(now_ns):
            if piece.mark is Mark.RESET:  # waits for nobody, least of all for a peer that does not read
                self._connection.reset()
                return
            self._due.append(piece)
        while self._due and not self._blocked and not self._sink.is_closing():
            self._deliver(self._due.popleft())
        ready_ns = self.chain.ready_ns
        if self._blocked or now_ns < ready_ns or self.chain.queued_bytes >= BUFFER_BYTES:
            self._source.pause_reading()
        elif not self.done:
            self._source.resume_reading()
        due_ns = min(self.chain.next_due_ns, ready_ns if ready_ns > now_ns else NEVER_NS)
        if due_ns < NEVER_NS:
            wait_s = max(due_ns - now_ns, 0) / NS_PER_S
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.run)

    def stop(self) -> None:
        """Forget what was to come next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _deliver(self, piece: Piece) -> None:
        assert self._sink is not None
        assert self._back is not None
        if piece.back:
            self._back.inject(piece.data)
        elif piece.mark is Mark.DATA:
            self.passed_bytes += len(piece.data)
            self._sink.write(piece.data)
            self._at_border = piece.ends
            self._write_injected()
        elif piece.mark is Mark.END:
            self.done = True
            if self._sink.can_write_eof() and not self._sink.is_closing():
                self._sink.write_eof()
            self._connection.ended()
        else:
            self._connection.close()

    def _write_injected(self) -> None:
        if self._at_border and self._sink is not None and not self.done:
            for data in self._injected:
                self._sink.write(data)
            self._injected.clear()


class Connection:
    """A client's connection and the one to the server that belongs to it; ``number`` counts those of one proxy, from 0."""

    def __init__(self, number: int, framing: Framing, clock: Clock, forget: Callable[[Connection], None]) -> None:
        self.number = number
        self.client = _End(self, client=True)
        self.server = _End(self, client=False)
        self.pumps = {direction: _Pump(self, framing, clock) for direction in DIRECTIONS}
        self._forget = forget
        self._over = False

    def pump_from(self, end: _End) -> _Pump:
        """The direction that starts there."""
        return self.pumps["upstream" if end.client else "downstream"]

    def pump_to(self, end: _End) -> _Pump:
        """The direction that leads there."""
        return self.pumps["downstream" if end.client else "upstream"]

    def made(self, end: _End) -> None:
        """One end is there; once both are, bytes flow."""
        client, server = self.client.transport, self.server.transport
        if self._over:
            assert end.transport is not None
            _reset(end.transport)
        elif client is not None and server is not None:
            up, down = self.pumps["upstream"], self.pumps["downstream"]
            up.join(client, server, down)
            down.join(server, client, up)

    def ended(self) -> None:
        """One direction is over; with both the connection is."""
        if all(pump.done for pump in self.pumps.values()):
            self.close()

    def close(self) -> None:
        """Orderly, once what was written is out."""
        self._finish(lambda transport: transport.close())

    def reset(self) -> None:
        """Both sides get a TCP reset."""
        self._finish(_reset)

    def abort(self) -> None:
        """At once, whatever is still on its way."""
        self._finish(lambda transport: transport.abort())

    def lost(self, end: _End, error: Exception | None) -> None:
        """One socket is gone: a reset is one for the other side too."""
        end.transport = None
        if error is not None:
            self.reset()
        else:
            self.close()
        if self.client.transport is None and self.server.transport is None:
            self._forget(self)

    def _finish(self, how: Callable[[asyncio.Transport], None]) -> None:
        self._over = True
        for pump in self.pumps.values():
            pump.stop()
        for end in (self.client, self.server):
            if end.transport is not None:
                how(end.transport)


def _reset(transport: asyncio.Transport) -> None:
    """Close so that the peer sees a reset: without lingering, what is unsent is dropped."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
