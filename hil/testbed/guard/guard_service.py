"""A guardian that listens: ``hil guard --listen`` on the host that has the devices, for runs in containers and elsewhere.

It answers on a unix socket, or on TCP, whoever knows its token. What is said is not encrypted: listen on a unix socket that is
mounted into the container, on loopback, or behind a tunnel.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from hil.errors import UsageError
from hil.testbed.guard.greeting import GREETING_S, GUARDIAN, RUN, connect, nonce, parsed, proof
from hil.testbed.guard.guarding import guard

if TYPE_CHECKING:
    from typing import IO

__all__ = ["GuardService"]

logger = logging.getLogger("hil.guardian")

_ACCEPT_S = 0.2


class GuardService:
    """Listens from construction until :meth:`close`; ``address`` is where, with the port that a port of 0 became."""

    def __init__(self, address: str, token: bytes) -> None:
        self._token = token
        family, where = parsed(address)
        self._file = Path(str(where)) if family == getattr(socket, "AF_UNIX", None) else None
        if self._file is not None:
            self._remove_stale(self._file)
        self._listener = socket.socket(family)
        try:
            if self._file is None:
                self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(where)
            if self._file is not None:
                self._file.chmod(0o666)  # whoever has the token
            self._listener.listen()
            self._listener.settimeout(_ACCEPT_S)
        except BaseException:
            self._listener.close()
            raise
        bound = self._listener.getsockname()
        self.address = address if self._file is not None else f"tcp://{bound[0]}:{bound[1]}"
        self._sessions: set[threading.Thread] = set()

    def serve(self, stop: threading.Event) -> None:
        """Guard whoever comes until ``stop``, and whoever is there then until they are gone."""
        while not stop.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                session = threading.Thread(target=self._session, args=(connection,), name="hil-guard", daemon=True)
                self._sessions.add(session)
                session.start()
        self._listener.close()
        for session in list(self._sessions):
            session.join()

    @property
    def sessions(self) -> int:
        """How many runs it guards."""
        return len(self._sessions)

    def close(self) -> None:
        """Listen no more; a second call does nothing."""
        self._listener.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _session(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as incoming, connection.makefile("wb") as outgoing:
                connection.settimeout(GREETING_S)
                theirs = nonce()
                _say(outgoing, {"hil": theirs})
                with suppress(OSError, ValueError, KeyError):
                    hello = self._admitted(incoming, outgoing, theirs)
                    if hello is None:
                        return
                    connection.settimeout(None)
                    logger.info("guards %s", hello["run"])
                    try:
                        well = guard(incoming, outgoing, hello, elsewhere=True, holder=_peer(connection))
                    finally:
                        with suppress(OSError):
                            connection.shutdown(socket.SHUT_RDWR)  # the thread that hears it would keep it open
                    logger.info("%s is over, %s", hello["run"], "all is well" if well else "NOT all is well")
        finally:
            self._sessions.discard(threading.current_thread())

    def _admitted(self, incoming: IO[bytes], outgoing: IO[bytes], theirs: str) -> dict[str, Any] | None:
        """The hello of somebody with the token who wants to be guarded."""
        hello: dict[str, Any] = json.loads(incoming.readline())
        ours = str(hello["nonce"])
        if not hmac.compare_digest(proof(self._token, RUN, theirs, ours), str(hello["proof"])):
            logger.warning("somebody without its token was refused")
            _say(outgoing, {"seq": hello["seq"], "error": "the token is not that of this guardian"})
            return None
        ours_proof = {"proof": proof(self._token, GUARDIAN, ours, theirs)}
        if "status" in hello:
            _say(outgoing, {"seq": hello["seq"], "ready": os.getpid(), "guards": self.sessions - 1} | ours_proof)
            return None
        return hello | {"answer": ours_proof}

    @staticmethod
    def _remove_stale(file: Path) -> None:
        """A socket that nobody listens on any more; UsageError for one that is alive."""
        if not file.exists():
            return
        try:
            connect(f"unix:{file}").close()
        except OSError:
            file.unlink()
        else:
            raise UsageError(f"{file}: another guardian listens there")


def _say(outgoing: IO[bytes], words: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):
        outgoing.write(msgspec.json.encode(words) + b"\n")
        outgoing.flush()


def _peer(connection: socket.socket) -> int | None:
    """The number of the process at the other end of a unix socket, where this system knows it."""
    if connection.family != getattr(socket, "AF_UNIX", None) or not hasattr(socket, "SO_PEERCRED"):
        return None
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return pid or None
