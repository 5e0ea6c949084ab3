"""One client's bytes to a session and its replies back, in order and, on a real clock, as late as the device is slow."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING

from hil.device_sims.spec import Later, Push

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from hil.clock import Clock, Scheduled
    from hil.device_sims.spec import Endpoint, Reply

__all__ = ["Conversation", "Port"]

_PATIENCE_S = 10.0
_BROKE_DOWN = "%s: the simulated device broke down; it goes on as after power-up"

logger = logging.getLogger("hil.device_sims")


class Port:
    """One port of one device for as long as its host lives; the device behind it can be replaced under open connections."""

    def __init__(self, device: str, endpoint: Endpoint, clock: Clock, loop: asyncio.AbstractEventLoop, speed: float) -> None:
        self.device = device
        self.endpoint = endpoint
        self.clock = clock
        self.loop = loop
        self.speed = speed
        self.seconds_per_delay = 0.0 if clock.virtual else 1.0 / speed
        self.conversations: set[Conversation] = set()
        self.has_power = True

    def power_cycle(self, endpoint: Endpoint) -> None:
        """Put a device fresh from power-up behind the port. Connections stay; what was half said on them is gone."""
        self.endpoint = endpoint
        self.has_power = True
        for conversation in self.conversations:
            conversation.begin()


class Conversation:
    """A session and the way back to its client. All of it happens in the loop's thread.

    ``push`` opens a port for messages of their own, where the carrier has such, and returns the answer to whoever asked.
    """

    def __init__(self, port: Port, send: Callable[[bytes], None], push: Callable[[Push], bytes] | None = None) -> None:
        self._port = port
        self._send = send
        self._push = push
        self._waiting: list[asyncio.TimerHandle] = []
        self._promised: list[Scheduled] = []
        self._busy_until_s = 0.0
        port.conversations.add(self)
        self.begin()

    def begin(self) -> None:
        """Start from nothing, dropping replies that are still to come."""
        self._silence()
        self._session = self._port.endpoint.session()
        opened = getattr(self._session, "opened", None)
        if opened is not None and self._port.has_power:
            self._say(opened(self._port.clock.now_ns()))

    def end(self) -> None:
        """The client is gone."""
        self._silence()
        self._port.conversations.discard(self)

    def heard(self, data: bytes) -> None:
        """Hand bytes to the session and send what it replies; a device without power hears nothing."""
        if not self._port.has_power:
            return
        try:
            replies = self._session.received(data, self._port.clock.now_ns())
        except Exception:
            logger.exception(_BROKE_DOWN, self._port.device)
            self.begin()
            return
        self._say(replies)

    def _say(self, replies: Sequence[Reply | Later | Push]) -> None:
        at_once = []
        for reply in replies:
            if isinstance(reply, Later):
                self._promise(reply.delay_s, reply.make)
            elif isinstance(reply, Push):
                at_once.append(reply.refused("this carrier pushes nothing") if self._push is None else self._push(reply))
            elif self._is_late(reply):
                self._send_late(reply)
            else:
                at_once.append(reply.data)
        if at_once:
            self._send(b"".join(at_once) if len(at_once) > 1 else at_once[0])

    def _is_late(self, reply: Reply) -> bool:
        factor = self._port.seconds_per_delay
        return factor > 0.0 and (reply.delay_s > 0.0 or self._busy_until_s > self._port.loop.time())

    def _send_late(self, reply: Reply) -> None:
        """A device that is busy answers one thing after the other."""
        loop = self._port.loop
        self._waiting = [handle for handle in self._waiting if handle.when() > loop.time()]
        due_s = max(loop.time() + reply.delay_s * self._port.seconds_per_delay, self._busy_until_s)
        self._busy_until_s = due_s
        self._waiting.append(loop.call_at(due_s, self._send, reply.data))

    def _promise(self, delay_s: float, make: Callable[[int], tuple[bytes, float | None]]) -> None:
        """Say it when the bench's time has come to it."""
        clock, loop = self._port.clock, self._port.loop

        def keep() -> None:
            try:
                data, again_s = make(clock.now_ns())
            except Exception:
                logger.exception(_BROKE_DOWN, self._port.device)
                self.begin()
                return
            if data:
                self._send(data)
            if again_s is not None:
                self._promise(again_s, make)

        if not clock.virtual:
            self._waiting = [handle for handle in self._waiting if handle.when() > loop.time()]
            self._waiting.append(loop.call_at(loop.time() + delay_s * self._port.seconds_per_delay, keep))
            return

        def in_the_loop() -> None:
            kept: Future[None] = Future()

            def call() -> None:
                keep()
                kept.set_result(None)

            loop.call_soon_threadsafe(call)
            kept.result(_PATIENCE_S)

        self._promised = [promise for promise in self._promised if promise.due_ns > clock.now_ns()]
        self._promised.append(clock.call_at(clock.now_ns() + round(delay_s * 1e9), in_the_loop))

    def _silence(self) -> None:
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()
        for promise in self._promised:
            promise.cancel()
        self._promised.clear()
        self._busy_until_s = 0.0
