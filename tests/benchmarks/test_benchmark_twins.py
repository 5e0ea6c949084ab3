"""Time of a query to each simulated device, over plain sockets and serial lines, and throughput of the data plane.

They assert nothing about time.
"""

from __future__ import annotations

import socket
import struct
import sys
import zlib
from typing import TYPE_CHECKING

import pytest

from hil.bench import load, simulated_devices
from hil.clock import VirtualClock
from hil.device_sims.host import TwinHost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("pytest_benchmark")

needs_ptys = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ptys")
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def host() -> Iterator[TwinHost]:
    """The twin of metro-25km in its operating state."""
    bench = load("metro-25km")
    with TwinHost(bench, simulated_devices(bench), 3, VirtualClock()) as twin:
        twin.world.set_emitting("alice", 0, emitting=True)
        twin.world.set_biased("bob", 0, biased=True)
        yield twin


@pytest.fixture
def query(benchmark, figure, request) -> Callable[[Callable[[], bytes]], bytes]:
    """Measures one round trip, named by the test's parameters."""

    def measure(ask: Callable[[], bytes]) -> bytes:
        reply: bytes = benchmark.pedantic(ask, rounds=20, iterations=20, warmup_rounds=1)
        figure(f"twins.query_s.{request.node.callspec.id}", benchmark, "s")
        return reply

    return measure


@pytest.mark.parametrize(
    ("device", "request_", "end"),
    [("meter", b"SENS:CORR:WAV?\n", b"\n"), ("meter", b"MEAS:POW?\n", b"\n"), ("alice", b"*IDN?\n", b"\n")],
    ids=["setting", "reading", "transceiver"],
)
def test_query_over_tcp(query, host: TwinHost, device: str, request_: bytes, end: bytes) -> None:
    """One round trip."""
    with socket.create_connection(("127.0.0.1", host.addresses[device].port), timeout=20) as client:

        def ask() -> bytes:
            client.sendall(request_)
            return client.recv(4096)

        assert query(ask).endswith(end)


@needs_ptys
@pytest.mark.parametrize(
    ("device", "request_", "length"),
    [("voa", b"D\r", 30), ("switch", bytes.fromhex("01110000"), 4), ("stage", b"tact?\r", 15)],
    ids=["attenuator", "switch", "temperature"],
)
def test_query_over_a_pty(query, host: TwinHost, device: str, request_: bytes, length: int) -> None:
    """One round trip."""
    import serial

    with serial.Serial(host.addresses[device].path, 115_200, timeout=20) as line:

        def ask() -> bytes:
            line.write(request_)
            return line.read(length)

        assert len(query(ask)) == length


def test_fetch_of_a_block(seconds, figure, host: TwinHost) -> None:
    """A second of detections, about 15 MB: framed, checked and carried."""
    host.world.start_block("bob", 0)
    sequence = host.world.stop_block("bob", SECOND).sequence
    payload = struct.pack("<Q", sequence)
    request = struct.pack("<4sB3xQ", b"QHD1", 0x02, 8) + payload + struct.pack("<I", zlib.crc32(payload))
    with socket.create_connection(("127.0.0.1", host.addresses["bob"].data_port)) as client:

        def fetch() -> int:
            client.sendall(request)
            head = client.recv(16, socket.MSG_WAITALL)
            length = struct.unpack("<4sB3xQ", head)[2]
            return len(client.recv(length + 4, socket.MSG_WAITALL))

        length = fetch()
        taken = seconds(fetch, clock="wall")
    assert length > 5_000_000
    figure("twins.fetch", [length / 1e6 / one for one in taken], "MB/s")
