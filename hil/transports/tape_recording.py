"""Records what goes over the ports of a bench, below its drivers: whole messages, never chunks, and no key material."""

from __future__ import annotations

import itertools
import re
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hil.errors import DeviceUnreachableError
from hil.transports.tape_format import (
    FORMAT,
    Exchange,
    Header,
    Opened,
    PortEntry,
    Pushed,
    Redacted,
    Section,
    as_text,
    encoded,
)
from hil.transports.tape_loops import Folding
from hil.transports.taping import TapedPort

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.clock import Clock
    from hil.ports.identity import Identity
    from hil.transports.port import Port
    from hil.transports.tape_format import Entry
    from hil.transports.taping import Ask

__all__ = ["Recorder", "RecordingPort"]

_ENDING = re.compile(rb"[\r\n\x00-\x1f;]*$")
_USER = re.compile(r"(?<=://)[^/@]*@")
KEY_MATERIAL = "key material"


class Recorder:
    """The tapes of one bench, in one folder; ``about`` are the header's fields that are the same for all of them."""

    def __init__(self, folder: Path, clock: Clock, **about: Any) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._folder = folder
        self._about: dict[str, Any] = about
        self._order = itertools.count(1)
        self._streams: dict[str, _Stream] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def device(self, name: str, *, role: str, driver: str, simulated: bool) -> _Stream:
        """The tape of one device; it is written once the device has said who it is."""
        header = Header(
            format=FORMAT,
            recorded=datetime.now(UTC).isoformat(timespec="seconds"),
            clock="virtual" if self.clock.virtual else "system",
            device=name,
            role=role,
            driver=driver,
            simulated=simulated,
            **self._about,
        )
        stream = self._streams[name] = _Stream(self, self._folder / f"{name}.jsonl", header)
        return stream

    def section(self, name: str) -> None:
        """A test, its end, or another part of the run begins."""
        with self.lock:
            for stream in self._streams.values():
                for port in stream.ports:
                    port.finish()
                stream.add(Section(n=self.number(), name=name))

    def identified(self, device: str, identity: Identity) -> None:
        """Who the device said it is: the header is complete."""
        self._streams[device].begin(identity)

    def close(self) -> None:
        """Write what is held back; a second call does nothing."""
        with self.lock:
            for stream in self._streams.values():
                stream.close()

    def __contains__(self, device: str) -> bool:
        return device in self._streams

    def number(self) -> int:
        """The next number of the bench-wide order."""
        return next(self._order)

    def now_s(self) -> float:
        """Bench time."""
        return round(self.clock.now_ns() / 1e9, 9)


class _Stream:
    """One device's file. Polling is folded on it, so the last exchanges are held back."""

    def __init__(self, recorder: Recorder, file: Path, header: Header) -> None:
        self.recorder = recorder
        self.ports: list[RecordingPort | _OwnCarrier] = []
        self._file = file
        self._header = header
        self._begun = False
        self._waiting: list[Entry] = []
        self._folding = Folding()

    def port(self, make: Callable[[], Port], resource: str, secret: tuple[bytes, ...]) -> RecordingPort:  # noqa: ARG002
        """See DeviceTape."""
        port = RecordingPort(make(), self, len(self.ports), secret)
        self.ports.append(port)
        return port

    def ask(self, resource: str) -> Ask:
        """See DeviceTape."""
        carrier = _OwnCarrier(self, len(self.ports), resource)
        self.ports.append(carrier)
        return carrier.ask

    def start(self) -> None:
        """The opening of the bench begins."""
        self.add(Section(n=self.recorder.number(), name="opening"))

    def add(self, entry: Entry) -> None:
        """Append an entry, or fold it into what polling said before."""
        with self.recorder.lock:
            if not isinstance(entry, Exchange) or self._crossed(entry):
                self._let_go()
            if not isinstance(entry, Exchange):
                self._write(entry)
                return
            for certain in self._folding.add(entry):
                self._write(certain)

    def begin(self, identity: Identity | None) -> None:
        """Write the header and what was said until now; IO errors are the caller's."""
        with self.recorder.lock:
            about: dict[str, Any] = {"ports": tuple(port.entry() for port in self.ports)}
            redacting = [number for number, port in enumerate(self.ports) if isinstance(port, RecordingPort) and port.secret]
            about["redactions"] = tuple(
                f"port {number}: "
                + (
                    "everything"
                    if b"" in self._secret(number)
                    else "answers to " + ", ".join(map(as_text, self._secret(number)))
                )
                + f" ({KEY_MATERIAL})"
                for number in redacting
            )
            about["redactions"] += tuple(
                f"port {number}: HTTP headers, which hold the password"
                for number, port in enumerate(self.ports)
                if isinstance(port, _OwnCarrier)
            )
            if identity is not None:
                about |= {
                    "vendor": identity.vendor,
                    "model": identity.model,
                    "serial": identity.serial,
                    "firmware": identity.firmware,
                }
            self._file.write_bytes(encoded(msgspec.structs.replace(self._header, **about)))
            self._begun = True
            waiting, self._waiting = self._waiting, []
            for entry in waiting:
                self._write(entry)

    def close(self) -> None:
        """Write what is held back."""
        for port in self.ports:
            port.finish()
        if not self._begun:
            self.begin(None)
        self._let_go()

    def _secret(self, number: int) -> tuple[bytes, ...]:
        port = self.ports[number]
        return port.secret if isinstance(port, RecordingPort) else ()

    def _crossed(self, entry: Exchange) -> bool:
        """Whether another port began to say something after what is held back began: its place on the tape is between."""
        first = self._folding.first
        return first is not None and any(first.n < port.began < entry.n for port in self.ports)

    def _let_go(self) -> None:
        for certain in self._folding.end():
            self._write(certain)

    def _write(self, entry: Entry) -> None:
        if not self._begun:
            self._waiting.append(entry)
            return
        with self._file.open("ab") as file:
            file.write(encoded(entry))


