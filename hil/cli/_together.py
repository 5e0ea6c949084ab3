"""Every mistake of a command line at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Together"]

T = TypeVar("T")


class Together:
    """Asks one part of a command line after the other, and complains of all of them in the end."""

    def __init__(self) -> None:
        self._complaints: dict[str, None] = {}

    def ask(self, part: Callable[..., T], *given: object, said: str = "") -> T | None:
        """What the part makes of it; None where that is a UsageError, which is kept, with ``said`` before it."""
        try:
            return part(*given)
        except UsageError as error:
            self._complaints.setdefault(f"{said}{error}")
            return None

    def settle(self) -> None:
        """UsageError with everything that was wrong, if anything was."""
        if self._complaints:
            raise UsageError("\n".join(self._complaints))
