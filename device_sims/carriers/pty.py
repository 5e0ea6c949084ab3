"""A pseudo terminal as a serial line: one session for good, whoever opens it."""

from __future__ import annotations

import os
import termios
import tty
from typing import TYPE_CHECKING

from ._conversation import Conversation
from ._pacing import paced_line

if TYPE_CHECKING:
    from hil.device_sims.spec import Endpoint

    from ._conversation import Port

__all__ = ["PtyCarrier"]

_CHUNK = 1 << 16
_OVERRUN = 1 << 16


class PtyCarrier:
    """Serves one port of a device on a pty whose other end is :attr:`path`.

    The client's end is held open here too, or the line would break with each client that leaves. As on any serial line
    without flow control, what nobody reads is lost in the end. ``paced``: bytes take the time of the line's baud rate, whatever
    the client set, on a real clock.
    """

    def __init__(self, port: Port, *, paced: bool = False) -> None:
        self._port = port
        self._master, self._slave = os.openpty()  # type: ignore[attr-defined, unused-ignore]
        tty.setraw(self._slave)  # type: ignore[attr-defined, unused-ignore]
        os.set_blocking(self._master, False)  # type: ignore[attr-defined, unused-ignore]
        self.path = os.ttyname(self._slave)  # type: ignore[attr-defined, unused-ignore]
        self._unsent = bytearray()
        self._in, self._out = paced_line(port, paced=paced)
        self._conversation = Conversation(port, self._send)

    async def start(self) -> None:
        """Take clients."""
        self._port.loop.add_reader(self._master, self._readable)

    def power_cycle(self, endpoint: Endpoint) -> None:
        """Put a fresh device behind the line and forget what is on it, both ways; in the loop's thread."""
        self._port.power_cycle(endpoint)
        self._forget()
        termios.tcflush(self._slave, termios.TCIOFLUSH)  # type: ignore[attr-defined, unused-ignore]

    def cut_power(self) -> None:
        """The device says nothing until its next power cycle; the line itself stays. In the loop's thread."""
        self._port.has_power = False
        self._conversation.begin()
        self._forget()

    async def close(self) -> None:
        """Give the pty back."""
        self._conversation.end()
        self._forget()
        self._port.loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return
        self._in.carry(data, self._conversation.heard)

    def _send(self, data: bytes) -> None:
        self._out.carry(data, self._put)

    def _put(self, data: bytes) -> None:
        if self._unsent:
            self._unsent += data[: max(0, _OVERRUN - len(self._unsent))]
            return
        self._unsent += data
        self._flush()

    def _flush(self) -> None:
        try:
            written = os.write(self._master, self._unsent)
        except BlockingIOError:
            written = 0
        del self._unsent[:written]
        if self._unsent:
            self._port.loop.add_writer(self._master, self._flush)
        else:
            self._port.loop.remove_writer(self._master)

    def _forget(self) -> None:
        self._in.drop()
        self._out.drop()
        self._unsent.clear()
        self._port.loop.remove_writer(self._master)
