"""Key delivery end to end: two KMEs on loopback, mutual TLS, one store behind each."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import tomllib
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from hil import bench
from hil.bench.model import KmeDevice
from hil.device_sims.kme import RunningKmes, TlsFiles, start_kme_pair
from hil.errors import KeyNotFoundError, KeysExhaustedError, KeyStoreError
from hil.keystores.embedded import EmbeddedKeyStore
from hil.keystores.etsi014 import Etsi014Client
from hil.ports.keystore import KeyState
from hil.ports.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator

NORTH, SOUTH = "SAE-NORTH", "SAE-SOUTH"


class Pair:
    """Two stores with the KMEs of the metro bench in front of them, and clients of both."""

    def __init__(self, folder: Path) -> None:
        devices = bench.load("metro-25km").device
        kme_a, kme_b = devices["kme_a"], devices["kme_b"]
        assert isinstance(kme_a, KmeDevice)
        assert isinstance(kme_b, KmeDevice)
        self.store_a = EmbeddedKeyStore(folder / "a.sqlite", test=True)
        self.store_b = EmbeddedKeyStore(folder / "b.sqlite", test=True)
        self.kmes: RunningKmes = start_kme_pair(kme_a, kme_b, self.store_a, self.store_b, folder)
        self.north = self.client(self.kmes.url_a, self.kmes.client_tls("a"), kme_id="KME-NORTH")
        self.south = self.client(self.kmes.url_b, self.kmes.client_tls("b"), kme_id="KME-SOUTH")

    def client(self, url: str, files: TlsFiles, kme_id: str = "") -> Etsi014Client:
        ca, certificate, private_key = map(str, files)
        return Etsi014Client(
            url, ca_file=ca, certificate_file=certificate, private_key_file=private_key, kme_id=kme_id, timeout_s=20.0
        )

    def ingest(self, number: int = 1) -> list[tuple[str, bytes]]:
        keys = [(str(uuid.uuid4()), secrets.token_bytes(32)) for _ in range(number)]
        self.kmes.ingest_all([(key_id, SecretBytes(bits, 256), SecretBytes(bits, 256)) for key_id, bits in keys])
        return keys

    def close(self) -> None:
        self.north.close()
        self.south.close()
        self.kmes.close()
        self.store_a.close()
        self.store_b.close()

    def raw(self, method: str, path: str, body: str | None = None, side: str = "a") -> tuple[int, Any]:
        """What an outside client gets: status and decoded body (None for none)."""
        files = self.kmes.client_tls("a" if side == "a" else "b")
        with connected(self.kmes.url_a if side == "a" else self.kmes.url_b, files) as connection:
            connection.request(method, f"/api/v1/keys/{path}", body)
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None


class connected:  # noqa: N801  (used as a context manager only)
    """A plain HTTPS connection with these certificates."""

    def __init__(self, url: str, files: TlsFiles | None, ca: Path | None = None) -> None:
        context = ssl.create_default_context(cafile=files.ca if files else ca)
        if files:
            context.load_cert_chain(files.certificate, files.private_key)
        parts = urlsplit(url)
        self.connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=20.0, context=context)

    def __enter__(self) -> http.client.HTTPSConnection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def test_both_ends_fetch_the_same_key(pair: Pair) -> None:
    """The master's fresh keys and those the slave fetches by ID are the ingested bits, at both ends, marked TEST."""
    ingested = pair.ingest(3)
    masters = pair.north.get_keys(SOUTH, number=2, size_bits=256)
    slaves = pair.south.get_keys_with_ids(NORTH, tuple(key.key_id for key in masters))
    assert [(key.key_id, key.key.reveal()) for key in masters] == ingested[:2]
    assert [(key.key_id, key.key.reveal()) for key in slaves] == ingested[:2]
    assert all(key.key.test for key in (*masters, *slaves))


def test_both_directions_share_one_pool_without_meeting(pair: Pair) -> None:
    """What north got as master, south never gets as master."""
    pair.ingest(2)
    (first,) = pair.north.get_keys(SOUTH)
    (second,) = pair.south.get_keys(NORTH)
    assert first.key_id != second.key_id
    with pytest.raises(KeysExhaustedError):
        pair.south.get_keys(NORTH)
    assert pair.north.get_keys_with_ids(SOUTH, (second.key_id,))[0].key == second.key


