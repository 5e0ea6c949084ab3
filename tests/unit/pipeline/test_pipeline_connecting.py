"""Who is let onto the classical channel: mutual TLS 1.3, certificates of the declared names, greetings that fit."""

from __future__ import annotations

import socket
import ssl
import threading
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hil.device_sims.kme import CertificateAuthority
from hil.errors import ChannelClosedError, ChannelRefusedError
from hil.pipeline.connecting import Caller, Listener, TlsIdentity
from hil.pipeline.endpoint import Endpoint
from hil.pipeline.settings import KeyFate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.device_sims.kme import TlsFiles
    from hil.pipeline.wire import SocketWire
    from tests.unit.pipeline.conftest import SmallLanes

TIMEOUT_S = 10.0


@pytest.fixture(scope="module")
def authority() -> Iterator[CertificateAuthority]:
    made = CertificateAuthority()
    yield made
    made.close()


@pytest.fixture(scope="module")
def stranger() -> Iterator[CertificateAuthority]:
    """Another authority, which nobody trusts."""
    made = CertificateAuthority()
    yield made
    made.close()


def identity(files: TlsFiles, peer: str) -> TlsIdentity:
    return TlsIdentity(files.ca, files.certificate, files.private_key, peer)


def met(a: TlsIdentity | None, b: TlsIdentity | None, lanes: tuple[int, int] = (1, 1)) -> list[SocketWire | Exception]:
    """What each end got: a wire, or why not; closed again."""
    found: dict[str, SocketWire | Exception] = {}

    def connect(side: str, call: Callable[[], SocketWire]) -> None:
        try:
            found[side] = call()
        except Exception as error:  # noqa: BLE001  (looked at below)
            found[side] = error

    with Listener(("127.0.0.1", 0), lanes[0], 1.0, a) as listener:
        thread = threading.Thread(target=connect, args=("a", listener.connect))
        thread.start()
        connect("b", Caller(listener.address, lanes[1], 1.0, b).connect)
        thread.join()
    for wire in found.values():
        if not isinstance(wire, Exception):
            wire.close()
    return [found["a"], found["b"]]


def test_both_ends_show_a_certificate_of_the_declared_name(
    authority: CertificateAuthority, small_lanes: Callable[..., SmallLanes]
) -> None:
    """A whole session over TLS 1.3, two blocks in flight."""
    a, b = (identity(authority.issue_party(name), peer) for name, peer in (("alice", "bob"), ("bob", "alice")))
    of_a, of_b = small_lanes(2).next_blocks(4)
    with Listener(("127.0.0.1", 0), 2, TIMEOUT_S, a) as listener:
        caller = Caller(listener.address, 2, TIMEOUT_S, b)
        with (
            Endpoint[Any]("a", listener.connect, 2, TIMEOUT_S) as near,
            Endpoint[Any]("b", caller.connect, 2, TIMEOUT_S) as far,
        ):
            futures = [*map(near.submit, of_a), *map(far.submit, of_b)]
            assert [future.result().fate for future in futures] == [KeyFate.RELEASED] * 8


def test_a_certificate_of_another_name_is_refused_at_both_ends(authority: CertificateAuthority) -> None:
    """Signed by the right authority, but for somebody else: mallory in Bob's place, then in Alice's."""
    alice, bob, mallory = (authority.issue_party(name) for name in ("alice", "bob", "mallory"))
    at_a, at_b = met(identity(alice, "bob"), identity(mallory, "alice"))
    assert isinstance(at_a, ChannelRefusedError)
    assert "shows a certificate of mallory where one of bob is expected" in str(at_a)
    assert isinstance(at_b, ChannelClosedError | ChannelRefusedError)
    at_a, at_b = met(identity(mallory, "bob"), identity(bob, "alice"))
    assert isinstance(at_b, ChannelRefusedError)
    assert "shows a certificate of mallory where one of alice is expected" in str(at_b)
    assert isinstance(at_a, ChannelClosedError | ChannelRefusedError)


@pytest.mark.parametrize("expired", ["alice", "bob"])
def test_an_expired_certificate_is_refused(authority: CertificateAuthority, expired: str) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    files = {name: authority.issue_party(name, past if name == expired else None) for name in ("alice", "bob")}
    at_a, at_b = met(identity(files["alice"], "bob"), identity(files["bob"], "alice"))
    seen, shown = (at_b, at_a) if expired == "alice" else (at_a, at_b)
    assert isinstance(seen, ChannelRefusedError)
    assert str(seen) == "the other end's certificate is refused: certificate has expired"
    assert isinstance(shown, ChannelRefusedError)
    assert "TLS was refused" in str(shown)


