"""How the end of a reply is known: by a terminator or by a count. Nothing else is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from hil.transports.line import Line

__all__ = ["Exactly", "Reply", "Until"]
T_co = TypeVar("T_co", covariant=True)


class Reply(Protocol[T_co]):
    """Reads one whole reply. A binary protocol brings its own (header, then as much as the header says)."""

    def read(self, line: Line, timeout_s: float | None) -> T_co:
        """Read it, or raise; anything raised marks the line dirty."""
        ...


@dataclass(frozen=True)
class Until:
    """A reply that ends with ``terminator``, which is taken off."""

    terminator: bytes

    def read(self, line: Line, timeout_s: float | None) -> bytes:
        """Read one such reply."""
        return line.read_until(self.terminator, timeout_s)


@dataclass(frozen=True)
class Exactly:
    """A reply of ``count`` bytes."""

    count: int

    def read(self, line: Line, timeout_s: float | None) -> bytes:
        """Read one such reply."""
        return bytes(line.read_exactly(self.count, timeout_s))
