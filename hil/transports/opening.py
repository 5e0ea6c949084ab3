"""Picks the port for a device's resource string."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.transports.port import Port, SerialLine, server_address, tcp_address
from hil.transports.serial import SerialPort
from hil.transports.taping import port_or_tape
from hil.transports.tcp import TcpPort
from hil.transports.transport import Transport
from hil.transports.visa import VisaPort
from hil.transports.zmq import ZmqPort

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.transports.recovery import Marker

__all__ = ["over_raw", "over_visa", "over_zmq", "over_zmq_pair"]


def over_visa(
    device: str,
    resource: str,
    *,
    timeout_s: float,
    library: str = "@py",
    line: SerialLine | None = None,
    markers: tuple[Marker, ...] = (),
    secret: tuple[bytes, ...] = (),
) -> Transport:
    """A transport over pyvisa; ``line`` sets a serial line, ``library`` is pyvisa's (``@py``, ``file.yaml@sim``).

    A line behind a device server (``ASRLsocket://``) is reached without pyvisa. ``secret``: what requests begin with whose
    replies hold key material; they never get on a tape.
    """

    def make() -> Port:
        if server_address(resource) is not None:
            return TcpPort(device, resource)
        return VisaPort(device, resource, library=library, line=line)

    port = port_or_tape(make, resource, secret)
    return Transport(port, timeout_s=timeout_s, markers=markers)


def over_raw(
    device: str,
    resource: str,
    *,
    timeout_s: float,
    line: SerialLine | None = None,
    markers: tuple[Marker, ...] = (),
    secret: tuple[bytes, ...] = (),
) -> Transport:
    """A transport over a plain socket (``TCPIP::…::SOCKET``, ``ASRLsocket://…`` behind a device server) or pyserial.

    ``secret``: as in :func:`over_visa`; an empty one stands for every request.
    """

    def make() -> Port:
        streams = tcp_address(resource) is not None or server_address(resource) is not None
        return TcpPort(device, resource) if streams else SerialPort(device, resource, line or SerialLine())

    port = port_or_tape(make, resource, secret)
    return Transport(port, timeout_s=timeout_s, markers=markers)


def over_zmq(device: str, resource: str, *, timeout_s: float, secret: tuple[bytes, ...] = ()) -> Transport:
    """A transport over ZMQ requests to ``tcp://host:port``; a reply is everything up to a zero byte.

    ``secret``: as in :func:`over_visa`.
    """
    return Transport(port_or_tape(lambda: ZmqPort(device, resource), resource, secret), timeout_s=timeout_s)


def over_zmq_pair(
    device: str, resource: str, *, timeout_s: float, locate: Callable[[], str], secret: tuple[bytes, ...] = ()
) -> Transport:
    """A transport that is only read from: what the other side of a ZMQ pair pushes, at ``tcp://host:port``.

    ``locate`` tells that address at each opening, as whoever pushes may be told another port every time. ``secret``: as in
    :func:`over_visa`; an empty one stands for everything.
    """
    return Transport(
        port_or_tape(lambda: ZmqPort(device, resource, pushed=True, locate=locate), resource, secret), timeout_s=timeout_s
    )