def test_status_says_what_can_be_had(pair: Pair) -> None:
    """The fields of the standard's status, counted down by delivery."""
    pair.ingest(2)
    pair.north.get_keys(SOUTH)
    status = pair.north.status(SOUTH)
    assert (status.source_kme_id, status.target_kme_id) == ("KME-NORTH", "KME-SOUTH")
    assert (status.master_sae_id, status.slave_sae_id) == (NORTH, SOUTH)
    assert (status.stored_key_count, status.max_key_count, status.key_size_bits) == (1, 100_000, 256)
    assert (status.min_key_size_bits, status.max_key_size_bits, status.max_key_per_request) == (256, 256, 128)


def test_a_key_is_delivered_once_at_each_end(pair: Pair) -> None:
    """A second fetch by the slave, or one by the master of its own key, finds nothing."""
    pair.ingest()
    (key,) = pair.north.get_keys(SOUTH)
    pair.south.get_keys_with_ids(NORTH, (key.key_id,))
    with pytest.raises(KeyNotFoundError, match="answered 400: one or more keys specified are not found on KME"):
        pair.south.get_keys_with_ids(NORTH, (key.key_id,))
    with pytest.raises(KeyNotFoundError):
        pair.north.get_keys_with_ids(SOUTH, (key.key_id,))


def test_a_key_nobody_handed_out_is_not_found(pair: Pair) -> None:
    """An ID alone, guessed or leaked, fetches nothing that no master had."""
    ((key_id, _),) = pair.ingest()
    with pytest.raises(KeyNotFoundError):
        pair.south.get_keys_with_ids(NORTH, (key_id,))
    assert pair.store_b.state(key_id) is KeyState.DELIVERABLE


def test_an_empty_store_is_exhausted(pair: Pair) -> None:
    """Too few keys is 503 with the server's words, and takes none."""
    pair.ingest()
    with pytest.raises(KeysExhaustedError, match="answered 503: not enough keys for this request"):
        pair.north.get_keys(SOUTH, number=2)
    assert pair.north.status(SOUTH).stored_key_count == 1


ANY_ID = "0b7ae4e7-8b3f-4f07-9c6b-2ae3cb3ff4f0"
REFUSALS = tomllib.loads((Path(__file__).parent / "kme_refusals.toml").read_text())["case"]


@pytest.mark.parametrize("case", REFUSALS, ids=[f"{case['method']} {case['message']}" for case in REFUSALS])
def test_each_refusal_has_its_status_and_sentence(pair: Pair, case: dict[str, Any]) -> None:
    """Errors carry the standard's Error body, take no key, and end nothing but themselves."""
    pair.ingest()
    answer = pair.raw(case["method"], case["path"], case.get("body"))
    assert answer == (case["status"], {"message": case["message"]})
    assert pair.store_a.deliverable_count() == 1


def test_optional_extensions_are_ignored_and_bodies_may_be_empty(pair: Pair) -> None:
    """A plain POST gives one key; what is optional does not stop it."""
    pair.ingest(3)
    for body in (None, "{}", '{"extension_optional": [{"x": 1}], "number": 1, "size": 256}'):
        status, answer = pair.raw("POST", f"{SOUTH}/enc_keys", body)
        assert status == 200
        assert [set(key) for key in answer["keys"]] == [{"key_ID", "key"}]


def test_an_sae_that_is_not_served_gets_401_without_a_body(pair: Pair) -> None:
    """A certificate of the right authority is not enough: it has to be that of this KME's application."""
    pair.ingest()
    stranger = pair.kmes.issue_sae("SAE-EVE")
    for path in (f"{SOUTH}/status", f"{SOUTH}/enc_keys", f"{SOUTH}/dec_keys?key_ID={ANY_ID}"):
        with connected(pair.kmes.url_a, stranger) as connection:
            connection.request("GET", f"/api/v1/keys/{path}")
            response = connection.getresponse()
            assert (response.status, response.read()) == (401, b"")
    client = pair.client(pair.kmes.url_a, stranger)
    with pytest.raises(KeyStoreError, match="answered 401; this SAE's certificate does not allow it"):
        client.get_keys(SOUTH)
    client.close()


