"""Questions and answers of one text line each, ended by a newline; and the SCPI error queue over them."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from hil.errors import InstrumentError, ReplyError
from hil.ports.identity import Identity
from hil.transports import Marker, SerialLine, Until, over_visa
from hil.transports.port import tcp_address

if TYPE_CHECKING:
    from hil.ports.spec import DeviceSettings
    from hil.transports import Transport

__all__ = ["ask", "check_errors", "decoded", "drain_errors", "over_lines", "scpi_identity", "tell"]

logger = logging.getLogger("hil.drivers")

_NEWLINE = Until(b"\n")
_NO_ERROR = re.compile(r"\s*[-+]?\s*0+\s*(,|$)")
_MOST_OLD_ERRORS = 32
_IDENTITY = Marker(b"*IDN?\n", _NEWLINE, lambda reply: reply.count(b",") == 3)
"""No other answer has four fields."""


def over_lines(settings: DeviceSettings, line: SerialLine | None = None) -> Transport:
    """How an instrument is reached that answers ``*IDN?``: over any carrier that VISA knows, USB and GPIB among them.

    ``line`` is how it is set where that is a serial line; 9600 baud 8N1 unless told otherwise. A TCP stream is brought back in
    step by opening it anew, every other carrier by its identity.
    """
    stream = tcp_address(settings.resource) is not None
    return over_visa(
        settings.name,
        settings.resource,
        timeout_s=settings.timeout_s,
        library=settings.visa_library,
        line=line or SerialLine(),
        markers=() if stream else (_IDENTITY,),
    )


def ask(transport: Transport, request: str, *, idempotent: bool = False, timeout_s: float | None = None) -> str:
    """One line out, one line back, without its line end. ``idempotent``: may be repeated after a transport error."""
    reply = transport.query(request.encode("ascii") + b"\n", _NEWLINE, idempotent=idempotent, timeout_s=timeout_s)
    return decoded(transport.device, reply).strip()


def tell(transport: Transport, command: str) -> None:
    """One line out; nothing comes back."""
    transport.write(command.encode("ascii") + b"\n")


def decoded(device: str, reply: bytes) -> str:
    """ASCII text, or ReplyError (which does not show it)."""
    try:
        return reply.decode("ascii")
    except UnicodeDecodeError:
        raise ReplyError(device, f"a reply of {len(reply)} bytes is not ASCII; check the line's baud rate") from None


def scpi_identity(transport: Transport) -> Identity:
    """``*IDN?``: four fields separated by commas, or ReplyError."""
    text = ask(transport, "*IDN?", idempotent=True)
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != 4:
        raise ReplyError(transport.device, f"*IDN? answered {text!r}; expected vendor,model,serial,firmware")
    return Identity(*fields)


def drain_errors(transport: Transport) -> list[str]:
    """Empty the error queue of what happened before us, and log it; bounded, for devices that never say zero."""
    old = []
    for _ in range(_MOST_OLD_ERRORS):
        text = ask(transport, "SYST:ERR?")
        if _NO_ERROR.match(text):
            break
        old.append(text)
    if old:
        logger.warning("%s: %d errors from before we came: %s", transport.device, len(old), "; ".join(old))
    return old


def check_errors(transport: Transport, after: str) -> None:
    """InstrumentError with the device's own words when its error queue is not empty. A destructive read, so never repeated."""
    text = ask(transport, "SYST:ERR?")
    if _NO_ERROR.match(text):
        return
    drain_errors(transport)
    raise InstrumentError(transport.device, f"refused {after!r}: {text}")
