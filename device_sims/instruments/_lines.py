"""Cuts what arrives into lines, however it was chunked."""

from __future__ import annotations

__all__ = ["LineBuffer"]


class LineBuffer:
    """Bytes that arrived without their end yet. A line longer than ``longest`` is reported as None and its rest thrown away."""

    def __init__(self, end: bytes, longest: int = 4096) -> None:
        self._end = end
        self._longest = longest
        self._rest = bytearray()
        self._overrun = False

    def lines(self, data: bytes) -> list[bytes | None]:
        """The lines that are complete with these bytes, without their end."""
        before = len(data) - len(self._end)
        if not self._rest and not self._overrun and 0 <= before <= self._longest and data.find(self._end) == before:
            return [data[:before]]  # one whole line, as nearly always
        self._rest += data
        *complete, rest = bytes(self._rest).split(self._end)
        self._rest = bytearray(rest)
        found: list[bytes | None] = []
        for line in complete:
            found.append(None if self._overrun or len(line) > self._longest else line)
            self._overrun = False
        if len(self._rest) > self._longest:
            self._rest.clear()
            self._overrun = True
        return found