def test_a_key_set_aside_for_another_gets_401(pair: Pair) -> None:
    """The slave's KME serves the SAE that was named at get key, and nobody else."""
    ((key_id, _),) = pair.ingest()
    pair.store_b.reserve((key_id,), "SAE-WEST\nSAE-NORTH")
    assert pair.raw("GET", f"{NORTH}/dec_keys?key_ID={key_id}", side="b") == (401, None)
    assert pair.store_b.state(key_id) is KeyState.RESERVED


def test_without_a_certificate_nobody_gets_in(pair: Pair) -> None:
    """Without one the handshake ends it."""

    def ask(connection: http.client.HTTPSConnection) -> None:
        # with TLS 1.3 the refusal arrives once the client reads
        connection.request("GET", f"/api/v1/keys/{SOUTH}/status")
        connection.getresponse()

    with (
        connected(pair.kmes.url_a, None, ca=pair.kmes.client_tls("a").ca) as connection,
        pytest.raises(OSError, match=r"(?i)certificate|reset|eof"),
    ):
        ask(connection)


def test_a_certificate_of_another_authority_is_refused(pair: Pair, tmp_path: Path) -> None:
    """Another run's certificate opens nothing here, and the message says it was TLS."""
    (tmp_path / "other").mkdir()
    other = Pair(tmp_path / "other")
    foreign = other.kmes.client_tls("a")
    client = pair.client(pair.kmes.url_a, TlsFiles(pair.kmes.client_tls("a").ca, foreign.certificate, foreign.private_key))
    with pytest.raises(KeyStoreError, match="status failed"):
        client.status(SOUTH)
    client.close()
    client = pair.client(pair.kmes.url_a, foreign)
    with pytest.raises(KeyStoreError, match="TLS: CERTIFICATE_VERIFY_FAILED"):
        client.status(SOUTH)
    client.close()
    other.close()


def test_the_client_checks_whose_kme_it_is(pair: Pair) -> None:
    """A valid certificate of the wrong KME is refused before anything is asked."""
    pair.ingest()
    client = pair.client(pair.kmes.url_a, pair.kmes.client_tls("a"), kme_id="KME-SOUTH")
    with pytest.raises(KeyStoreError, match="is 'KME-NORTH' by its certificate; expected 'KME-SOUTH'"):
        client.get_keys(SOUTH)
    assert pair.store_a.deliverable_count() == 1
    client.close()


def test_the_certificates_pass_a_strict_check(pair: Pair) -> None:
    """RFC 5280 to the letter, as clients on Python 3.13 check by default."""
    files = pair.kmes.client_tls("a")
    openssl = ssl.create_default_context(cafile=files.ca)
    openssl.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    openssl.load_cert_chain(files.certificate, files.private_key)
    parts = urlsplit(pair.kmes.url_a)
    connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=20.0, context=openssl)
    connection.request("GET", f"/api/v1/keys/{SOUTH}/status")
    assert connection.getresponse().status == 200
    connection.close()


def test_old_tls_is_refused(pair: Pair) -> None:
    """The standard asks for TLS 1.2 or later."""
    files = pair.kmes.client_tls("a")
    context = ssl.create_default_context(cafile=files.ca)
    context.load_cert_chain(files.certificate, files.private_key)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    parts = urlsplit(pair.kmes.url_a)
    connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=20.0, context=context)
    with pytest.raises(ssl.SSLError):
        connection.connect()
    connection.close()


def test_a_silent_client_delays_nobody(pair: Pair) -> None:
    """A connection that never shakes hands, and one that never asks, leave the others served."""
    parts = urlsplit(pair.kmes.url_a)
    with (
        socket.create_connection((str(parts.hostname), parts.port)),
        connected(pair.kmes.url_a, pair.kmes.client_tls("a")) as idle,
    ):
        idle.connect()
        assert pair.north.status(SOUTH).stored_key_count == 0
        pair.kmes.close()  # and closing does not wait for them


def test_one_connection_serves_many_requests(pair: Pair) -> None:
    """HTTP/1.1 keep-alive, also across refusals."""
    pair.ingest(2)
    with connected(pair.kmes.url_a, pair.kmes.client_tls("a")) as connection:
        connection.connect()
        socket_before = connection.sock
        for path, expected in (("enc_keys", 200), ("enc_keys?size=7", 400), ("enc_keys", 200), ("enc_keys", 503)):
            connection.request("GET", f"/api/v1/keys/{SOUTH}/{path}")
            response = connection.getresponse()
            response.read()
            assert response.status == expected
        assert connection.sock is socket_before


