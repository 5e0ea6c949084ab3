"""A session's transcript: what each party sent and heard, message by message, in a file; no key, no pad, nothing secret.

Everything in it went over the public channel: greetings, indices and bases, bits of the test basis, parities, seeds of public
hashes, tags. One JSON object a line: first the header, then an entry for each message ``sent`` or ``heard`` by a party of a
block and for each end of its channel (``cut``), in the order in which they happened to that party.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

from hil.errors import AuthenticationError, ChannelClosedError, UsageError
from hil.pipeline.messages import decode
from hil.pipeline.party import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hil.pipeline.party import Party

__all__ = ["VERSION", "Entry", "Transcript", "TranscriptWriter", "kind_of", "read_transcript"]

R = TypeVar("R")

VERSION = 1
_FORMAT = "hil-transcript"
_WAYS = {"sent", "heard", "cut"}


@dataclass(frozen=True)
class Entry:
    """One thing that happened to ``party`` in block ``block``; ``data`` is the message, or why the channel was cut."""

    party: Literal["a", "b"]
    block: int
    way: Literal["sent", "heard", "cut"]
    data: bytes


@dataclass(frozen=True)
class Transcript:
    """A whole session; ``settings`` is the digest of what both ends were set up with, in hexadecimal."""

    link: str
    settings: str
    blocks_in_flight: int
    entries: tuple[Entry, ...]

    def of(self, party: str) -> dict[int, list[Entry]]:
        """What happened to one party, by block."""
        found: dict[int, list[Entry]] = {}
        for entry in self.entries:
            if entry.party == party:
                found.setdefault(entry.block, []).append(entry)
        return found


class TranscriptWriter:
    """Writes a transcript as it happens; a context manager. Parties of both ends may run in threads of their own."""

    def __init__(self, path: Path, link: str, settings: bytes, blocks_in_flight: int) -> None:
        self._lock = threading.Lock()
        self._file: IO[str] = path.open("w", encoding="utf-8")
        self._write(
            {
                "format": _FORMAT,
                "version": VERSION,
                "link": link,
                "settings": settings.hex(),
                "blocks_in_flight": blocks_in_flight,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def record(self, side: Literal["a", "b"], block: int, party: Party[R]) -> Party[R]:
        """The same party; what it says and hears is written down."""
        try:
            request = next(party)
            while True:
                if isinstance(request, Outgoing):
                    self._note(side, block, "sent", request.data)
                try:
                    answer = yield request
                except ChannelClosedError as closed:
                    self._write({"party": side, "block": block, "way": "cut", "why": str(closed)})
                    request = party.throw(closed)
                    continue
                if answer is not None:
                    self._note(side, block, "heard", answer)
                request = party.send(answer)
        except StopIteration as end:
            return cast("R", end.value)

    def _note(self, side: str, block: int, way: str, data: bytes) -> None:
        encoded = base64.b64encode(data).decode()
        self._write({"party": side, "block": block, "way": way, "kind": kind_of(data), "data": encoded})

    def _write(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(entry) + "\n")


def kind_of(data: bytes) -> str:
    """The type of a message, for reading; empty for bytes that are none."""
    with suppress(AuthenticationError):
        return type(decode(data)[1]).__name__
    return ""


def read_transcript(path: Path) -> Transcript:
    """UsageError that names the line for anything that is no transcript of this version."""
    with path.open(encoding="utf-8") as file:
        lines = _objects(path, file)
        header = next(lines, {})
        if header.get("format") != _FORMAT or header.get("version") != VERSION:
            raise UsageError(f"{path}: no transcript of version {VERSION}; its first line says {header}")
        entries = tuple(_entry(path, number, line) for number, line in enumerate(lines, start=2))
        try:
            return Transcript(str(header["link"]), str(header["settings"]), int(header["blocks_in_flight"]), entries)
        except (KeyError, ValueError) as error:
            raise UsageError(f"{path}, line 1: {error} is missing or wrong") from error


def _objects(path: Path, file: IO[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, start=1):
        try:
            found = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: no JSON object ({error})") from error
        if not isinstance(found, dict):
            raise UsageError(f"{path}, line {number}: no JSON object")
        yield found


def _entry(path: Path, number: int, line: dict[str, Any]) -> Entry:
    try:
        party, block, way = line["party"], line["block"], line["way"]
        data = line["why"].encode() if way == "cut" else base64.b64decode(line["data"], validate=True)
    except (KeyError, AttributeError, TypeError, binascii.Error) as error:
        raise UsageError(f"{path}, line {number}: {error!r} is missing or wrong") from error
    if party not in {"a", "b"} or way not in _WAYS or not isinstance(block, int):
        raise UsageError(f"{path}, line {number}: found party {party!r}, block {block!r}, way {way!r}")
    return Entry(party, block, way, data)
