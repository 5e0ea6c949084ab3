"""How a run and a guardian that listens greet each other, and where.

Whoever knows the token shows that without saying it (HMAC over numbers of both sides), and the guardian shows the same in
return, so that nobody takes a stranger for a guardian.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socket
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["GREETING_S", "GUARDIAN", "RUN", "connect", "greeted", "nonce", "parsed", "proof", "token_of"]

GREETING_S = 10.0
"""What either side may take to greet the other."""
GUARDIAN, RUN = "guardian", "run"
_LEAST_TOKEN = 16
_BYTES_OF_TOKEN = 32


def nonce() -> str:
    """A number that is used once."""
    return secrets.token_hex(_BYTES_OF_TOKEN)


def token_of(file: Path, *, make: bool = False) -> bytes:
    """The token in a file that only its owner may read; made there, where asked. UsageError for one that is none."""
    if make and not file.exists():
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as opened:
            opened.write(nonce() + "\n")
    try:
        token = file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"the token of the guardian cannot be read: {error}") from None
    if len(token) < _LEAST_TOKEN:
        raise UsageError(f"{file}: expected a token of {_LEAST_TOKEN} characters or more, as `hil guard --listen` makes one")
    return token


def proof(token: bytes, who: str, *nonces: str) -> str:
    """What only somebody with the token can say."""
    return hmac.new(token, "\n".join((who, *nonces)).encode(), "sha256").hexdigest()


def connect(address: str) -> socket.socket:
    """To ``unix:PATH`` or ``tcp://HOST:PORT``; OSError when nobody listens, UsageError for another form."""
    family, where = parsed(address)
    connection = socket.socket(family)
    try:
        connection.settimeout(GREETING_S)
        connection.connect(where)
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return connection


def greeted(words: dict[str, Any], welcome: bytes, token: bytes) -> tuple[dict[str, Any], str]:
    """The first line to a guardian after its welcome, and the proof that its answer has to bring; ValueError: no welcome."""
    theirs = str(json.loads(welcome)["hil"])
    ours = nonce()
    first = words | {"nonce": ours, "proof": proof(token, RUN, theirs, ours)}
    return first, proof(token, GUARDIAN, ours, theirs)


def parsed(address: str) -> tuple[Any, Any]:
    """The family of sockets, and the address within it."""
    scheme, _, rest = address.partition(":")
    if scheme == "unix" and rest and hasattr(socket, "AF_UNIX"):
        return socket.AF_UNIX, rest
    host, _, port = rest.removeprefix("//").rpartition(":")
    if scheme == "tcp" and rest.startswith("//") and host and port.isdecimal():
        return socket.AF_INET6 if ":" in host else socket.AF_INET, (host.strip("[]"), int(port))
    raise UsageError(f"guardian at {address!r}: expected unix:PATH or tcp://HOST:PORT")
