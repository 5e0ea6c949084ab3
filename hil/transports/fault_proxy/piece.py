"""What travels through a fault proxy: pieces of a stream that know where messages begin and end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

__all__ = ["FRAMINGS", "HEADER_BYTES", "Framer", "Framing", "Mark", "Piece"]

Framing: TypeAlias = Literal["chunks", "length-prefixed", "parties"]
"""What one unit of a stream is: what arrives at once; a message behind its length in four bytes, big-endian; or, between the
parties of a key distillation (``hil.pipeline.wire``), behind a length and the two bytes of a lane, after a greeting."""

FRAMINGS: tuple[Framing, ...] = ("chunks", "length-prefixed", "parties")
HEADER_BYTES: dict[Framing, int] = {"chunks": 0, "length-prefixed": 4, "parties": 6}
_LENGTH_BYTES = 4
_GREETING_BYTES: dict[Framing, int] = {"chunks": 0, "length-prefixed": 0, "parties": 22}


class Mark(Enum):
    """What a piece is: bytes, the end of the stream, or an end of the whole connection."""

    DATA = "data"
    END = "end"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one unit (all, or a part that ``begins`` or ``ends`` it); ``back``: on its way to the one who sent it."""

    data: bytes = b""
    begins: bool = True
    ends: bool = True
    mark: Mark = Mark.DATA
    back: bool = False

    def __repr__(self) -> str:  # bytes of a classical channel may be keys on their way to an application
        return f"Piece({self.mark.value}, {len(self.data)} bytes, begins={self.begins}, ends={self.ends}, back={self.back})"


class Framer:
    """Follows one stream from its first byte, so that a toxic that comes later still knows where messages begin."""

    def __init__(self, framing: Framing) -> None:
        self._header_bytes = HEADER_BYTES[framing]
        self._header = b""
        self._left = _GREETING_BYTES[framing]

    @property
    def at_border(self) -> bool:
        """Whether the next byte begins a unit."""
        return not self._left and not self._header

    def split(self, data: bytes) -> list[Piece]:
        """The bytes as pieces, none of which spans two units."""
        if not self._header_bytes:
            return [Piece(data)]
        pieces = []
        at = 0
        while at < len(data):
            begins, start = self.at_border, at
            at += self._header_part(data, at)
            taken = min(self._left, len(data) - at)
            self._left -= taken
            at += taken
            pieces.append(Piece(data[start:at], begins, self.at_border))
        return pieces

    def follow(self, data: bytes) -> None:
        """Only keep track: nobody needs the pieces."""
        if not self._header_bytes:
            return
        at = 0
        while at < len(data):
            at += self._header_part(data, at)
            taken = min(self._left, len(data) - at)
            self._left -= taken
            at += taken

    def _header_part(self, data: bytes, at: int) -> int:
        """Take what is here of a header; how many bytes that was."""
        if self._left:
            return 0
        part = data[at : at + self._header_bytes - len(self._header)]
        self._header += part
        if len(self._header) == self._header_bytes:
            self._left = int.from_bytes(self._header[:_LENGTH_BYTES], "big")
            self._header = b""
        return len(part)
