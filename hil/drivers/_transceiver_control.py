"""Control port of the reference transceiver protocol: lines of text, refusals as ``ERR <code> <text>``.

Replies may hold keys (``KEYS?``), so none is ever quoted in an error but the device's own words of refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from hil.drivers._lines import ask, scpi_identity
from hil.errors import InstrumentError, MissingCapabilityError, ReplyError

if TYPE_CHECKING:
    from hil.ports.identity import Identity
    from hil.transports import Transport

__all__ = ["Control"]

T = TypeVar("T")

_NOT_SUPPORTED = "12"


class Control:
    """Requests and checked replies of one device's control port."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.device = transport.device

    def identity(self) -> Identity:
        """``*IDN?``."""
        return scpi_identity(self.transport)

    def text(self, request: str, *, idempotent: bool = True, timeout_s: float | None = None) -> str:
        """The reply to a request; MissingCapabilityError or InstrumentError when the device refuses it."""
        reply = ask(self.transport, request, idempotent=idempotent, timeout_s=timeout_s)
        if reply.startswith("ERR"):
            _, code, words = (*reply.split(" ", 2), "", "")[:3]
            message = f"refused {request!r}: error {code} {words}".rstrip()
            if code == _NOT_SUPPORTED:
                raise MissingCapabilityError(f"{self.device}: {message}")
            raise InstrumentError(self.device, message)
        return reply

    def order(self, request: str, *, idempotent: bool = False, timeout_s: float | None = None) -> list[str]:
        """Give an order that is answered ``OK``; returns the words after it."""
        words = self.text(request, idempotent=idempotent, timeout_s=timeout_s).split()
        if not words or words[0] != "OK":
            raise ReplyError(self.device, f"{request!r} was not answered OK")
        return words[1:]

    def integers(self, request: str, count: int, *, timeout_s: float | None = None) -> list[int]:
        """Give an order that is answered ``OK`` and ``count`` integers. Never repeated."""
        words = self.order(request, timeout_s=timeout_s)
        try:
            values = [int(word) for word in words]
        except ValueError:
            values = []
        if len(values) != count:
            raise ReplyError(self.device, f"{request!r} was answered {' '.join(words)!r}; expected {count} integers")
        return values

    def integer(self, request: str) -> int:
        """A query answered by one integer."""
        text = self.text(request)
        try:
            return int(text)
        except ValueError:
            raise ReplyError(self.device, f"{request!r} was answered {text!r}; expected an integer") from None

    def switched_on(self, request: str) -> bool:
        """A query answered ``ON`` or ``OFF``."""
        text = self.text(request).upper()
        if text not in {"ON", "OFF"}:
            raise ReplyError(self.device, f"{request!r} was answered {text!r}; expected ON or OFF")
        return text == "ON"

    def json(self, request: str, kind: type[T], *, idempotent: bool = True, timeout_s: float | None = None) -> T:
        """A query answered by JSON of a known form; the error says where it differs, never what stood there."""
        reply = self.text(request, idempotent=idempotent, timeout_s=timeout_s)
        try:
            return msgspec.json.decode(reply, type=kind)
        except msgspec.DecodeError as error:
            words = str(error) if isinstance(error, msgspec.ValidationError) else "malformed JSON"
        raise ReplyError(self.device, f"{request!r} was answered by {len(reply)} bytes that are not as specified: {words}")
