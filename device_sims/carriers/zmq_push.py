"""A ZMQ port on which a device pushes messages to one client (an exclusive pair), for as long as the device wants."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.device_sims.spec import Later
from hil.errors import BenchError

from ._conversation import Conversation, Port

if TYPE_CHECKING:
    import zmq

    from hil.device_sims.spec import Push, Reply

__all__ = ["PushPort"]

_LINGER_MS = 500
"""Messages that were sent still reach a client that is there; the port is freed much sooner."""


class PushPort:
    """Bound from construction on; BenchError where the port cannot be had. All of it happens in the loop's thread.

    ``of`` is the port by which it was asked for: its device, clock and speed.
    """

    def __init__(self, of: Port, context: zmq.Context[zmq.Socket[bytes]], host: str, wanted: Push) -> None:
        import zmq

        self._wanted = wanted
        self._socket = context.socket(zmq.PAIR)
        self._socket.linger = _LINGER_MS
        try:
            self._socket.bind(f"tcp://{host}:{wanted.port}")
        except zmq.ZMQError as error:
            self._socket.close()
            raise BenchError(f"{of.device}: port {wanted.port} of {host} cannot be opened ({error})") from error
        self.is_open = True
        endpoint = replace(of.endpoint, session=lambda: _Clockwork(self, wanted))
        self._conversation = Conversation(Port(of.device, endpoint, of.clock, of.loop, of.speed), lambda _data: None)

    def flush(self) -> None:
        """Send what can be sent; the rest waits until a client has come. When there will be no more, the port is closed."""
        import zmq

        while self.is_open and self._wanted.outbox:
            try:
                self._socket.send(self._wanted.outbox[0], zmq.DONTWAIT)
            except zmq.Again:
                break
            self._wanted.outbox.popleft()
        if self._wanted.ended:
            self.close()

    def close(self) -> None:
        """No more, and the port is free for others; a second call does nothing."""
        import zmq

        if not self.is_open:
            return
        self.is_open = False
        self._conversation.end()
        closed = self._socket.get_monitor_socket(zmq.EVENT_CLOSED)
        self._socket.unbind(self._socket.getsockopt_string(zmq.LAST_ENDPOINT))
        closed.poll(_LINGER_MS)
        self._socket.disable_monitor()
        closed.close()
        self._socket.close()


class _Clockwork:
    """Asks the device every so often whether it has something to say."""

    def __init__(self, port: PushPort, wanted: Push) -> None:
        self._port, self._wanted = port, wanted

    def opened(self, _now_ns: int) -> list[Later]:
        return [Later(self._wanted.every_s, self._tick)]

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """What a client says here nobody hears."""
        del data, now_ns
        return []

    def _tick(self, now_ns: int) -> tuple[bytes, float | None]:
        wanted = self._wanted
        if not wanted.ended:
            wanted.advance(now_ns)
        self._port.flush()
        return b"", wanted.every_s if self._port.is_open else None
