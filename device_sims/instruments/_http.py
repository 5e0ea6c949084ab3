"""A small HTTP server as a session: requests of one connection in order, over whatever carries its bytes.

A server with a clock says the date in every answer, in whole seconds (RFC 9110, 6.6.1).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING

import h11

from hil.device_sims.spec import Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["HttpSession", "Page"]


@dataclass(frozen=True)
class Page:
    """An answer: status and body."""

    status: int
    body: str


class HttpSession:
    """One client; ``answer(method, target, now_ns)`` gives the page, behind basic authentication, ``date(now_ns)`` the date."""

    def __init__(
        self,
        answer: Callable[[str, str, int], Page],
        *,
        realm: str,
        user: str,
        password: str,
        date: Callable[[int], datetime],
    ) -> None:
        self._answer = answer
        self._date = date
        self._challenge = f'Basic realm="{realm}"'.encode()
        self._credentials = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=8192)
        self._dead = False

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every request that is complete; after what is no HTTP, nothing more is heard on the connection."""
        if self._dead or not data:
            return []
        replies: list[Reply] = []
        try:
            self._connection.receive_data(data)
            while isinstance(event := self._connection.next_event(), (h11.Request, h11.Data, h11.EndOfMessage)):
                if isinstance(event, h11.Request):
                    self._request = event
                elif isinstance(event, h11.EndOfMessage):
                    replies.append(Reply(self._page(self._request, now_ns)))
                    self._connection.start_next_cycle()
        except h11.RemoteProtocolError as error:
            self._dead = True
            replies.append(Reply(self._refusal(error.error_status_hint)))
        except h11.LocalProtocolError:
            self._dead = True  # the client asked to close after this answer
        return replies

    def _page(self, request: h11.Request, now_ns: int) -> bytes:
        headers = dict(request.headers)
        if headers.get(b"authorization") != self._credentials:
            page, extra = Page(401, "Unauthorized"), [(b"WWW-Authenticate", self._challenge)]
        else:
            page, extra = self._answer(request.method.decode(), request.target.decode(), now_ns), []
        date = format_datetime(self._date(now_ns).astimezone(UTC), usegmt=True)
        return self._sent(page, request, [(b"Date", date.encode()), *extra])

    def _sent(self, page: Page, request: h11.Request, extra: list[tuple[bytes, bytes]]) -> bytes:
        body = page.body.encode()
        headers = [(b"Content-Type", b"text/html"), (b"Content-Length", str(len(body)).encode()), *extra]
        sent = self._connection.send(h11.Response(status_code=page.status, headers=headers)) or b""
        if request.method != b"HEAD":
            sent += self._connection.send(h11.Data(data=body)) or b""
        return sent + (self._connection.send(h11.EndOfMessage()) or b"")

    def _refusal(self, status: int) -> bytes:
        if self._connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return b""
        headers = [(b"Content-Length", b"0"), (b"Connection", b"close")]
        return self._connection.send(h11.Response(status_code=status, headers=headers)) or b""
