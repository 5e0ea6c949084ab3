"""How two parties come to a connection: A listens, B calls, over TCP or over TLS 1.3 where both show a certificate.

TLS is transport: it keeps strangers and accidents off the channel, and proves nothing about the key, which rests on the
one-time tags alone. Each party names the other by a DNS name in its certificate's subject alternative names, and takes no
other, whoever signed it. A certificate that is not the peer's, is out of date or of another authority is refused at both ends
with :class:`~hil.errors.ChannelRefusedError`, which no retry follows.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

from hil.errors import ChannelClosedError, ChannelRefusedError
from hil.pipeline.wire import SocketWire

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Caller", "Listener", "TlsIdentity"]

_GREETING = struct.Struct(">16sHI")
_MAGIC = b"hil-qkd-session1"
_RETRY_S = 0.05
_PARTING_S = 1.0


@dataclass(frozen=True)
class TlsIdentity:
    """One party's PEM files, and the name that the other party's certificate has to carry."""

    ca: Path
    certificate: Path
    private_key: Path
    peer: str


class _Wrapped(ssl.SSLSocket):
    """Python looks at what it wraps, and forgets to close it where the connection was reset meanwhile."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except OSError:
            if self.version() is None:  # no handshake yet
                self.close()
            raise


class Listener:
    """A's end: waits for B at ``address`` (host, port; port 0 takes any). A context manager."""

    def __init__(self, address: tuple[str, int], lanes: int, timeout_s: float, tls: TlsIdentity | None = None) -> None:
        self._lanes, self._timeout_s, self._tls = lanes, timeout_s, tls
        try:
            self._socket = socket.create_server(address)
        except OSError as error:
            raise ChannelRefusedError(
                f"cannot listen for the classical channel at {address[0]}:{address[1]}: {error}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def connect(self) -> SocketWire:
        """The next connection that greets as B should: ChannelClosedError when none comes in time.

        A stranger who is refused does not keep B out. ChannelRefusedError where everybody who called was refused; where other
        calls broke, the channel damages what is said, refusals included.
        """
        deadline_s = time.monotonic() + self._timeout_s
        refusal: ChannelRefusedError | None = None
        why = ""
        while (left_s := deadline_s - time.monotonic()) > 0.0:
            self._socket.settimeout(left_s)
            try:
                sock = self._newest(self._socket.accept()[0])
                return _greeted(sock, self._lanes, max(deadline_s - time.monotonic(), _RETRY_S), self._tls, server=True)
            except ChannelRefusedError as refused:
                refusal = refused
            except ChannelClosedError as broken:
                why = str(broken)
            except OSError:
                break
        if refusal is not None and not why:
            raise refusal
        raise ChannelClosedError(f"no connection within {self._timeout_s:g} s: {why or 'nobody called'}")

    def _newest(self, sock: socket.socket) -> socket.socket:
        """Of all calls that wait, the last: B has given the others up."""
        self._socket.settimeout(0.0)
        with suppress(BlockingIOError):
            while True:
                newer, _ = self._socket.accept()
                sock.close()
                sock = newer
        return sock


class Caller:
    """B's end: calls ``address``.

    It waits for the greeting for twice the timeout: so long A may sit on a connection that is dead before it takes this one.
    """

    def __init__(self, address: tuple[str, int], lanes: int, timeout_s: float, tls: TlsIdentity | None = None) -> None:
        self.address = address
        self._lanes, self._timeout_s, self._tls = lanes, timeout_s, tls

    def connect(self) -> SocketWire:
        """A connection on which A greets; ChannelClosedError when none comes about in time."""
        deadline_s = time.monotonic() + self._timeout_s
        why = ""
        while (left_s := deadline_s - time.monotonic()) > 0.0:
            try:
                sock = socket.create_connection(self.address, left_s)
                return _greeted(sock, self._lanes, 2.0 * self._timeout_s, self._tls, server=False)
            except (OSError, ChannelClosedError) as error:
                why = str(error)
                time.sleep(min(_RETRY_S, max(0.0, deadline_s - time.monotonic())))
        raise ChannelClosedError(f"no connection to {_shown(self.address)} within {self._timeout_s:g} s: {why}")


def _shown(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"


def _greeted(sock: socket.socket, lanes: int, timeout_s: float, tls: TlsIdentity | None, *, server: bool) -> SocketWire:
    """TLS, the peer's name, and one greeting each way, so that a refusal is known here and not in the first block."""
    sock.settimeout(timeout_s)
    shaking = False
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            sock = _wrapped(sock, tls, server=server)
            shaking = True
            sock.do_handshake()
            shaking = False
            _check_name(sock, tls.peer)
        sock.sendall(_GREETING.pack(_MAGIC, lanes, _check_sum(lanes)))
        _check_greeting(_exactly(sock, _GREETING.size), lanes)
    except BaseException as error:
        _dismiss(sock)
        if isinstance(error, OSError):
            raise _in_words(error, told=server or not shaking) from error
        raise
    return SocketWire(sock)


def _wrapped(sock: socket.socket, tls: TlsIdentity, *, server: bool) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _Wrapped
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # _check_name takes one name, at both ends
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(tls.certificate, tls.private_key)
        context.load_verify_locations(tls.ca)
    except OSError as error:
        raise ChannelRefusedError(f"{tls.certificate}, {tls.private_key}, {tls.ca}: no usable PEM files ({error})") from error
    return context.wrap_socket(sock, server_side=server, do_handshake_on_connect=False)


def _check_name(sock: ssl.SSLSocket, expected: str) -> None:
    shown = cast("Iterable[tuple[str, str]]", (sock.getpeercert() or {}).get("subjectAltName", ()))
    names = [value for kind, value in shown if kind == "DNS"]
    if expected not in names:
        raise ChannelRefusedError(
            f"the other end shows a certificate of {', '.join(names) or 'nobody'} where one of {expected} is expected"
        )


def _check_greeting(greeting: bytes, lanes: int) -> None:
    magic, theirs, check = _GREETING.unpack(greeting)
    if magic != _MAGIC or check != _check_sum(theirs):
        raise ChannelClosedError("who answers is no party of a key distillation, or its greeting was damaged")
    if theirs != lanes:
        raise ChannelRefusedError(f"the other end has {theirs} blocks in flight, this one {lanes}; set both alike")


def _check_sum(lanes: int) -> int:
    """A damaged greeting must not pass for another number of lanes, which would be a mistake that no retry mends."""
    return zlib.crc32(_MAGIC + lanes.to_bytes(2, "big"))


def _dismiss(sock: socket.socket) -> None:
    """Close without a reset, which would overtake the alert that tells the other end why."""
    with suppress(OSError), sock:
        sock.settimeout(_PARTING_S)
        socket.socket.shutdown(sock, socket.SHUT_WR)
        while socket.socket.recv(sock, 4096):
            pass


def _in_words(error: OSError, *, told: bool) -> ChannelClosedError | ChannelRefusedError:
    """A refusal by the other end comes as an alert that names the certificate; everything else is a broken connection.

    ``told``: whether an alert may say so. In TLS 1.3 a caller hears what the listener makes of its certificate once its own
    handshake is over; an alert before that goes in the clear, and damage on the way can make any of it.
    """
    if isinstance(error, ChannelClosedError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return ChannelRefusedError(f"the other end's certificate is refused: {error.verify_message}")
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    if told and any(word in reason for word in ("CERT", "UNKNOWN_CA")):
        return ChannelRefusedError(f"TLS was refused ({reason}): check the certificates of both ends")
    if reason:
        return ChannelClosedError(
            f"TLS could not be begun ({reason}): a damaged message, or an end that does not speak TLS 1.3"
        )
    return ChannelClosedError(f"the connection broke before it was made: {error}")


def _exactly(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = sock.recv(length - len(data))
        if not piece:
            raise ConnectionError("the other end closed the connection")
        data += piece
    return data