class RecordingPort(TapedPort):
    """A port beside another, that writes down what goes through."""

    def __init__(self, port: Port, stream: _Stream, number: int, secret: tuple[bytes, ...]) -> None:
        self.device = port.device
        self.resource = port.resource
        self.reopens_clean = port.reopens_clean
        self.secret = secret
        self._port = port
        self._stream = stream
        self._number = number
        self._sent: tuple[int, float, bytes, bool] | None = None
        self._plain: Callable[[bytes], bool] | None = None
        self._parts: list[bytearray | None] = []
        self._ends: tuple[bytes, bytes] = (b"", b"")
        self._opened_s = 0.0
        self._pushed = bytearray()

    @property
    def began(self) -> int:
        """The number of the message that is not over yet; 0 where there is none."""
        return self._sent[0] if self._sent is not None else 0

    def entry(self) -> PortEntry:
        """What the header says of it."""
        write, read = self._ends
        resource = _USER.sub("", self.resource)
        return PortEntry(
            resource=resource, reopens_clean=self.reopens_clean, write_terminator=as_text(write), read_terminator=as_text(read)
        )

    def open(self, timeout_s: float) -> None:
        """Open it."""
        self.finish()
        recorder = self._stream.recorder
        n, t_s = recorder.number(), recorder.now_s()
        try:
            self._port.open(timeout_s)
        except DeviceUnreachableError as error:
            self._stream.add(Opened(n=n, t_s=t_s, port=self._number, refused=str(error)))
            raise
        self._opened_s = t_s
        self._stream.add(Opened(n=n, t_s=t_s, port=self._number))

    def close(self) -> None:
        """Close it."""
        self.finish()
        self._port.close()

    def send(self, data: bytes, timeout_s: float) -> None:
        """A new message, so the one before is over."""
        self.finish()
        recorder = self._stream.recorder
        self._sent = (recorder.number(), recorder.now_s(), bytes(data), self.repeatable)
        self._plain, self.plain, self.repeatable = self.plain, None, False
        try:
            self._port.send(data, timeout_s)
        except DeviceUnreachableError:
            self.finish(lost=True)
            raise

    def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:
        """What came, or that nothing did."""
        try:
            data = self._port.receive(count, timeout_s, stop)
        except DeviceUnreachableError:
            self.finish(lost=True)
            raise
        if self._sent is None:
            self._push(data)
        elif data and self._parts and (part := self._parts[-1]) is not None:
            part += data
        else:
            self._parts.append(bytearray(data) if data else None)
        return data

    def waiting(self) -> bool:
        """What the port says; a replay finds it out from what follows."""
        return self._port.waiting()

    def finish(self, *, lost: bool = False) -> None:
        """The message that was sent is over: nothing more belongs to it."""
        if self._pushed:
            self._put_pushed(len(self._pushed))
        if self._sent is None:
            return
        (n, t_s, sent, repeatable), parts = self._sent, self._parts
        self._sent, self._parts = None, []
        came = [part for part in parts if part is not None]
        soiled = self._plain is not None and bool(came) and not self._plain(b"".join(came))
        if soiled or any(map(sent.startswith, self.secret)):
            self._stream.add(Redacted(n=n, t_s=t_s, port=self._number, sent=len(sent), received=sum(map(len, came))))
            return
        ending = _ENDING.search(sent)
        self._ends = (ending[0] if ending else b"", self.terminator)
        receive = tuple(None if part is None else as_text(bytes(part)) for part in parts)
        self._stream.add(
            Exchange(n=n, t_s=t_s, port=self._number, send=as_text(sent), receive=receive, lost=lost, repeatable=repeatable)
        )

    def _push(self, data: bytes) -> None:
        """Nobody asked: kept with the time it came, message by message where their end is known."""
        self._pushed += data
        if self.terminator:
            while (end := self._pushed.find(self.terminator)) >= 0:
                self._put_pushed(end + len(self.terminator))

    def _put_pushed(self, count: int) -> None:
        recorder = self._stream.recorder
        n, t_s = recorder.number(), recorder.now_s()
        data = bytes(self._pushed[:count])
        del self._pushed[:count]
        if self.secret:  # nobody knows what it answers
            self._stream.add(Redacted(n=n, t_s=t_s, port=self._number, received=count))
            return
        after_s = round(t_s - self._opened_s, 9)
        self._stream.add(Pushed(n=n, t_s=t_s, port=self._number, after_s=after_s, data=as_text(data)))


class _OwnCarrier:
    """A carrier of the driver's own: request and answer are written down, nothing else of it is known."""

    began = 0
    """Nothing is ever half said."""

    def __init__(self, stream: _Stream, number: int, resource: str) -> None:
        self._stream = stream
        self._number = number
        self._resource = resource

    def entry(self) -> PortEntry:
        """What the header says of it."""
        return PortEntry(resource=_USER.sub("", self._resource), reopens_clean=True)

    def finish(self) -> None:
        """Nothing is held back."""

    def ask(self, request: bytes, carry_out: Callable[[], bytes]) -> bytes:
        """See Ask."""
        recorder = self._stream.recorder
        n, t_s, said = recorder.number(), recorder.now_s(), as_text(request)
        try:
            answer = carry_out()
        except DeviceUnreachableError:
            self._stream.add(Exchange(n=n, t_s=t_s, port=self._number, send=said, lost=True))
            raise
        self._stream.add(Exchange(n=n, t_s=t_s, port=self._number, send=said, receive=(as_text(answer),)))
        return answer
