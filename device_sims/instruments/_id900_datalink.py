"""The service on the user's computer that receives an ID900's time stamps (DataLinkTarget, ZMQ port 6060) and hands them on.

Its commands and answers, which are JSON, are those of the user manual's section 10 and of the maker's examples.
``start-stream`` opens a ZMQ pair that gets a message for every record: a uint64 for each time stamp in ps, with
``--with-ref-index`` followed by its reference index. How the instrument itself talks to this service is the maker's own and
not documented, so the two are one here. ``start-save`` is refused: a simulated device writes no files.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.device_sims.spec import Push, Reply

from ._id900_acquisition import CHANNELS

if TYPE_CHECKING:
    from ._id900_acquisition import Acquisition
    from ._id900_routing import Times

__all__ = ["DataLink", "DataLinkSession"]

_LONGEST_MESSAGE = 4096
_FIRST_PORT = 5555
_EVERY_S = 0.05
_PORTS = range(1, 1 << 16)
_OPTIONS = {
    "list": (),
    "start-save": ("id", "address", "channel", "filename", "format", "with-ref-index"),
    "start-stream": ("id", "address", "channel", "stream-port", "with-ref-index"),
    "status": ("id",),
    "stop": ("id",),
}
_FLAGS = {"with-ref-index"}


@dataclass
class _Stream:
    """Time stamps of one channel on their way to a client."""

    channel: int
    push: Push
    with_index: bool
    heard_ns: int
    records: int = 0
    stamps: int = 0

    def take(self, stamps: Times, index: Times, now_ns: int) -> None:
        """A record is over."""
        columns = np.stack([stamps, index], axis=1) if self.with_index else stamps
        if stamps.size:
            self.push.outbox.append(columns.astype("<u8").tobytes())
        self.heard_ns = now_ns
        self.records += 1
        self.stamps += int(stamps.size)

    def status(self, now_ns: int) -> dict[str, object]:
        return {
            "acquisitions_count": self.records,
            "errors": [],
            "inactivity": round((now_ns - self.heard_ns) / 1e9, 6),
            "timestamps_count": self.stamps,
        }


class _RefusedError(Exception):
    """A command that cannot be carried out, in the words of its answer."""


class DataLink:
    """The streams that are open, by their IDs."""

    def __init__(self, acquisition: Acquisition) -> None:
        self._acquisition = acquisition
        self._streams: dict[str, _Stream] = {}

    def execute(self, command: str, now_ns: int) -> Reply | Push:
        """The answer to one command."""
        self._acquisition.advance(now_ns)
        try:
            verb, options = _parsed(command)
            if verb == "start-stream":
                return self._start(options, now_ns)
            if verb == "start-save":
                return Reply(_error("a simulated device writes no files; use start-stream"))
            if verb == "list":
                return _answer(list(self._streams))
            stream = self._find(options)
            if verb == "status":
                return _answer(stream.status(now_ns))
            return _answer({"status": self._end(options["id"], now_ns)})
        except _RefusedError as refused:
            return Reply(_error(str(refused)))

    def _start(self, options: dict[str, str], now_ns: int) -> Push:
        channel, port = _number(options, "channel", range(1, CHANNELS + 1)), _number(options, "stream-port", _PORTS)
        if "address" not in options:
            raise _RefusedError("the option '--address' is required but missing")
        name = options.get("id") or f"{options['address']}:{_FIRST_PORT + channel}"
        if name in self._streams or channel in self._acquisition.send:
            raise _RefusedError(f"acquisition '{name}' already exists")

        def refused(why: str) -> bytes:
            self._end(name, now_ns)
            return _error(why)

        push = Push(port, _json({"id": name}), refused, self._acquisition.advance, _EVERY_S)
        stream = self._streams[name] = _Stream(channel, push, "with-ref-index" in options, now_ns)
        self._acquisition.send[channel] = stream.take
        return push

    def _end(self, name: str, now_ns: int) -> dict[str, object]:
        stream = self._streams.pop(name)
        del self._acquisition.send[stream.channel]
        stream.push.ended = True
        return stream.status(now_ns)

    def _find(self, options: dict[str, str]) -> _Stream:
        if "id" not in options:
            raise _RefusedError("the option '--id' is required but missing")
        if options["id"] not in self._streams:
            raise _RefusedError(f"acquisition '{options['id']}' does not exist")
        return self._streams[options["id"]]


class DataLinkSession:
    """One client: a command in, an answer out."""

    def __init__(self, link: DataLink) -> None:
        self._link = link

    def received(self, data: bytes, now_ns: int) -> list[Reply | Push]:
        """Answer one message."""
        if len(data) > _LONGEST_MESSAGE:
            return [Reply(_error("the command is too long"))]
        return [self._link.execute(data.decode("utf-8", errors="replace"), now_ns)]


def _parsed(command: str) -> tuple[str, dict[str, str]]:
    """A command and its options; a word without an option before it is the ID, as older examples of the maker have it."""
    try:
        verb, *words = shlex.split(command)
    except ValueError:
        raise _RefusedError("the command cannot be parsed") from None
    if verb not in _OPTIONS:
        raise _RefusedError(f"unrecognised command '{verb[:40]}'")
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name = word.removeprefix("--") if word.startswith("--") else "id"
        if name not in _OPTIONS[verb]:
            raise _RefusedError(f"unrecognised option '{word[:40]}'")
        options[name] = "" if name in _FLAGS else word if name == "id" and word != "--id" else next(rest, "")
    return verb, options


def _number(options: dict[str, str], name: str, allowed: range) -> int:
    if name not in options:
        raise _RefusedError(f"the option '--{name}' is required but missing")
    text = options[name]
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and int(text) in allowed):
        raise _RefusedError(f"the argument ('{text[:40]}') for option '--{name}' is invalid")
    return int(text)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _answer(value: object) -> Reply:
    return Reply(_json(value))


def _error(text: str) -> bytes:
    return _json({"error": {"description": text}})