def test_a_certificate_of_another_authority_is_refused(authority: CertificateAuthority, stranger: CertificateAuthority) -> None:
    alice, bob = authority.issue_party("alice"), stranger.issue_party("bob")
    own = TlsIdentity(authority.ca_file, bob.certificate, bob.private_key, "alice")
    at_a, at_b = met(identity(alice, "bob"), own)
    assert isinstance(at_a, ChannelRefusedError)
    assert "certificate is refused: unable to get local issuer certificate" in str(at_a)
    assert isinstance(at_b, ChannelRefusedError)


def test_who_shows_no_certificate_or_speaks_an_older_tls_is_refused(authority: CertificateAuthority) -> None:
    alice = identity(authority.issue_party("alice"), "bob")
    bob = authority.issue_party("bob")
    for version, files in ((ssl.TLSVersion.TLSv1_3, None), (ssl.TLSVersion.TLSv1_2, bob)):
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        context.check_hostname = False
        context.maximum_version = version
        if files is not None:
            context.load_cert_chain(files.certificate, files.private_key)
        found: list[Exception] = []
        with Listener(("127.0.0.1", 0), 1, 0.5, alice) as listener:
            thread = threading.Thread(target=_expect_refusal, args=(listener, found))
            thread.start()
            with socket.create_connection(listener.address) as sock:
                try:
                    with context.wrap_socket(sock) as tls:
                        tls.recv(1)
                except OSError:
                    pass
            thread.join()
        assert isinstance(found[0], ChannelRefusedError if files is None else ChannelClosedError)
        assert "TLS" in str(found[0])


def test_a_damaged_greeting_is_no_refusal() -> None:
    """Every bit of it flipped once: a broken connection, which the next attempt may mend, and no mistake in the settings."""
    found = []
    whole = b"hil-qkd-session1" + (2).to_bytes(2, "big")
    whole += zlib.crc32(whole).to_bytes(4, "big")
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        found.append(_answered_with(bytes(damaged)))
    assert {type(error) for error in found} == {ChannelClosedError}
    assert isinstance(_answered_with(whole), ChannelRefusedError)  # two blocks in flight where one was expected


def _answered_with(greeting: bytes) -> Exception:
    """What a caller makes of an end that says this."""
    found: list[Exception] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_expect_refusal, args=(Caller(server.getsockname()[:2], 1, 0.01), found))
        thread.start()
        with server.accept()[0] as sock:
            server.close()  # there is no second attempt
            sock.sendall(greeting)
        thread.join()
    return found[0]


def test_a_stranger_does_not_keep_the_other_end_out(authority: CertificateAuthority, stranger: CertificateAuthority) -> None:
    """Refused callers first: one with a certificate of its own, one that says nothing of use; then the right one."""
    alice, bob = (identity(authority.issue_party(name), peer) for name, peer in (("alice", "bob"), ("bob", "alice")))
    mallory = identity(stranger.issue_party("bob"), "alice")
    found: list[Any] = []
    with Listener(("127.0.0.1", 0), 1, TIMEOUT_S, alice) as listener:
        thread = threading.Thread(target=lambda: found.append(listener.connect()))
        thread.start()
        with pytest.raises(ChannelRefusedError):
            Caller(listener.address, 1, TIMEOUT_S, mallory).connect()
        with socket.create_connection(listener.address) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        own = Caller(listener.address, 1, TIMEOUT_S, bob).connect()
        thread.join()
    own.close()
    found[0].close()


def _expect_refusal(end: Listener | Caller, found: list[Exception]) -> None:
    try:
        end.connect().close()
    except Exception as error:  # noqa: BLE001  (looked at in the test)
        found.append(error)


def test_an_end_without_tls_is_not_let_on(authority: CertificateAuthority) -> None:
    alice, bob = (identity(authority.issue_party(name), peer) for name, peer in (("alice", "bob"), ("bob", "alice")))
    for at_a, at_b in (met(alice, None), met(None, bob)):
        assert isinstance(at_a, ChannelClosedError | ChannelRefusedError)
        assert isinstance(at_b, ChannelClosedError | ChannelRefusedError)


def test_different_numbers_of_blocks_in_flight_are_refused_at_both_ends() -> None:
    at_a, at_b = met(None, None, (8, 2))
    assert str(at_a) == "the other end has 2 blocks in flight, this one 8; set both alike"
    assert str(at_b) == "the other end has 8 blocks in flight, this one 2; set both alike"


def test_files_that_are_no_certificates_are_named(authority: CertificateAuthority) -> None:
    alice = authority.issue_party("alice")
    broken = TlsIdentity(alice.ca, alice.ca, alice.private_key, "bob")
    at_a, _ = met(broken, None)
    assert isinstance(at_a, ChannelRefusedError)
    assert "no usable PEM files" in str(at_a)


def test_an_address_in_use_is_named() -> None:
    with Listener(("127.0.0.1", 0), 1, TIMEOUT_S) as listener, pytest.raises(ChannelRefusedError, match="cannot listen"):
        Listener(listener.address, 1, TIMEOUT_S)
