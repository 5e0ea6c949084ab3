"""The fault proxy with real sockets: bytes, backpressure, ends, resets, TLS, and toxics that come and go."""

from __future__ import annotations

import errno
import hashlib
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from hil.errors import UnknownNameError, UsageError
from hil.pipeline.wire import SocketWire
from hil.transports.fault_proxy import (
    Bandwidth,
    Corrupt,
    Latency,
    LimitData,
    ProxyHost,
    Reflect,
    Replay,
    ResetPeer,
    Slicer,
    Stall,
    Timeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.transports.fault_proxy import FaultProxy

TIMEOUT_S = 20.0
GREETING_BYTES = 22
"""What each party says first, without TLS: ``hil.pipeline.connecting``."""
BLOCK = bytes(range(256)) * 256


class Server:
    """Accepts on loopback and gives every connection to ``serve`` in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(TIMEOUT_S)
            self._threads.append(threading.Thread(target=self._run, args=(connection,)))
            self._threads[-1].start()

    def _run(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self._serve(connection)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(TIMEOUT_S)


def echo(connection: socket.socket) -> None:
    """Send everything back; what the client ends, end."""
    while data := connection.recv(1 << 16):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(echo)
    yield made
    made.close()


@pytest.fixture
def host() -> Iterator[ProxyHost]:
    with ProxyHost(seed=5) as made:
        yield made


@pytest.fixture
def proxy(host: ProxyHost, server: Server) -> FaultProxy:
    return host.proxy("echo", server.address)


def connect(proxy: FaultProxy) -> socket.socket:
    client = socket.create_connection(proxy.address, TIMEOUT_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def received(client: socket.socket, size: int) -> bytes:
    """Exactly so many bytes, or what came before the end."""
    data = bytearray()
    while len(data) < size and (part := client.recv(min(size - len(data), 1 << 18))):
        data += part
    return bytes(data)


def answered(client: socket.socket, data: bytes = b"ping") -> bool:
    client.sendall(data)
    return received(client, len(data)) == data


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("toxics", [(), (Latency(0.02, 0.01), Slicer(5000, 3000), Bandwidth(100e6))])
def test_every_byte_arrives_in_order_in_both_directions(proxy: FaultProxy, toxics: tuple[Latency, ...]) -> None:
    for toxic in toxics:
        proxy.add(toxic)
    sent, back = hashlib.sha256(), hashlib.sha256()
    with closing(connect(proxy)) as client:

        def send() -> None:
            for number in range(64):
                data = number.to_bytes(4, "big") + BLOCK
                sent.update(data)
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        while data := client.recv(1 << 16):
            back.update(data)
        sender.join()
    assert back.digest() == sent.digest()


def test_many_connections_at_once(proxy: FaultProxy) -> None:
    clients = [connect(proxy) for _ in range(200)]
    for number, client in enumerate(clients):
        client.sendall(number.to_bytes(4, "big"))
    assert [int.from_bytes(received(client, 4), "big") for client in clients] == list(range(200))
    assert proxy.connections == 200
    for client in clients:
        client.close()


def test_a_sender_waits_for_a_receiver_that_does_not_read(host: ProxyHost) -> None:
    """Buffers are bounded: of 512 MB the kernel and the proxy hold some, then the sender blocks; nothing of it is lost."""
    go, counted = threading.Event(), []

    def lazy(connection: socket.socket) -> None:
        go.wait(TIMEOUT_S)
        total = 0
        while data := connection.recv(1 << 18):
            total += len(data)
        counted.append(total)

    server = Server(lazy)
    with closing(connect(host.proxy("lazy", server.address))) as client:
        client.settimeout(0.5)
        sent = 0
        with suppress(TimeoutError):
            while sent < 512 << 20:
                sent += client.send(BLOCK)
        assert sent < 64 << 20
        go.set()
        client.shutdown(socket.SHUT_WR)
        client.settimeout(TIMEOUT_S)
        assert client.recv(1) == b""
    server.close()
    assert counted == [sent]


def test_an_end_of_one_direction_leaves_the_other_open(host: ProxyHost) -> None:
    def until_the_end(connection: socket.socket) -> None:
        heard = received(connection, 1 << 20)
        connection.sendall(b"you said " + heard)

    server = Server(until_the_end)
    with closing(connect(host.proxy("half", server.address))) as client:
        client.sendall(b"goodbye")
        client.shutdown(socket.SHUT_WR)
        assert received(client, 1000) == b"you said goodbye"
    server.close()


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_reset_is_a_reset_on_both_sides(host: ProxyHost) -> None:
    seen: list[int | None] = []

    def wait(connection: socket.socket) -> None:
        connection.sendall(b"x")
        try:
            connection.recv(1)
        except OSError as error:
            seen.append(error.errno)

    server = Server(wait)
    proxy = host.proxy("reset", server.address)
    with closing(connect(proxy)) as client:
        assert client.recv(1) == b"x"
        proxy.add(ResetPeer(), "downstream")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    server.close()
    assert seen == [errno.ECONNRESET]


def test_a_reset_of_the_server_reaches_the_client(host: ProxyHost) -> None:
    def rude(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    server = Server(rude)
    with closing(connect(host.proxy("rude", server.address))) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    server.close()


def test_a_server_that_is_not_there_resets_the_client(host: ProxyHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[:2]
    proxy = host.proxy("nobody", nobody)

    def dial() -> bytes:
        with closing(connect(proxy)) as client:
            return client.recv(1)

    with pytest.raises(ConnectionResetError):  # while it connects, or when it reads
        dial()


def test_a_service_that_is_down_refuses_and_comes_back_on_the_same_port(proxy: FaultProxy) -> None:
    address = proxy.address
    with closing(connect(proxy)) as client:
        assert answered(client)
        proxy.down()
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, TIMEOUT_S)
    proxy.up()
    assert proxy.address == address
    with closing(connect(proxy)) as client:
        assert answered(client)


def test_a_limit_and_a_timeout_close_in_an_orderly_way(proxy: FaultProxy) -> None:
    with closing(connect(proxy)) as client:
        assert answered(client)
        names = proxy.add(LimitData(6), "downstream")
        client.sendall(b"hundred bytes" * 8)
        assert received(client, 1000) == b"hundre"
    proxy.remove(*names)
    with closing(connect(proxy)) as client:
        assert answered(client)
        proxy.add(Timeout(0.05), "downstream")
        client.sendall(b"lost")
        assert received(client, 1000) == b""


def test_closing_leaves_no_thread_and_no_port(server: Server) -> None:
    host = ProxyHost(seed=1)
    proxy = host.proxy("short", server.address)
    address = proxy.address
    client = connect(proxy)
    proxy.add(Latency(100.0))
    client.sendall(b"on its way for ever")
    host.close()
    host.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "hil-fault-proxy"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, TIMEOUT_S)
    client.close()


# --- toxics -----------------------------------------------------------------------------------------------------------


def test_latency_and_a_limited_rate_take_their_time(proxy: FaultProxy) -> None:
    """Lower bounds only: a busy machine adds to them."""
    with closing(connect(proxy)) as client:
        names = proxy.add(Latency(0.05))
        began_s = time.monotonic()
        assert answered(client)
        assert time.monotonic() - began_s >= 0.1
        proxy.remove(*names)
        proxy.add(Bandwidth(1e6), "upstream")
        began_s = time.monotonic()
        assert answered(client, bytes(250_000))
        assert time.monotonic() - began_s >= 0.225


def test_a_connection_outlives_the_toxics(proxy: FaultProxy) -> None:
    """Held bytes of a stall and of a long delay come out, in order, when the toxic goes."""
    with closing(connect(proxy)) as client:
        names = proxy.add(Stall(), "downstream") + proxy.add(Latency(3600.0), "upstream")
        client.sendall(b"one ")
        client.sendall(b"two")
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(TIMEOUT_S)
        proxy.remove(*names)
        assert received(client, 7) == b"one two"
        assert answered(client)
    assert proxy.toxics == ()


def test_a_toxic_goes_when_its_lease_ends(proxy: FaultProxy) -> None:
    with closing(connect(proxy)) as client:
        proxy.add(Stall(), ttl_s=0.2)
        assert len(proxy.toxics) == 2
        assert answered(client)  # waits for it
        assert proxy.toxics == ()


def test_toxicity_is_a_share_of_the_connections(proxy: FaultProxy) -> None:
    proxy.add(LimitData(0), "upstream", toxicity=0.3)

    def spared() -> bool:
        with closing(connect(proxy)) as client:
            client.sendall(b"x")
            return received(client, 1) == b"x"

    hit = sum(not spared() for _ in range(200))
    assert abs(hit - 60) < 33  # binomial(200, 0.3): 60 +- 6.5; 5 sigma


def test_messages_are_repeated_and_reflected_whole(host: ProxyHost, server: Server) -> None:
    """In the framing of the parties' own channel, after the greeting."""
    proxy = host.proxy("framed", server.address, framing="parties")
    message = BLOCK * 20
    client = connect(proxy)
    greeting = bytes(GREETING_BYTES)
    assert answered(client, greeting)
    wire = SocketWire(client)

    def messages(number: int) -> list[tuple[int, bytes]]:
        came: list[tuple[int, bytes]] = []
        while len(came) < number:
            came += wire.receive(TIMEOUT_S)
        return came

    names = proxy.add(Replay(1.0), "upstream")
    wire.send(3, message)
    assert messages(2) == [(3, message)] * 2
    proxy.remove(*names)
    proxy.add(Reflect(1.0), "upstream")
    wire.send(4, message)
    assert messages(2) == [(4, message)] * 2
    assert proxy.passed_bytes("upstream") == len(greeting) + 3 * (len(message) + 6)
    wire.close()


def test_a_reflected_message_waits_for_the_border_of_the_one_it_meets(host: ProxyHost) -> None:
    def halves(connection: socket.socket) -> None:
        connection.sendall(b"\0\0\0\x0afirst")
        received(connection, 8)
        connection.sendall(b"other")

    server = Server(halves)
    proxy = host.proxy("halves", server.address, framing="length-prefixed")
    with closing(connect(proxy)) as client:
        assert received(client, 9) == b"\0\0\0\x0afirst"
        proxy.add(Reflect(1.0), "upstream")
        client.sendall(b"\0\0\0\x04back")
        assert received(client, 13) == b"other\0\0\0\x04back"
    server.close()


def test_names_and_shares_are_checked(proxy: FaultProxy) -> None:
    proxy.add(Latency(0.0), "upstream")
    with pytest.raises(UsageError, match="a toxic 'latency_upstream' already"):
        proxy.add(Latency(0.0), "upstream")
    with pytest.raises(UnknownNameError, match="expected latency_upstream"):
        proxy.remove("lag")
    with pytest.raises(UsageError, match="toxicity 2"):
        proxy.add(Latency(0.0), "downstream", toxicity=2.0)


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_tls_passes_untouched_and_a_corrupted_record_ends_it(
    host: ProxyHost, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server_side, client_side = tls

    def secure_echo(connection: socket.socket) -> None:
        with server_side.wrap_socket(connection, server_side=True) as secured:
            while data := secured.recv(1 << 16):
                secured.sendall(data)

    server = Server(secure_echo)
    proxy = host.proxy("tls", server.address)
    with closing(client_side.wrap_socket(connect(proxy), server_hostname="localhost")) as client:
        assert answered(client, BLOCK)
        proxy.add(Corrupt(1e-5), "downstream")
        client.sendall(BLOCK)
        with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
            received(client, len(BLOCK))
    server.close()


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server and of a client that trusts it."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "server.pem"
    file.write_bytes(plain + certificate.public_bytes(pem))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(file)
    return server_side, ssl.create_default_context(cadata=certificate.public_bytes(pem).decode())
