"""Which relay can be put between a device and its driver, by the device's resource."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from hil.suites.contracts.relay_pty import PtyRelay
from hil.suites.contracts.relay_tcp import TcpRelay
from hil.suites.contracts.relay_zmq import ZmqRelay

if TYPE_CHECKING:
    from hil.suites.contracts.relay import Relay

__all__ = ["can_relay", "relay_to"]

_TCP = re.compile(r"TCPIP\d*::(?P<host>.+)::(?P<port>\d+)::SOCKET", re.IGNORECASE)
_SERVER = re.compile(r"ASRLsocket://(?P<host>[^/]+):(?P<port>\d+)(::INSTR)?", re.IGNORECASE)
_URL = re.compile(r"(?P<scheme>http|tcp)://(?P<host>[^:/]+):(?P<port>\d+)")
_PTY = re.compile(r"ASRL(?P<path>/dev/(pts/|ttys|hil-).+?)(::INSTR)?")


def can_relay(resource: str) -> bool:
    """Whether something can be put between this device and its driver."""
    pty = _PTY.fullmatch(resource) is not None and os.name == "posix"
    return pty or any(pattern.fullmatch(resource) for pattern in (_TCP, _SERVER, _URL))


def relay_to(resource: str) -> Relay:
    """A relay to the device at this resource, reached by the same carrier; ValueError where there is none for it."""
    if (found := _TCP.fullmatch(resource)) is not None:
        return TcpRelay((found["host"], int(found["port"])), "TCPIP::127.0.0.1::{port}::SOCKET")
    if (found := _SERVER.fullmatch(resource)) is not None:
        return TcpRelay((found["host"], int(found["port"])), "ASRLsocket://127.0.0.1:{port}::INSTR")
    if (found := _URL.fullmatch(resource)) is not None:
        if found["scheme"] == "tcp":
            return ZmqRelay(resource, found["host"])
        return TcpRelay((found["host"], int(found["port"])), "http://127.0.0.1:{port}")
    if (found := _PTY.fullmatch(resource)) is not None:
        return PtyRelay(found["path"])
    raise ValueError(f"{resource}: nothing can be put between a driver and this; put it behind a device server")
