"""ZMQ requests and replies (REQ/REP): a message out, a message back, each told from the next by a zero byte here.

A ZMQ socket connects in the background and for ever; here a port where nobody is is found at opening, and a connection
that ends is noticed at once. A pair (PAIR) is only read from: what is pushed on it comes as it is, message after message.
pyzmq comes with the extra ``zmq``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.transports.port import unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    import zmq

__all__ = ["END_OF_MESSAGE", "ZmqPort"]

END_OF_MESSAGE = b"\0"
"""What a received message is followed by; text has none."""


class ZmqPort:
    """Port over ``tcp://host:port``. Whatever is sent is one request, and has to be answered before the next.

    ``pushed``: the other side speaks unasked, on a pair. ``locate`` tells at each opening where it is by then.
    """

    reopens_clean = True

    def __init__(self, device: str, resource: str, *, pushed: bool = False, locate: Callable[[], str] | None = None) -> None:
        if not resource.startswith("tcp://"):
            raise UsageError(f"{device}: resource {resource!r}: expected tcp://HOST:PORT")
        self.device = device
        self.resource = resource
        self._end = b"" if pushed else END_OF_MESSAGE
        self._pushed, self._locate = pushed, locate
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._events: zmq.Socket[bytes] | None = None
        self._unread = b""

    def open(self, timeout_s: float) -> None:
        """Connect, and shake hands with somebody who speaks ZMQ."""
        zmq = _pyzmq(self.device)
        self.resource = self._locate() if self._locate else self.resource
        self._unread = b""
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PAIR if self._pushed else zmq.REQ)
        self._socket.linger = 0
        watched = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_CONNECT_RETRIED | zmq.EVENT_DISCONNECTED
        try:
            self._events = self._socket.get_monitor_socket(watched)
            self._socket.connect(self.resource)
            shaken = self._next_event(timeout_s) == zmq.EVENT_HANDSHAKE_SUCCEEDED
        except zmq.ZMQError as error:
            self.close()
            raise unreachable(self, error) from error
        if not shaken:
            self.close()
            raise unreachable(self, "nobody there speaks ZMQ")

    def close(self) -> None:
        """Let go of the connection; a second call does nothing."""
        if self._socket is not None:
            self._socket.disable_monitor()
            self._socket.close()
        if self._events is not None:
            self._events.close()
        if self._context is not None:
            self._context.term()
        self._socket = self._events = self._context = None

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send one request."""
        connection = self._connected()
        zmq = _pyzmq(self.device)
        try:
            connection.sndtimeo = max(1, round(timeout_s * 1e3))
            connection.send(data)
        except zmq.ZMQError as error:
            raise unreachable(self, error) from error

    def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:  # noqa: ARG002  (a message has its own end)
        """What has arrived of the reply, at most ``count`` bytes."""
        if not self._unread:
            self._unread = self._message(timeout_s)
        data, self._unread = self._unread[:count], self._unread[count:]
        return data

    def waiting(self) -> bool:
        """What has come of a reply that was not read to its end: ZMQ lets nothing come unasked."""
        return bool(self._unread)

    def _message(self, timeout_s: float) -> bytes:
        """The reply and its end, or nothing when none came in time."""
        connection = self._connected()
        zmq = _pyzmq(self.device)
        poller = zmq.Poller()
        for watched in (connection, self._events):
            poller.register(watched, zmq.POLLIN)
        ready = dict(poller.poll(timeout_s * 1e3))
        if connection in ready:
            return connection.recv() + self._end
        if ready and self._next_event(0.0) != zmq.EVENT_HANDSHAKE_SUCCEEDED:
            raise unreachable(self, "the device closed the connection")
        return b""

    def _next_event(self, timeout_s: float) -> int:
        """What has happened to the connection, 0 when nothing has in time."""
        from zmq.utils.monitor import recv_monitor_message

        if self._events is None or not self._events.poll(round(timeout_s * 1e3)):
            return 0
        return int(recv_monitor_message(self._events)["event"])

    def _connected(self) -> zmq.Socket[bytes]:
        if self._socket is None:
            raise unreachable(self, "not open")
        return self._socket


def _pyzmq(device: str) -> Any:
    """The module."""
    try:
        import zmq
    except ModuleNotFoundError:
        raise UsageError(f"{device}: talks over ZMQ, which needs pyzmq; install qkd-hil[zmq]") from None
    return zmq
