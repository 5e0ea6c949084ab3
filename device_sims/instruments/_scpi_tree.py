"""The command tree of a SCPI instrument (SCPI-99 volume 1, chapter 6): short and long forms, optional nodes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SCPI_ERRORS", "Handler", "ScpiError", "Tree"]

D = TypeVar("D")
T_contra = TypeVar("T_contra", contravariant=True)


class Handler(Protocol[T_contra]):
    """Carries out one command: (device, parameters in capitals, time); a query returns its answer."""

    def __call__(self, device: T_contra, parameters: list[str], now_ns: int, /) -> str | None: ...


SCPI_ERRORS = {
    0: "No error",
    -101: "Invalid character",
    -102: "Syntax error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -120: "Numeric data error",
    -131: "Invalid suffix",
    -141: "Invalid character data",
    -200: "Execution error",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -230: "Data corrupt or stale",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
}
"""Numbers and texts of SCPI-99 volume 2, chapter 21.8."""

_NODE = re.compile(r"(?P<open>\[)?:?(?P<short>[A-Z]+)(?P<rest>[a-z]*)(?P<number>\d*):?\]?")
_WORD = re.compile(r"([A-Z]+)(\d*)")


class ScpiError(Exception):
    """A command that goes to the error queue instead of being carried out."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"{code} {SCPI_ERRORS[code]}")


@dataclass(frozen=True)
class _Node:
    """Short and long form, number, and whether it may be left out."""

    short: str
    long: str
    number: str
    optional: bool


class _Branch(Generic[D]):
    """One node: its children under both spellings, and what it does as a command and as a query."""

    def __init__(self) -> None:
        self.children: dict[tuple[str, str], _Branch[D]] = {}
        self.command: Handler[D] | None = None
        self.query: Handler[D] | None = None


class Tree(Generic[D]):
    """Commands by pattern as manuals print them: ``[SENSe:]POWer[:DC]:RANGe[:UPPer]?``, ``OUTPut2[:STATe]``.

    A node without a number goes by its name alone or with a 1 behind it.
    """

    def __init__(self, commands: Mapping[str, Handler[D]]) -> None:
        self._root: _Branch[D] = _Branch()
        self._found: dict[tuple[tuple[str, ...], bool], Handler[D]] = {}
        for pattern, handler in commands.items():
            self._plant(self._root, _nodes(pattern), handler, query=pattern.endswith("?"))

    def find(self, words: Sequence[str], *, query: bool) -> Handler[D]:
        """The handler of a header given by its words in capitals; ScpiError when there is none."""
        header = tuple(words), query
        handler = self._found.get(header)
        if handler is None:  # there are only so many spellings of a command, so what was found is kept
            handler = self._found[header] = self._search(words, query=query)
        return handler

    def _search(self, words: Sequence[str], *, query: bool) -> Handler[D]:
        branch = self._root
        for word in words:
            match = _WORD.fullmatch(word)
            if match is None:
                raise ScpiError(-113)
            following = branch.children.get((match[1], match[2] or "1"))
            if following is None:
                raise ScpiError(-114 if any(name == match[1] for name, _ in branch.children) else -113)
            branch = following
        handler = branch.query if query else branch.command
        if handler is None:
            raise ScpiError(-113)
        return handler

    def _plant(
        self,
        branch: _Branch[D],
        nodes: Sequence[_Node],
        handler: Handler[D],
        *,
        query: bool,
    ) -> None:
        if not nodes:
            if query:
                branch.query = handler
            else:
                branch.command = handler
            return
        node, *rest = nodes
        child = branch.children.get((node.short, node.number)) or _Branch()
        branch.children[node.short, node.number] = branch.children[node.long, node.number] = child
        self._plant(child, rest, handler, query=query)
        if node.optional:
            self._plant(branch, rest, handler, query=query)


def _nodes(pattern: str) -> list[_Node]:
    """The nodes of a pattern in order."""
    return [
        _Node(found["short"], found["short"] + found["rest"].upper(), found["number"] or "1", bool(found["open"]))
        for found in _NODE.finditer(pattern)
    ]