def test_many_masters_never_share_a_key(pair: Pair) -> None:
    """Eight threads at both ends: sixty different keys, each fetched by its slave with the same bits."""
    ingested = dict(pair.ingest(60))

    def fetch(number: int) -> tuple[str, bytes, bytes]:
        files = pair.kmes.client_tls("a"), pair.kmes.client_tls("b")
        one, two = pair.client(pair.kmes.url_a, files[0]), pair.client(pair.kmes.url_b, files[1])
        master, slave, names = (one, two, (SOUTH, NORTH)) if number % 2 else (two, one, (NORTH, SOUTH))
        (got,) = master.get_keys(names[0])
        (same,) = slave.get_keys_with_ids(names[1], (got.key_id,))
        one.close()
        two.close()
        return got.key_id, got.key.reveal(), same.key.reveal()

    with ThreadPoolExecutor(8) as pool:
        fetched = list(pool.map(fetch, range(60)))
    assert len({key_id for key_id, _, _ in fetched}) == 60
    assert all(ingested[key_id] == at_master == at_slave for key_id, at_master, at_slave in fetched)


def test_a_restart_keeps_what_was_promised(tmp_path: Path) -> None:
    """A key handed to the master before the KMEs went down is there for the slave after they come back."""
    before = Pair(tmp_path)
    ingested = before.ingest(2)
    (key,) = before.north.get_keys(SOUTH)
    before.close()
    after = Pair(tmp_path)
    assert after.south.get_keys_with_ids(NORTH, (key.key_id,))[0].key == key.key
    assert after.north.status(SOUTH).stored_key_count == 1
    assert after.north.get_keys(SOUTH)[0].key.reveal() == ingested[1][1]
    after.close()


def test_key_material_stays_out_of_logs_and_errors(
    pair: Pair, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A round trip and its refusals at the most talkative level show no bits, in any spelling."""
    caplog.set_level(logging.DEBUG)
    ((key_id, bits),) = pair.ingest()
    (key,) = pair.north.get_keys(SOUTH)
    pair.south.get_keys_with_ids(NORTH, (key_id,))
    with pytest.raises(KeyNotFoundError) as caught:
        pair.south.get_keys_with_ids(NORTH, (key_id,))
    captured = capfd.readouterr()
    said = "\n".join([caplog.text, repr(key), str(key), repr(caught.value), captured.out, captured.err])
    assert "enc_keys" in caplog.text
    for spelling in (bits.hex(), base64.b64encode(bits).decode(), repr(bits)):
        assert spelling not in said


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_is_served_like_anybody(pair: Pair) -> None:
    """An HTTP client that shares no code with us completes the round trip."""
    ((key_id, bits),) = pair.ingest()

    def curl(side: str, *arguments: str) -> Any:
        files = pair.kmes.client_tls("a" if side == "a" else "b")
        tls = ["--cacert", str(files.ca), "--cert", str(files.certificate), "--key", str(files.private_key)]
        command = ["curl", "--silent", "--show-error", "--fail-with-body", "--noproxy", "*", *tls, *arguments]
        return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)

    wanted = {"keys": [{"key_ID": key_id, "key": base64.b64encode(bits).decode()}]}
    assert curl("a", f"{pair.kmes.url_a}/api/v1/keys/{SOUTH}/enc_keys?number=1&size=256") == wanted
    body = json.dumps({"key_IDs": [{"key_ID": key_id}]})
    assert curl("b", "--json", body, f"{pair.kmes.url_b}/api/v1/keys/{NORTH}/dec_keys") == wanted


def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    """No thread, no port, no certificate; a second close does nothing."""
    before = set(threading.enumerate())
    made = Pair(tmp_path)
    made.ingest()
    made.north.get_keys(SOUTH)
    files = made.kmes.client_tls("a")
    assert files.ca.parent.stat().st_mode & 0o777 == 0o700
    assert files.private_key.stat().st_mode & 0o777 == 0o600
    made.close()
    made.kmes.close()
    assert set(threading.enumerate()) == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.sqlite", "b.sqlite"]
    with pytest.raises(KeyStoreError, match="Connection refused"):
        made.north.status(SOUTH)
