"""toxiproxy's HTTP interface of the fault proxies, and leases that end with their owner."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from hil.transports.fault_proxy import ProxyHost

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 20.0

OWNER = """
import http.client, json, sys
control = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
for name, lease in (("held", {"hold": True}), ("kept", {"ttl": 3600000})):
    body = {"name": name, "type": "latency", "stream": "upstream", "attributes": {"latency": 3600000}, "lease": lease}
    control.request("POST", "/proxies/echo/toxics", json.dumps(body))
    assert control.getresponse().read()
print("set", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server for one connection that sends back what comes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[:2]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(TIMEOUT_S)


@pytest.fixture
def host() -> Iterator[ProxyHost]:
    with ProxyHost(seed=5) as made:
        yield made


class Client:
    """Asks over one control connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        content = response.read()
        return response.status, json.loads(content) if content else None


@pytest.fixture
def client(host: ProxyHost) -> Iterator[Client]:
    made = Client(host.serve_control())
    yield made
    made.connection.close()


def test_a_proxy_and_its_toxics_over_http(client: Client, echo: tuple[str, int]) -> None:
    """The requests and answers of toxiproxy's README."""
    upstream = f"{echo[0]}:{echo[1]}"
    status, proxy = client.ask("POST", "/proxies", {"name": "echo", "listen": "127.0.0.1:0", "upstream": upstream})
    assert (status, proxy["name"], proxy["upstream"], proxy["enabled"], proxy["toxics"]) == (201, "echo", upstream, True, [])
    status, toxic = client.ask("POST", "/proxies/echo/toxics", {"type": "latency", "attributes": {"latency": 5, "jitter": 1}})
    assert status == 200
    assert toxic["name"] == "latency_downstream"
    assert (toxic["stream"], toxic["toxicity"]) == ("downstream", 1.0)
    assert toxic["attributes"] == {"latency": 5, "jitter": 1}
    assert client.ask("POST", "/proxies/echo/toxics/latency_downstream", {"attributes": {"latency": 7}})[0] == 200
    assert client.ask("GET", "/proxies/echo/toxics/latency_downstream")[1]["attributes"] == {"latency": 7, "jitter": 1}
    assert [each["name"] for each in client.ask("GET", "/proxies/echo/toxics")[1]] == ["latency_downstream"]
    host, _, port = proxy["listen"].partition(":")
    with closing(socket.create_connection((host, int(port)), TIMEOUT_S)) as through:
        through.sendall(b"ping")
        assert through.recv(4) == b"ping"
    assert client.ask("DELETE", "/proxies/echo/toxics/latency_downstream") == (204, None)
    assert client.ask("PATCH", "/proxies/echo", {"enabled": False})[1]["enabled"] is False
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), TIMEOUT_S)
    assert client.ask("POST", "/reset") == (204, None)
    assert client.ask("GET", "/proxies")[1]["echo"]["enabled"] is True
    assert (
        client.ask("POST", "/populate", [{"name": "echo", "upstream": upstream}])[1]["proxies"][0]["listen"] == proxy["listen"]
    )
    assert client.ask("DELETE", "/proxies/echo") == (204, None)
    assert client.ask("GET", "/proxies") == (200, {})


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        (("GET", "/proxies/none", None), 404, "no fault proxy 'none'"),
        (("POST", "/proxies", {"name": "echo", "upstream": "127.0.0.1:1"}), 409, "already"),
        (("POST", "/proxies", {"name": "other", "upstream": "nowhere"}), 400, "expected host:port"),
        (("POST", "/proxies", {"name": "other", "upstream": "127.0.0.1:1", "listen": "0.0.0.0:0"}), 400, "127.0.0.1 only"),
        (("POST", "/proxies", {"upstream": "127.0.0.1:1"}), 400, "bad request body"),
        (("POST", "/proxies/echo/toxics", {"type": "lag"}), 400, "no toxic 'lag'"),
        (("POST", "/proxies/echo/toxics", {"type": "latency", "attributes": {"late": 1}}), 400, "attribute 'late'"),
        (("POST", "/proxies/echo/toxics", {"type": "stall", "stream": "sideways"}), 400, "direction 'sideways'"),
        (("DELETE", "/proxies/echo/toxics/lag", None), 404, "no toxic 'lag'"),
        (("PUT", "/proxies", {}), 404, "no PUT"),
    ],
)
def test_wrong_requests_say_why(client: Client, request_: tuple[str, str, Any], status: int, says: str) -> None:
    client.ask("POST", "/proxies", {"name": "echo", "upstream": "127.0.0.1:1"})
    found, answer = client.ask(*request_)
    assert found == status == answer["status"]
    assert says in answer["error"]


def test_a_browser_is_refused(client: Client) -> None:
    assert client.ask("POST", "/reset", **{"User-Agent": "Mozilla/5.0"})[0] == 403


def test_a_toxic_dies_with_the_process_that_set_it(host: ProxyHost, client: Client, echo: tuple[str, int]) -> None:
    """SIGKILL: what was held goes with the owner's connection and its bytes go on; what had a time of its own stays."""
    proxy = host.proxy("echo", echo)
    address = client.connection.host, str(client.connection.port)
    owner = subprocess.Popen([sys.executable, "-c", OWNER, *address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert owner.stdin is not None
    assert owner.stdout is not None
    with owner, closing(socket.create_connection(proxy.address, TIMEOUT_S)) as through:
        assert owner.stdout.readline() == b"set\n"
        assert [active.name for active in proxy.toxics] == ["held", "kept"]
        proxy.remove("kept")
        through.sendall(b"ping")
        owner.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        assert through.recv(4) == b"ping"  # an hour's latency is over
        assert proxy.toxics == ()


def test_only_what_is_held_ends_with_the_connection(host: ProxyHost, client: Client) -> None:
    proxy = host.proxy("echo", ("127.0.0.1", 1))
    other = Client((client.connection.host, client.connection.port or 0))
    other.ask("POST", "/proxies/echo/toxics", {"type": "stall", "lease": {"hold": True}})
    other.ask("POST", "/proxies/echo/toxics", {"type": "stall", "stream": "upstream"})
    other.ask("GET", "/version", Connection="close")
    other.connection.close()
    # a later request of another connection is answered after the end of the first was seen, or a few later
    while len(client.ask("GET", "/proxies/echo/toxics")[1]) > 1:
        pass
    assert [active.name for active in proxy.toxics] == ["stall_upstream"]
    assert proxy.toxics[0].expires_ns is not None


def test_closing_ends_control_connections(client: Client, host: ProxyHost) -> None:
    assert client.ask("GET", "/version")[0] == 200
    host.close()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        client.ask("GET", "/version")
