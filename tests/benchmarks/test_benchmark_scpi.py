"""SCPI over TCP: a query against a bare echo, queries a second over pyvisa-py sockets, and ten instruments at once.

Devices and clients are threads of one process, as in a run of tests. Medians are by the clock, the two servers asked in turns
so that both have the same neighbours; rates are per second of the processor on one core, client and device together.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec
import pytest

from hil.bench import load
from hil.clock import VirtualClock
from hil.device_sims.host import TwinHost
from hil.transports import Until, over_visa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHELF = Path(__file__).parents[1] / "contract" / "shelf.toml"
QUERY, ANSWER = b"SENS:CORR:WAV?\n", b"1.550000E+03\n"
LINE = Until(b"\n")
METERS = [f"meter{number}" for number in range(10)]
TURNS, QUERIES, EACH = 40, 250, 2000


@pytest.fixture(scope="module")
def host() -> Iterator[TwinHost]:
    """Ten simulated power meters that speak SCPI over TCP."""
    bench = load(SHELF)
    bench = msgspec.structs.replace(bench, device=bench.device | dict.fromkeys(METERS, bench.device["pm103e"]))
    with TwinHost(bench, METERS, 5, VirtualClock()) as twins:
        yield twins


class Echo(asyncio.Protocol):
    """The least that an asyncio server can do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    """The port of an echo in a loop and a thread of its own, as the meters are."""
    loop = asyncio.SelectorEventLoop()
    server = loop.run_until_complete(loop.create_server(Echo, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(server.wait_closed())
    loop.close()


@pytest.mark.usefixtures("all_cores")
def test_a_query_against_an_echo(host: TwinHost, echo: int, figure: Callable[..., None]) -> None:
    """Median round trip of the same bytes to a simulated meter and to an echo, in turns."""

    def round_trips(client: socket.socket) -> list[float]:
        taken = []
        for _ in range(QUERIES):
            began = time.perf_counter()
            client.sendall(QUERY)
            answer = client.recv(4096)
            taken.append(time.perf_counter() - began)
        assert answer in {QUERY, ANSWER}
        return taken

    port = host.addresses[METERS[0]].port
    with socket.create_connection(("127.0.0.1", port)) as meter, socket.create_connection(("127.0.0.1", echo)) as bare:
        for client in (meter, bare):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            round_trips(client)
        turns = [(round_trips(bare), round_trips(meter)) for _ in range(TURNS)]
    figure(
        "scpi.median_vs_echo",
        [median(taken) for _, taken in turns],
        "s",
        peer="asyncio echo",
        peer_runs=[median(taken) for taken, _ in turns],
    )


@pytest.mark.parametrize("way", ["pyvisa", "transport"])
def test_queries_per_second(host: TwinHost, figure: Callable[..., None], seconds: Callable[..., list[float]], way: str) -> None:
    """One session over a pyvisa-py socket, with pyvisa's own query and through a transport with all its promises."""
    import pyvisa

    resource = host.addresses[METERS[0]].resource
    if way == "pyvisa":
        manager = pyvisa.ResourceManager("@py")
        session = manager.open_resource(resource, read_termination="\n", write_termination="\n")
        ask, close = (lambda: session.query("SENS:CORR:WAV?").encode()), manager.close  # type: ignore[attr-defined]
    else:
        transport = over_visa("meter", resource, timeout_s=5.0)
        transport.open()
        ask, close = (lambda: transport.query(QUERY, LINE, idempotent=True)), transport.close

    def asks() -> None:
        for _ in range(EACH):
            assert ask() == ANSWER.strip()

    try:
        taken, by_the_clock = seconds(asks, rounds=7), seconds(asks, rounds=7, clock="wall")
    finally:
        close()
    name = "scpi.queries_per_s" if way == "pyvisa" else "scpi.queries_per_s.transport"
    figure(name, [EACH / one for one in taken], "1/s", peer="wanted", peer_value=10_000.0)
    figure(f"{name}.clock", [EACH / one for one in by_the_clock], "1/s")


@pytest.mark.usefixtures("all_cores")
def test_ten_instruments_at_once(host: TwinHost, figure: Callable[..., None]) -> None:
    """Ten clients over pyvisa-py sockets, each of which sets its own meter and asks for it; counts answers of another's."""
    begin = threading.Barrier(len(METERS))

    def client(number: int) -> int:
        transport = over_visa(METERS[number], host.addresses[METERS[number]].resource, timeout_s=30.0)
        transport.open()
        wrong = 0
        try:
            begin.wait()
            for turn in range(EACH):
                wanted = 1000 + 50 * number + turn % 50
                if turn % 10 == 0:
                    transport.write(b"SENS:CORR:WAV %d\n" % wanted)
                    set_to = wanted
                wrong += float(transport.query(QUERY, LINE)) != set_to
        finally:
            transport.close()
        return wrong

    with ThreadPoolExecutor(len(METERS)) as pool:
        wrong = sum(pool.map(client, range(len(METERS))))
    assert wrong == 0
    figure("scpi.ten_instruments_wrong", [float(wrong)], f"of {EACH * len(METERS)}")
