"""Time per query over loopback, and the rate of the binary data plane. They assert nothing about time."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hil.transports import Exactly, Marker, SerialLine, Transport, Until, over_raw, over_visa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("pytest_benchmark")

LINE = Until(b"\n")
MARKERS = (Marker(b"A?\n", LINE, lambda reply: reply == b"42.0"),)
LARGE = bytes(25_000_000)


@pytest.fixture
def stream() -> Iterator[str]:
    """A device on a socket that answers ``A?`` with a number and ``L?`` with 25 MB."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := connection.recv(1024):
                connection.sendall(LARGE if request == b"L?\n" else b"42.0\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
    thread.join()
    listener.close()


@pytest.fixture
def line() -> Iterator[str]:
    """The same on a pty, without the 25 MB."""
    if sys.platform == "win32":
        pytest.skip("Windows has no ptys")
    import tty

    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)

    def serve() -> None:
        while (request := os.read(master, 1024)) != b"off":
            os.write(master, b"42.0\n" * request.count(b"\n"))

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"ASRL{os.ttyname(slave)}::INSTR"
    os.write(slave, b"off")
    thread.join()
    os.close(master)
    os.close(slave)


@pytest.fixture
def query(benchmark, figure) -> Callable[[str, Transport], None]:
    """Measures a query and its reply."""

    def measure(name: str, transport: Transport) -> None:
        transport.open()
        try:
            ask = partial(transport.query, b"A?\n", LINE, idempotent=True)
            assert benchmark.pedantic(ask, rounds=20, iterations=50, warmup_rounds=1) == b"42.0"
        finally:
            transport.close()
        figure(f"transports.query_s.{name}", benchmark, "s")

    return measure


def test_query_over_raw_tcp(query, stream):
    """One query and its reply over a plain socket."""
    query("raw_tcp", over_raw("dut", stream, timeout_s=5.0))


def test_query_over_visa_tcp(query, stream):
    """One query and its reply over pyvisa and pyvisa-py on a socket."""
    query("visa_tcp", over_visa("dut", stream, timeout_s=5.0))


def test_query_over_raw_serial(query, line):
    """One query and its reply over pyserial on a pty."""
    query("raw_serial", over_raw("dut", line, timeout_s=5.0, markers=MARKERS))


def test_query_over_visa_serial(query, line):
    """One query and its reply over pyvisa and pyvisa-py on a pty."""
    query("visa_serial", over_visa("dut", line, timeout_s=5.0, line=SerialLine(), markers=MARKERS))


def test_25_megabytes_over_raw_tcp(seconds, figure, stream):
    """A large binary reply over a plain socket."""
    transport = over_raw("dut", stream, timeout_s=20.0)
    transport.open()
    try:
        assert transport.query(b"L?\n", Exactly(len(LARGE))) == LARGE
        taken = seconds(lambda: transport.query(b"L?\n", Exactly(len(LARGE))), clock="wall")
    finally:
        transport.close()
    figure("transports.reply.raw_tcp", [len(LARGE) / 1e6 / one for one in taken], "MB/s")
