"""Brings a line back in step after a timeout, so that a late reply never answers the next question.

A TCP stream is closed and opened again: what comes late comes to the old one. On a serial line (or behind a device
server, which outlives the stream) late replies still arrive, in the order of their requests; so a marker is asked, a
harmless query whose reply can be told from the others, and everything before its reply is thrown away.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import DeviceTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.transports.line import Line
    from hil.transports.replies import Reply

__all__ = ["Marker", "resynchronise"]

logger = logging.getLogger("hil.transports")

_QUIET_S = 0.05
"""Silence after the marker's reply that proves nothing else was under way."""
_REPLIES_PER_MARKER = 8


@dataclass(frozen=True)
class Marker:
    """A harmless query, and how to know its reply (given without its terminator).

    ``plain``: where key material may come before that reply, tells whether all that came may get on a tape.
    """

    request: bytes
    reply: Reply[bytes]
    recognises: Callable[[bytes], bool]
    plain: Callable[[bytes], bool] | None = None


def resynchronise(line: Line, markers: tuple[Marker, ...], *, reopen: bool, rounds: int = 2) -> None:
    """Leave ``line`` in step, or raise DeviceTimeoutError or DeviceUnreachableError.

    Markers are taken in turn: one that was itself the request that timed out leaves a reply that looks like the marker's,
    and the next one then tells them apart.
    """
    if reopen:
        line.clear()
        line.port.close()
        line.port.open(line.timeout_s)
    if not markers:
        return
    line.drain(quiet_s=0.01)
    for marker in markers * rounds:
        if _in_step_by(line, marker):
            return
    raise DeviceTimeoutError(line.port.device, f"none of {len(markers) * rounds} harmless queries was answered as it should be")


def _in_step_by(line: Line, marker: Marker) -> bool:
    line.send(marker.request, repeatable=True, plain=marker.plain)
    for _ in range(_REPLIES_PER_MARKER):
        try:
            reply = marker.reply.read(line, None)
        except DeviceTimeoutError:
            logger.info("%s: no answer to a marker yet", line.port.device)
            return False
        if marker.recognises(reply):
            return line.drain(_QUIET_S) == 0
    return False
