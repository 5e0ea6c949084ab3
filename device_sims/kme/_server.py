"""HTTPS with client certificates in front of one KME's rules: the wire of ETSI GS QKD 014.

Each connection has a thread of its own, in which also its handshake runs, so that a silent or slow client delays nobody.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ._certificates import SAE_URI, TlsFiles
from ._condition import Condition
from ._delivery import Answer, KmeRules

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KmeServer"]

_log = logging.getLogger("hil.kme")
_HANDSHAKE_S = 5.0
_IDLE_S = 30.0
_MAX_BODY = 65_536
_ROOT = ("api", "v1", "keys")


class KmeServer:
    """A KME on a loopback port, from construction until :meth:`close`."""

    def __init__(
        self, rules: KmeRules, files: TlsFiles, condition: Condition | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files.ca)
        context.load_cert_chain(files.certificate, files.private_key)
        self.condition = Condition() if condition is None else condition
        self._server = _Server((host, port), rules, context, self.condition)
        self.url = f"https://{host}:{self._server.server_address[1]}"
        name = f"hil-kme-{rules.own.kme_id}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name=name, daemon=True)
        self._thread.start()

    def show(self, files: TlsFiles) -> None:
        """Show this certificate from the next connection on; those there are end."""
        self._server.context.load_cert_chain(files.certificate, files.private_key)
        self._server.end_connections()

    def close(self) -> None:
        """End every connection and thread; a second call does nothing."""
        self.condition.closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.drop_connections()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing joins the threads of all connections
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], rules: KmeRules, context: ssl.SSLContext, condition: Condition) -> None:
        self.rules = rules
        self.condition = condition
        self.context = context
        self._open: set[socket.socket] = set()
        self._closing = False
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands and serve one connection; a client that is refused or vanishes concerns nobody else."""
        request.settimeout(_HANDSHAKE_S)
        try:
            request.getpeername()  # Python forgets to close what it wraps of a connection that was reset
            secured = self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        except OSError:  # gone before it began
            self.shutdown_request(request)
            return
        with self._lock:
            self._open.add(secured)
            if self._closing:
                _drop(secured)
        try:
            secured.do_handshake()
        except OSError as error:
            _log.info("%s: handshake refused (%s)", self.rules.own.kme_id, getattr(error, "reason", None) or error)
            self.shutdown_request(secured)
        else:
            super().process_request_thread(secured, client_address)
        finally:
            with self._lock:
                self._open.discard(secured)

    def end_connections(self) -> None:
        """Wake every connection's thread by ending its socket."""
        with self._lock:
            for connection in self._open:
                _drop(connection)

    def drop_connections(self) -> None:
        """End them, and those that are just being made."""
        with self._lock:
            self._closing = True
        self.end_connections()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A broken connection is the client's business; its traceback could show a request's content."""
        _log.info("%s: connection lost", self.rules.own.kme_id)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "qkd-hil-kme"
    sys_version = ""
    timeout = _IDLE_S
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def _serve(self, rule: Callable[[str, str, str, str], Answer]) -> None:
        parts = urlsplit(self.path)
        segments = tuple(unquote(segment) for segment in parts.path.split("/")[1:])
        if segments[:3] != _ROOT or len(segments) != 5 or segments[4] not in {"status", "enc_keys", "dec_keys"}:
            self._reply(Answer(HTTPStatus.NOT_FOUND, {"message": "no such resource"}))
            return
        condition = self.server.condition
        condition.wait()
        if wait_s := condition.refused_for_s():  # 014 knows 400, 401 and 503; RFC 9110, 10.2.3 has the header
            self.close_connection = self.close_connection or bool(self.headers.get("Content-Length", "0") != "0")
            answer = Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"message": "too many requests"})
            self._reply(answer, retry_after_s=math.ceil(wait_s))
            return
        self._reply(rule(self._caller(), segments[3], segments[4], parts.query))

    def _get(self, caller: str, other: str, resource: str, query: str) -> Answer:
        rules = self.server.rules
        pairs = parse_qsl(query, keep_blank_values=True)
        given = dict(pairs)
        if resource == "status":
            return rules.status(caller, other)
        if resource == "dec_keys":
            if [key for key, _ in pairs] != ["key_ID"]:
                return _bad("GET takes key_ID, once; POST takes several")
            return rules.get_key_with_ids(caller, other, {"key_IDs": [given]})
        if not set(given) <= {"number", "size"} or len(given) < len(pairs):
            return _bad("GET takes number and size only, each once; POST takes all parameters")
        return rules.get_key(caller, other, {key: _integer(text) for key, text in given.items()})

    def _post(self, caller: str, other: str, resource: str, query: str) -> Answer:
        if resource == "status":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, {"message": "status is read with GET"})
        if query:
            return _bad("POST takes its parameters in the body")
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return _bad(f"the body shall have a Content-Length of at most {_MAX_BODY} bytes")
        body = self.rfile.read(int(length))
        try:
            request = json.loads(body) if body else {}
        except (ValueError, RecursionError):
            return _bad("the body is not JSON")
        rule = self.server.rules.get_key if resource == "enc_keys" else self.server.rules.get_key_with_ids
        return rule(caller, other, request)

    def _caller(self) -> str:
        """The SAE's identity, from the certificate it proved to hold."""
        certificate: Any = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        if certificate and not self._in_its_time(certificate):
            return ""
        for kind, value in (certificate or {}).get("subjectAltName", ()):
            if kind == "URI" and value.startswith(SAE_URI):
                return unquote(value.removeprefix(SAE_URI))
        return ""

    def _in_its_time(self, certificate: Any) -> bool:
        """Whether it is valid by this KME's own clock, where that is another than the one TLS went by."""
        if not self.server.condition.clock_offset_s:
            return True
        begin_s, end_s = (ssl.cert_time_to_seconds(certificate[edge]) for edge in ("notBefore", "notAfter"))
        return begin_s <= self._now().timestamp() <= end_s

    def _now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.server.condition.clock_offset_s)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """What the header Date says: by this KME's own clock."""
        return format_datetime(self._now(), usegmt=True) if timestamp is None else super().date_time_string(timestamp)

    def _reply(self, answer: Answer, retry_after_s: int = 0) -> None:
        body = json.dumps(answer.body).encode() if answer.body is not None else b""
        self.send_response(answer.status)
        if body:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        if retry_after_s:
            self.send_header("Retry-After", str(retry_after_s))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the base class refuses (bad request lines, other methods) is answered in the standard's own form."""
        self.close_connection = True
        self._reply(Answer(code, {"message": message or HTTPStatus(code).phrase}))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests and their status, for debugging; never a body."""
        _log.debug("%s: %s", self.server.rules.own.kme_id, format % args)


def _bad(message: str) -> Answer:
    return Answer(HTTPStatus.BAD_REQUEST, {"message": message})


def _integer(text: str) -> int | str:
    """A number of a query; what is none stays text, for the rules to refuse."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _drop(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
