"""S-Fifteen's instruments on a serial line: commands and answers are lines that end with CR LF. As in their own library.

Counting is an acquisition: it is asked for once, waited for on the bench's clock, and never repeated by itself.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from hil.drivers._lines import decoded
from hil.drivers._setting import number
from hil.errors import ReplyError, UsageError
from hil.ports.identity import Identity
from hil.transports import Marker, SerialLine, Transport, Until, over_raw

if TYPE_CHECKING:
    from hil.ports.spec import DeviceSettings

__all__ = ["SFifteenLine", "Stream"]

_LINE = Until(b"\r\n")
_LONGEST_GATE_MS, _SHORTEST_GATE_MS = 65_535, 1
_STREAM, _END = b"timestamp;", b"abort\r\n*idn?\r\n"
_SLICE_MS = 10
"""How long a stream is left to the port's own buffers, of which a serial line has 4096 bytes."""
_SPARE_MS = 20
"""By how much a stream may end late."""


class Stream:
    """Time stamps without end, gathered in a thread of its own as they come, which has the line to itself meanwhile."""

    def __init__(self, line: SFifteenLine, timeout_s: float) -> None:
        self._transport, self._timeout_s = line.transport, timeout_s
        self._last = line.transport.query(b"*idn?\r\n", _LINE, idempotent=True) + b"\r\n"
        self._asked, self._over = threading.Event(), threading.Event()
        self._data = b""
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._gather, name=f"hil-stream-{line.name}", daemon=True)
        self._thread.start()
        self._asked.wait()
        if self._error is not None:
            self.finish()

    def finish(self) -> bytes:
        """End them; all of them. Raises what went wrong meanwhile."""
        self._over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._data

    def _gather(self) -> None:
        try:
            with self._transport.exchange() as line:
                line.send(_STREAM + b"INPKT;time 0;counts?\r\n")
                self._asked.set()
                while not self._over.wait(_SLICE_MS / 1e3):
                    line.gather()
                line.send(_END)
                self._data = line.read_until(self._last, self._timeout_s)
        except Exception as error:  # noqa: BLE001  (whatever it is belongs to whoever finishes the stream)
            self._error = error
        finally:
            self._asked.set()


class SFifteenLine:
    """The line to one instrument; ``kind`` is the word its ``*idn?`` begins with.

    ``streams``: whether it may be in the middle of a stream, which has to end before it can be asked who it is.
    """

    def __init__(self, settings: DeviceSettings, kind: str, transport: Transport | None, *, streams: bool = False) -> None:
        self.name, self._settings, self._kind = settings.name, settings, kind
        who = re.compile(re.escape(kind.encode()) + rb"[ -~]*\r\n")
        marker = Marker(
            b"abort;*idn?\r\n" if streams else b"*idn?\r\n",
            _LINE,
            lambda reply: kind.encode() in reply,
            # the rest of a stream may come before it
            plain=(lambda answer: who.fullmatch(answer) is not None) if streams else None,
        )
        self.transport = transport or over_raw(
            settings.name,
            settings.resource,
            timeout_s=settings.timeout_s,
            line=SerialLine(115_200),
            markers=(marker,),
            # what is streamed may be raw key: of the request, and of what ends it, no answer gets on a tape
            secret=(_STREAM, _END) if streams else (),
        )

    def identity(self) -> Identity:
        """Serial number and firmware are the words behind the maker's name and behind ``firmware``."""
        said = self.ask("*idn?")
        words = said.replace(",", " ").split()
        if not words or words[0].upper() != self._kind:
            raise ReplyError(self.name, f"*idn? answered {said[:60]!r}; expected an instrument that calls itself {self._kind}")
        after = {word.lower(): following for word, following in zip(words, [*words[1:], ""], strict=True)}
        return Identity("S-Fifteen Instruments", self._kind, after.get("instruments", ""), after.get("firmware", ""))

    def ask(self, query: str) -> str:
        """One line out, one line back."""
        reply = self.transport.query(query.encode("ascii") + b"\r\n", _LINE, idempotent=True)
        return decoded(self.name, reply).strip()

    def number(self, query: str) -> float:
        """One line out, a number back."""
        return number(self.name, query, self.ask(query))

    def tell(self, command: str) -> None:
        """One line out; nothing comes back."""
        self.transport.write(command.encode("ascii") + b"\r\n")

    def gate_ms(self, gate_s: float) -> int:
        """A gate in milliseconds; UsageError for one that it cannot have."""
        gate_ms = round(gate_s * 1e3)
        if not _SHORTEST_GATE_MS <= gate_ms <= _LONGEST_GATE_MS:
            raise UsageError(f"{self.name}: a gate of {gate_s:g} s; the device counts for 0.001 to 65.535 s")
        return gate_ms

    def stream(self, gate_ms: int) -> bytes:
        """Ask for time stamps, which end by themselves, gather them while they come, and end them for sure.

        Nothing marks its end, so the device is asked who it is once it should be over: the stream is what comes before that
        answer, which is known by then.
        """
        clock, last = self._settings.clock, self.transport.query(b"*idn?\r\n", _LINE, idempotent=True) + b"\r\n"
        with self.transport.exchange() as line:
            line.send(_STREAM + f"INPKT;time {gate_ms};counts?\r\n".encode("ascii"))
            for begin_ms in range(0, gate_ms, _SLICE_MS):
                clock.sleep(min(_SLICE_MS, gate_ms - begin_ms) / 1e3)
                line.gather()
            clock.sleep(_SPARE_MS / 1e3)
            line.send(_END)
            return line.read_until(last, self._settings.timeout_s)

    def begin_stream(self) -> Stream:
        """Ask for time stamps without end; whoever began them finishes them before the line is used for anything else."""
        return Stream(self, self._settings.timeout_s)

    def count(self, command: str, gate_s: float) -> list[int]:
        """Set the integration time, ask, wait for its end, and read the numbers; UsageError for a gate it cannot have."""
        gate_ms = self.gate_ms(gate_s)
        with self.transport.exchange() as line:
            line.send(f"time {gate_ms}\r\n{command}\r\n".encode("ascii"))
            self._settings.clock.sleep(gate_ms / 1e3)
            text = decoded(self.name, _LINE.read(line, self._settings.timeout_s))
        words = text.split()
        if not words or not all(word.isdecimal() for word in words):
            raise ReplyError(self.name, f"{command}: expected counts, got {text[:60]!r}")
        return [int(word) for word in words]
