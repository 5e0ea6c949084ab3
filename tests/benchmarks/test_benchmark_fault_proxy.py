"""What a fault proxy costs: throughput and round trips through it beside those of a direct connection. All by the clock."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from hil.transports.fault_proxy import Latency, ProxyHost

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("pytest_benchmark")

BLOCK = bytes(1 << 18)
BLOCKS = 1000
ROUND_TRIPS = 500


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    """Swallows what comes and says so at the end, or, after a first ``e``, sends it back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if connection.recv(1) == b"e":
                while data := connection.recv(1024):
                    connection.sendall(data)
                return
            total, buffer = 0, bytearray(1 << 20)
            while size := connection.recv_into(buffer):
                total += size
            connection.sendall(total.to_bytes(8, "big"))

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],)).start()

    thread = threading.Thread(target=accept)
    thread.start()
    yield listener.getsockname()[:2]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def pushed(address: tuple[str, int]) -> int:
    """Bytes that arrived of a quarter of a gigabyte."""
    with closing(socket.create_connection(address, 60.0)) as client:
        client.sendall(b"s")
        for _ in range(BLOCKS):
            client.sendall(BLOCK)
        client.shutdown(socket.SHUT_WR)
        return int.from_bytes(client.recv(8, socket.MSG_WAITALL), "big")


def echoed(client: socket.socket) -> bytes:
    """One byte there and back, many times."""
    data = b""
    for _ in range(ROUND_TRIPS):
        client.sendall(b"x")
        data = client.recv(1)
    return data


def test_throughput(seconds, figure, server):
    """Untouched, and with a delay of 10 ms each way, which must not cost throughput."""
    bits = 8e-9 * BLOCKS * len(BLOCK)
    with ProxyHost(seed=1) as host:
        proxy = host.proxy("sink", server)
        assert pushed(server) == pushed(proxy.address) == BLOCKS * len(BLOCK)
        direct = [bits / one for one in seconds(lambda: pushed(server), rounds=5, clock="wall")]
        through = [bits / one for one in seconds(lambda: pushed(proxy.address), rounds=5, clock="wall")]
        proxy.add(Latency(0.01))
        late = [bits / one for one in seconds(lambda: pushed(proxy.address), rounds=5, clock="wall")]
    figure("proxy.gbit_s_vs_direct", through, "Gbit/s", peer="direct connection", peer_runs=direct)
    figure("proxy.gbit_s_with_latency", late, "Gbit/s", peer="direct connection", peer_runs=direct)


def test_round_trips(seconds, figure, server):
    """A byte there and back."""

    def measured(address: tuple[str, int]) -> list[float]:
        with closing(socket.create_connection(address, 60.0)) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(b"e")
            assert echoed(client) == b"x"
            return [one / ROUND_TRIPS for one in seconds(lambda: echoed(client), rounds=5, clock="wall")]

    with ProxyHost(seed=1) as host:
        direct, through = measured(server), measured(host.proxy("echo", server).address)
    figure("proxy.round_trip_s", through, "s", peer="direct connection", peer_runs=direct)
    added = [one - other for one, other in zip(sorted(through), sorted(direct), strict=True)]
    figure("proxy.added_latency_s", added, "s")
