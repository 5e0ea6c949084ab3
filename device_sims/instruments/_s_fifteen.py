"""The line of S-Fifteen's instruments: commands end with a semicolon or a line end, answers are lines that end with CR LF."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.device_sims.spec import Later, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SFifteenSession", "answer"]

_END = re.compile(rb"[;\r\n]")
_LONGEST = 200


class SFifteenSession:
    """One instrument's serial line; ``execute(words, now_ns)`` returns what to say, None for nothing.

    What cannot be understood is answered with a line that says so; its wording is ours.
    """

    def __init__(self, execute: Callable[[list[str], int], Reply | Later | None]) -> None:
        self._execute = execute
        self._rest = b""

    def received(self, data: bytes, now_ns: int) -> list[Reply | Later]:
        """Carry out every command that is complete."""
        *complete, self._rest = _END.split(self._rest + data)
        if len(self._rest) > _LONGEST:
            self._rest = b""
        replies = []
        for command in complete:
            words = command.decode("ascii", errors="replace").lower().split()
            said = self._execute(words, now_ns) if words else None
            replies += [] if said is None else [said]
        return replies


def answer(value: object) -> Reply:
    """One line."""
    return Reply(f"{value}\r\n".encode("ascii", errors="replace"))
