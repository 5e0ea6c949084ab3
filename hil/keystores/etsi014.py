"""An application's side of ETSI GS QKD 014 V1.1.1: fetches keys from its key management entity over mutual TLS.

Nothing is ever asked for twice on its own: a get-key request removes keys, so after a broken connection nobody can know
whether they are gone, and the caller is told so.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from hil.errors import KeyNotFoundError, KeysExhaustedError, KeyStoreBusyError, KeyStoreError, UsageError
from hil.ports.keystore import DeliveredKey, KeyStoreStatus
from hil.ports.secret import SecretBytes
from hil.ports.spec import KeyStoreSettings, KeyStoreSpec

__all__ = ["SPEC", "Etsi014Client"]

_NOT_FOUND = "not found"
_CLOCKS_AGREE_S = 5.0
_IDLE_S = 5.0  # servers close idle connections; a fresh one costs a few milliseconds
_STATUS_FIELDS = {
    "source_kme_id": "source_KME_ID",
    "target_kme_id": "target_KME_ID",
    "master_sae_id": "master_SAE_ID",
    "slave_sae_id": "slave_SAE_ID",
    "key_size_bits": "key_size",
    "stored_key_count": "stored_key_count",
    "max_key_count": "max_key_count",
    "max_key_per_request": "max_key_per_request",
    "max_key_size_bits": "max_key_size",
    "min_key_size_bits": "min_key_size",
}


class Etsi014Client:
    """A :class:`~hil.ports.keystore.KeyDelivery` at ``url`` (``https://host:port``).

    The files are PEM: the authority that signed the KME's certificate, this application's certificate and private key. With
    ``kme_id`` the common name in the KME's certificate has to be that. ``test`` marks the keys it fetches as TEST keys.
    ``clock_offset_s`` is by how much the KME's clock was ahead of ours in its last answer, to a second or two; None before.
    ``via`` is the host and port of a proxy that passes the bytes of TLS on to ``url``.
    """

    def __init__(
        self,
        url: str,
        *,
        ca_file: str,
        certificate_file: str,
        private_key_file: str,
        kme_id: str = "",
        test: bool = True,
        timeout_s: float = 5.0,
        via: tuple[str, int] | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise UsageError(f"{url!r} is no address of a key management entity; expected https://host:port")
        self.url = url.rstrip("/")
        self.kme_id = kme_id
        self.test = test
        self.timeout_s = timeout_s
        self.clock_offset_s: float | None = None
        self._via = via
        self._host, self._port, self._prefix = parts.hostname, parts.port or 443, parts.path.rstrip("/")
        try:
            self._tls = ssl.create_default_context(cafile=ca_file)
            self._tls.load_cert_chain(certificate_file, private_key_file)
        except (OSError, ssl.SSLError) as error:
            raise KeyStoreError(f"{self.url}: the TLS files cannot be used ({error}); expected PEM files") from error
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._lock = threading.Lock()
        self._connection: http.client.HTTPSConnection | None = None
        self._used_s = 0.0

    def status(self, peer_sae_id: str) -> KeyStoreStatus:
        """What the KME can deliver for keys shared with that peer."""
        answer = self._ask("GET", f"{quote(peer_sae_id, safe='')}/status")
        try:
            values: dict[str, Any] = {name: answer[field] for name, field in _STATUS_FIELDS.items()}
        except (KeyError, TypeError) as error:
            raise self._foreign(f"a status without {error}") from None
        return KeyStoreStatus(**values)

    def get_keys(self, slave_sae_id: str, number: int = 1, size_bits: int | None = None) -> tuple[DeliveredKey, ...]:
        """Fresh keys to share with the slave, which fetches the same by their IDs; KeysExhaustedError."""
        request = {"number": number} | ({"size": size_bits} if size_bits is not None else {})
        keys = self._keys(self._ask("POST", f"{quote(slave_sae_id, safe='')}/enc_keys", request))
        if len(keys) != number:
            raise self._foreign(f"{len(keys)} keys where {number} were asked for")
        return keys

    def get_keys_with_ids(self, master_sae_id: str, key_ids: tuple[str, ...]) -> tuple[DeliveredKey, ...]:
        """The keys the master told the IDs of, in that order; KeyNotFoundError."""
        request = {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}
        found = {key.key_id: key for key in self._keys(self._ask("POST", f"{quote(master_sae_id, safe='')}/dec_keys", request))}
        if set(found) != set(key_ids):
            raise self._foreign("other keys than were asked for")
        return tuple(found[key_id] for key_id in key_ids)

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        with self._lock:
            self._disconnect()

    def _ask(self, method: str, resource: str, body: dict[str, Any] | None = None) -> Any:
        path = f"{self._prefix}/api/v1/keys/{resource}"
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body is not None else {})
        with self._lock:
            try:
                connection = self._connected()
                connection.request(method, path, json.dumps(body) if body is not None else None, headers)
                response = connection.getresponse()
                status, content = response.status, response.read()
                self._note_clock(response.getheader("Date", ""))
                wait = response.getheader("Retry-After", "")
            except (OSError, http.client.HTTPException) as error:
                self._disconnect()
                taken = "" if resource.endswith("/status") else "; keys of this request may be gone from the KME"
                raise KeyStoreError(f"{self.url}: {method} {path} failed ({_reason(error)}){taken}") from error
            self._used_s = time.monotonic()
        return self._answer(status, content, f"{method} {path}", wait)

    def _answer(self, status: int, content: bytes, request: str, wait: str) -> Any:
        if status == http.HTTPStatus.OK:
            answer = _json(content)
            if not isinstance(answer, dict):
                raise self._foreign("a body that is no JSON object")
            return answer
        said = _message(content)
        text = f"{self.url}: {request} answered {status}" + (f": {said}" if said else "")
        if status == http.HTTPStatus.TOO_MANY_REQUESTS or (wait and status == http.HTTPStatus.SERVICE_UNAVAILABLE):
            raise KeyStoreBusyError(f"{text}; nothing was taken, ask again{f' after {wait} s' if wait.isdigit() else ' later'}")
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            raise KeysExhaustedError(text)
        if status == http.HTTPStatus.BAD_REQUEST and _NOT_FOUND in said:
            raise KeyNotFoundError(text)
        if status == http.HTTPStatus.UNAUTHORIZED:
            text += "; this SAE's certificate does not allow it"
            if self.clock_offset_s and abs(self.clock_offset_s) > _CLOCKS_AGREE_S:
                text += f", or is out of date by the entity's clock, which is {self.clock_offset_s:+.0f} s off"
        raise KeyStoreError(text)

    def _keys(self, answer: Any) -> tuple[DeliveredKey, ...]:
        try:
            return tuple(DeliveredKey(str(entry["key_ID"]), self._secret(entry["key"])) for entry in answer["keys"])
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise self._foreign("no key container") from None

    def _secret(self, text: str) -> SecretBytes:
        value = base64.b64decode(text, validate=True)
        return SecretBytes(value, 8 * len(value), test=self.test)

    def _note_clock(self, date: str) -> None:
        """The header Date is the entity's own clock, in whole seconds (RFC 9110, 6.6.1)."""
        with suppress(ValueError):
            told = parsedate_to_datetime(date)
            self.clock_offset_s = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() - time.time()

    def _foreign(self, what: str) -> KeyStoreError:
        return KeyStoreError(f"{self.url}: answered {what}; expected ETSI GS QKD 014 V1.1.1")

    def _connected(self) -> http.client.HTTPSConnection:
        known = self._connection
        if known is not None and (known.sock is None or time.monotonic() - self._used_s > _IDLE_S):
            self._disconnect()
        if self._connection is None:
            connection = _Connection(self._host, self._port, self._tls, self.timeout_s, self._via)
            connection.auto_open = 0  # every new connection is checked below
            self._connection = connection
            connection.connect()
            self._check_kme(connection)
        return self._connection

    def _check_kme(self, connection: http.client.HTTPSConnection) -> None:
        certificate = connection.sock.getpeercert() if isinstance(connection.sock, ssl.SSLSocket) else None
        names = dict(pair for part in (certificate or {}).get("subject", ()) for pair in part)  # type: ignore[misc]
        if self.kme_id and names.get("commonName") != self.kme_id:
            self._disconnect()
            raise KeyStoreError(f"{self.url}: is {names.get('commonName')!r} by its certificate; expected {self.kme_id!r}")

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None


class _Connection(http.client.HTTPSConnection):
    """To one address over a proxy that stands elsewhere; the certificate has to be for the address."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext, timeout_s: float, via: tuple[str, int] | None) -> None:
        super().__init__(host, port, timeout=timeout_s, context=tls)
        self._tls = tls
        self._via = via or (host, port)

    def connect(self) -> None:
        plain = socket.create_connection(self._via, self.timeout)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _message(content: bytes) -> str:
    """The message of an Error body, if there is one."""
    body = _json(content)
    return str(body.get("message", "")) if isinstance(body, dict) else ""


def _json(content: bytes) -> Any:
    """What the bytes say; None for what is no JSON (the decoder's error would carry the text, and so the keys, with it)."""
    try:
        return json.loads(content)
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.reason}: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def _build(settings: KeyStoreSettings) -> Etsi014Client:
    return Etsi014Client(
        settings.address,
        ca_file=settings.ca_file,
        certificate_file=settings.certificate_file,
        private_key_file=settings.private_key_file,
        kme_id=settings.kme_id,
        test=settings.test,
        timeout_s=settings.timeout_s,
    )


SPEC = KeyStoreSpec(
    name="etsi014", title="Key management entity with ETSI GS QKD 014 over mutual TLS", provides="delivery", build=_build
)
