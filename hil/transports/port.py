"""What a transport needs of a port, and how resource strings name one."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Literal, Protocol

from hil.errors import DeviceUnreachableError, UsageError

__all__ = ["Port", "SerialLine", "peeked", "serial_url", "server_address", "tcp_address", "unreachable"]

_TCP = re.compile(r"TCPIP\d*::(?P<host>.+)::(?P<port>\d+)::SOCKET", re.IGNORECASE)
_SERVER = re.compile(r"ASRLsocket://(?P<host>[^/]+):(?P<port>\d+)(::INSTR)?", re.IGNORECASE)
_SERIAL = re.compile(r"ASRL(?P<url>.+?)(::INSTR)?", re.IGNORECASE)


@dataclass(frozen=True)
class SerialLine:
    """How a serial line is set; every driver of a serial device states it."""

    baud_rate: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1


class Port(Protocol):
    """One physical port. Not thread-safe: a :class:`~hil.transports.Transport` serialises its use.

    ``reopens_clean``: whether reopening drops what the device still had to say (a TCP stream does, a serial line does not).
    Every method raises DeviceUnreachableError when the connection is refused, closed or lost.
    """

    device: str
    resource: str
    reopens_clean: bool

    def open(self, timeout_s: float) -> None:
        """Connect; whoever refuses is found out here, not at the first query."""
        ...

    def close(self) -> None:
        """Let go; a second call does nothing."""
        ...

    def send(self, data: bytes, timeout_s: float) -> None:
        """Hand over all of ``data``, or raise."""
        ...

    def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:
        """One to ``count`` bytes, as soon as there are any; ``b""`` when none came in time.

        ``stop`` is the last byte of the awaited terminator (empty when a count is awaited): message-based ports need it.
        """
        ...

    def waiting(self) -> bool:
        """Whether bytes have come that nobody read yet; False where that cannot be told, and at the end of a stream."""
        ...


def peeked(connection: socket.socket) -> bytes | None:
    """The next byte of a stream, left there; nothing at its end, None when none has come. Leaves the socket not blocking."""
    try:
        connection.settimeout(0.0)
        return connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return None


def tcp_address(resource: str) -> tuple[str, int] | None:
    """Host and port of ``TCPIP::host::port::SOCKET``, or None for any other resource."""
    match = _TCP.fullmatch(resource)
    return (match["host"].strip("[]"), int(match["port"])) if match else None


def server_address(resource: str) -> tuple[str, int] | None:
    """Host and port of ``ASRLsocket://host:port::INSTR``, a serial line behind a device server; None for anything else."""
    match = _SERVER.fullmatch(resource)
    return (match["host"].strip("[]"), int(match["port"])) if match else None


def serial_url(resource: str) -> str:
    """What pyserial opens for ``ASRL/dev/ttyUSB0::INSTR``, ``ASRL3::INSTR`` or another of its URLs; UsageError otherwise."""
    match = _SERIAL.fullmatch(resource)
    if match is None:
        raise UsageError(f"resource {resource!r}: expected TCPIP::host::port::SOCKET or ASRL/dev/serial/by-id/...::INSTR")
    url = match["url"]
    return f"COM{url}" if url.isdigit() else url


def unreachable(port: Port, cause: object) -> DeviceUnreachableError:
    """The error for a port that cannot be opened or was lost, with what to check."""
    return DeviceUnreachableError(
        port.device,
        f"no connection to {port.resource} ({cause}); check that it is switched on and cabled, that no other program holds"
        f" it, and the address of [device.{port.device}] in the bench file",
    )
