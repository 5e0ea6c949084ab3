"""ZMQ request and reply: every message is one request, whoever sends it, and has one message for its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import BenchError, UsageError

from ._conversation import Conversation
from .zmq_push import PushPort

if TYPE_CHECKING:
    import zmq

    from hil.device_sims.spec import Endpoint, Push

    from ._conversation import Port

__all__ = ["ZmqCarrier"]

_MOST_CLIENTS = 64
"""ZMQ does not tell when a client has left; those that were silent longest are forgotten."""


class ZmqCarrier:
    """Serves one port of a device on a ROUTER socket, to which any number of REQ clients may connect.

    Needs the extra ``zmq``; UsageError says so.
    """

    def __init__(self, port: Port, host: str, number: int) -> None:
        self.host, self.number = host, number
        self._port = port
        self._clients: dict[tuple[bytes, ...], Conversation] = {}
        self._pushing: list[PushPort] = []
        self._context = _context(port.device)
        self._socket: zmq.Socket[bytes] | None = None
        self._listen()

    async def start(self) -> None:
        """Take clients."""
        self._watch()

    def power_cycle(self, endpoint: Endpoint) -> None:
        """Put a fresh device behind the port, which listens again if it did not; in the loop's thread."""
        self._push_no_more()
        self._port.power_cycle(endpoint)
        if self._socket is None:
            self._listen()
            self._watch()

    def cut_power(self) -> None:
        """The device is gone until its next power cycle, and with it every connection; in the loop's thread."""
        self._port.has_power = False
        self._drop()

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        self._drop()
        self._context.term()

    def _listen(self) -> None:
        import zmq

        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        try:
            self._socket.bind(f"tcp://{self.host}:{self.number or '*'}")
        except zmq.ZMQError as error:
            self._socket.close()
            self._context.term()
            raise BenchError(
                f"{self._port.device}: port {self.number} of {self.host} cannot be opened ({error}); end the program that"
                " holds it, or give this device another port"
            ) from error
        self.number = int(self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    def _watch(self) -> None:
        if self._socket is not None:
            self._port.loop.add_reader(self._socket.fileno(), self._readable)
            self._port.loop.call_soon(self._readable)

    def _push_no_more(self) -> None:
        for each in self._pushing:
            each.close()
        self._pushing.clear()

    def _drop(self) -> None:
        self._push_no_more()
        for conversation in self._clients.values():
            conversation.end()
        self._clients.clear()
        if self._socket is not None:
            self._port.loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _readable(self) -> None:
        """Take every message there is: the descriptor tells of the first only."""
        import zmq

        while self._socket is not None:
            try:
                client, *middle, request = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            self._heard(client, middle, request)

    def _heard(self, client: bytes, middle: list[bytes], request: bytes) -> None:
        # behind a proxy there are several clients, told from each other by what stands in the middle
        whose = client, *middle
        conversation = self._clients.pop(whose, None)
        if conversation is None:
            while len(self._clients) >= _MOST_CLIENTS:
                self._clients.pop(next(iter(self._clients))).end()
            conversation = Conversation(self._port, lambda answer: self._send([*whose, answer]), self._push)
        self._clients[whose] = conversation
        conversation.heard(request)
        for each in self._pushing:
            each.flush()

    def _push(self, wanted: Push) -> bytes:
        """Open a port for what a device has to say by itself; the answer to whoever asked for it."""
        self._pushing = [each for each in self._pushing if each.is_open]
        try:
            self._pushing.append(PushPort(self._port, self._context, self.host, wanted))
        except BenchError as error:
            return wanted.refused(str(error))
        return wanted.data

    def _send(self, parts: list[bytes]) -> None:
        if self._socket is not None:
            self._socket.send_multipart(parts)
            # sending may have taken in what came meanwhile, of which the descriptor then does not tell
            self._port.loop.call_soon(self._readable)


def _context(device: str) -> zmq.Context[zmq.Socket[bytes]]:
    try:
        import zmq
    except ModuleNotFoundError:
        raise UsageError(f"{device}: a simulated device on ZMQ needs pyzmq; install qkd-hil[zmq]") from None
    return zmq.Context()
