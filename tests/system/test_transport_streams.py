"""Transports over real TCP sockets: refused, closed, late, shared, large. Raw and through VISA alike."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hil.errors import DeviceTimeoutError, DeviceUnreachableError
from hil.transports import Exactly, RetryPolicy, TcpPort, Transport, Until, VisaPort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINE = Until(b"\n")
PATIENCE_S = 20.0
"""Far beyond what a correct answer takes; a test that needs it has failed."""


class Server:
    """Runs ``conversation(connection, number)`` in a thread per connection."""

    def __init__(self, conversation: Callable[[socket.socket, int], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._conversation = conversation
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.resource = f"TCPIP::127.0.0.1::{self._listener.getsockname()[1]}::SOCKET"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._converse, args=(connection, len(self._connections))))
            self._threads[-1].start()

    def _converse(self, connection: socket.socket, number: int) -> None:
        with closing(connection):
            try:
                self._conversation(connection, number)
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads[1:]:
            thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    servers = []

    def start(conversation: Callable[[socket.socket, int], None]) -> str:
        servers.append(Server(conversation))
        return servers[-1].resource

    yield start
    for server in servers:
        server.close()


@pytest.fixture(params=["raw", "visa"])
def connect(request) -> Iterator[Callable[..., Transport]]:
    transports = []

    def make(resource: str, timeout_s: float = PATIENCE_S) -> Transport:
        port = TcpPort("dut", resource) if request.param == "raw" else VisaPort("dut", resource)
        transports.append(Transport(port, timeout_s=timeout_s, retry=RetryPolicy(backoff_s=0.0)))
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


def echo(connection: socket.socket, _: int) -> None:
    lines = connection.makefile("rb")
    for line in lines:
        connection.sendall(b"echo " + line)


def test_a_refused_port_is_found_at_open(connect):
    """Opening a port where nothing listens fails at once and names the device, the address and what to check."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        resource = f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
    began = time.monotonic()
    with pytest.raises(DeviceUnreachableError, match=r"dut: no connection to TCPIP::127.*\[device\.dut\]"):
        connect(resource).open()
    assert time.monotonic() - began < PATIENCE_S / 4


def test_a_name_nobody_knows_is_unreachable(connect):
    """A host that cannot be resolved is the same error as one that refuses."""
    with pytest.raises(DeviceUnreachableError, match="no connection"):
        connect("TCPIP::no-such-host.invalid::5025::SOCKET", timeout_s=2.0).open()


@pytest.mark.parametrize("last_words", [b"", b"half a rep"])
def test_a_closed_connection_is_found_at_once(connect, serve, last_words):
    """A device that hangs up in mid reply is unreachable now, not after the timeout."""

    def hang_up(connection: socket.socket, _: int) -> None:
        connection.recv(64)
        connection.sendall(last_words)

    transport = connect(serve(hang_up))
    transport.open()
    began = time.monotonic()
    with pytest.raises(DeviceUnreachableError):
        transport.query(b"A?\n", LINE)
    assert time.monotonic() - began < PATIENCE_S / 4


def test_a_late_reply_never_reaches_the_next_query(connect, serve):
    """The reply of a query that timed out is not the answer of the next one, nor of any later one."""
    release = threading.Event()

    def late_once(connection: socket.socket, number: int) -> None:
        if number == 1:
            connection.recv(64)
            release.wait(PATIENCE_S)
            connection.sendall(b"late\n")
        else:
            echo(connection, number)

    transport = connect(serve(late_once), timeout_s=0.1)
    transport.open()
    with pytest.raises(DeviceTimeoutError):
        transport.query(b"A?\n", LINE)
    release.set()
    assert [transport.query(f"B{i}?\n".encode(), LINE) for i in range(5)] == [f"echo B{i}?".encode() for i in range(5)]


def test_an_idempotent_query_survives_a_restart_of_the_device(connect, serve):
    """A device that drops its first connection is asked again over the next."""

    def drop_once(connection: socket.socket, number: int) -> None:
        if number == 1:
            connection.recv(64)
        else:
            echo(connection, number)

    transport = connect(serve(drop_once))
    transport.open()
    assert transport.query(b"A?\n", LINE, idempotent=True) == b"echo A?"


def test_two_threads_sharing_a_transport_never_mix(connect, serve):
    """Each thread gets the answers to its own questions, every one of them."""
    transport = connect(serve(echo))
    transport.open()
    wrong = []

    def ask(name: str) -> None:
        for number in range(300):
            question = f"{name}{number}".encode()
            answer = transport.query(question + b"\n", LINE)
            if answer != b"echo " + question:
                wrong.append((question, answer))

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_tens_of_megabytes_arrive_whole(connect, serve):
    """A large binary reply is complete and in order."""
    payload = bytes(range(256)) * (1 << 14)  # 4 MiB

    def pour(connection: socket.socket, _: int) -> None:
        connection.recv(64)
        connection.sendall(payload)

    transport = connect(serve(pour))
    transport.open()
    assert transport.query(b"FETCH\n", Exactly(len(payload))) == payload


def test_closing_one_visa_port_leaves_the_others_open(serve):
    """The process's resource manager outlives the first of its users."""
    resource = serve(echo)
    first, second = (Transport(VisaPort("dut", resource), timeout_s=PATIENCE_S) for _ in range(2))
    first.open()
    second.open()
    first.close()
    try:
        assert second.query(b"A?\n", LINE) == b"echo A?"
    finally:
        second.close()
