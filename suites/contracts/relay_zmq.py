"""A relay of ZMQ requests."""

from __future__ import annotations

import selectors
import socket
from functools import partial
from typing import Any

from hil.suites.contracts.relay import Relay

__all__ = ["ZmqRelay"]


class ZmqRelay(Relay):
    """A relay of ZMQ requests: a message is a piece, and whole."""

    cuts = False

    def __init__(self, resource: str, host: str) -> None:
        import zmq

        self._context: zmq.Context[Any] = zmq.Context()
        self._device, self._host = resource, host
        self._front: Any = None
        self._back: Any = None
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._number = found.getsockname()[1]
        super().__init__(f"tcp://127.0.0.1:{self._number}")

    def say(self, data: bytes) -> None:
        """Nothing can be said unasked: ZMQ keeps request and reply together."""

    def _listen(self) -> None:
        import zmq

        if self._front is not None:
            return
        self._front, self._back = self._context.socket(zmq.ROUTER), self._context.socket(zmq.DEALER)
        self._front.linger = self._back.linger = 0
        self._front.bind(self.resource)
        self._back.connect(self._device)
        for end, side in ((self._front, ">"), (self._back, "<")):
            self._selector.register(end.getsockopt(zmq.FD), selectors.EVENT_READ, partial(self._messages, end, side))

    def _deafen(self) -> None:
        import zmq

        if self._front is not None:
            for end in (self._front, self._back):
                self._selector.unregister(end.getsockopt(zmq.FD))
                end.close()
            self._front = self._back = None

    def _finish(self) -> None:
        self._context.term()

    def _to_device(self, data: bytes) -> bool:
        if self._back is not None:
            self._back.send_multipart([b"contract", b"", data])
        return self._back is not None

    def _messages(self, _source: Any, _side: str) -> None:
        """Take every message of either side: a descriptor tells of the first only, and sending may take in others."""
        moved = True
        while moved and self._front is not None:
            moved = False
            for end, side in ((self._front, ">"), (self._back, "<")):
                moved = self._message(end, side) or moved

    def _message(self, source: Any, side: str) -> bool:
        import zmq

        if self._front is None:
            return False
        try:
            *head, data = source.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return False
        target = self._back if side == ">" else self._front
        if passed := (self.to_device if side == ">" else self.to_driver)(data):
            self.turns.append((side, passed))
            target.send_multipart([*head, passed])
        self._end_if_told()
        return True
