"""Commands of four letters (``SILD 15``, ``SILD?``) with error codes that reading clears: a dialect of several SRS instruments.

``LEXE?`` tells the last execution error and ``LCME?`` the last command error; each is forgotten once told. Of the codes only 1,
for a value out of range, was seen in public code; the others are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hil.device_sims.spec import Reply

from ._lines import LineBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ErrorCodes", "FourLetterSession", "Word", "choice", "number"]

ILLEGAL_VALUE = 1
UNDEFINED, ILLEGAL_QUERY, ILLEGAL_SET, MISSING, EXTRA, BAD_NUMBER, UNKNOWN_TOKEN = 2, 3, 4, 5, 6, 9, 14


class CommandError(Exception):
    """A command that cannot be carried out; ``execution`` where it was understood."""

    def __init__(self, code: int, *, execution: bool = False) -> None:
        self.code, self.execution = code, execution
        super().__init__(str(code))


@dataclass
class ErrorCodes:
    """What went wrong last, until somebody asks."""

    execution: int = 0
    command: int = 0

    def take_execution(self) -> str:
        """``LEXE?``."""
        taken, self.execution = self.execution, 0
        return str(taken)

    def take_command(self) -> str:
        """``LCME?``."""
        taken, self.command = self.command, 0
        return str(taken)


@dataclass(frozen=True)
class Word:
    """One command: ``ask`` answers its query, ``parse`` reads its parameter, ``tell`` carries it out; None: no such form."""

    ask: Callable[[int], str] | None = None
    parse: Callable[[str], object] | None = None
    tell: Callable[..., None] | None = None


@dataclass
class FourLetterSession:
    """One connection; lines end with a newline, several commands of a line are separated by semicolons."""

    words: Mapping[str, Word]
    errors: ErrorCodes
    _buffer: LineBuffer = field(default_factory=lambda: LineBuffer(b"\n"))

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every line that is complete."""
        replies = []
        for line in self._buffer.lines(data):
            if line is None or not line.isascii():
                self.errors.command = UNDEFINED
                continue
            answers = [answer for unit in line.decode("ascii").split(";") if (answer := self._answer(unit.strip(), now_ns))]
            replies += [Reply(answer.encode("ascii") + b"\n") for answer in answers]
        return replies

    def _answer(self, unit: str, now_ns: int) -> str:
        if not unit:
            return ""
        try:
            return self._execute(unit, now_ns)
        except CommandError as error:
            if error.execution:
                self.errors.execution = error.code
            else:
                self.errors.command = error.code
            return ""

    def _execute(self, unit: str, now_ns: int) -> str:
        header, _, parameter = unit.partition(" ")
        name, parameter = header.upper().removesuffix("?"), parameter.strip()
        word = self.words.get(name)
        if word is None:
            raise CommandError(UNDEFINED)
        if header.endswith("?"):
            if word.ask is None:
                raise CommandError(ILLEGAL_QUERY)
            if parameter:
                raise CommandError(EXTRA)
            return word.ask(now_ns)
        if word.tell is None:
            raise CommandError(ILLEGAL_SET)
        if word.parse is None:
            if parameter:
                raise CommandError(EXTRA)
            word.tell(now_ns)
        else:
            if not parameter:
                raise CommandError(MISSING)
            word.tell(word.parse(parameter), now_ns)
        return ""


def number(low: Callable[[], float] | float, high: Callable[[], float] | float) -> Callable[[str], float]:
    """Reads a number between two limits, which may move."""

    def parse(text: str) -> float:
        if len(text) > 32:
            raise CommandError(BAD_NUMBER)
        try:
            value = float(text.replace("_", "x"))
        except ValueError:
            raise CommandError(BAD_NUMBER) from None
        least, most = (limit() if callable(limit) else limit for limit in (low, high))
        if not (math.isfinite(value) and least <= value <= most):
            raise CommandError(ILLEGAL_VALUE, execution=True)
        return value

    return parse


def choice(*tokens: str) -> Callable[[str], int]:
    """Reads a token, or its number, as its number."""

    def parse(text: str) -> int:
        upper = text.upper()
        if upper in tokens:
            return tokens.index(upper)
        if upper.isdecimal() and len(upper) < 4 and int(upper) < len(tokens):
            return int(upper)
        raise CommandError(UNKNOWN_TOKEN)

    return parse
