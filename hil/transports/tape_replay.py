"""Plays tapes back to drivers: no device, no socket; a driver that says something else than was recorded is found out.

Two modes. ``strict``: every message of an instrument in the recorded order. ``keyed``: each message gets the
answers it got when it was recorded, in their order, whatever is said between; for drivers whose polling depends on time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from hil.errors import MissingCapabilityError, TapeMismatchError, UsageError
from hil.transports.port import unreachable
from hil.transports.tape_course import Course
from hil.transports.tape_format import Exchange, Opened, Pushed, Section, as_bytes
from hil.transports.taping import TapedPort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hil.clock import Clock
    from hil.transports.port import Port
    from hil.transports.tape_format import Tape
    from hil.transports.taping import Ask

__all__ = ["Mode", "Replay", "ReplayPort"]

Mode = Literal["strict", "keyed"]


class Replay:
    """The tapes of one bench, played back; ``clock`` is the bench's, by which pushed data comes."""

    def __init__(self, tapes: Mapping[str, Tape], mode: Mode, clock: Clock) -> None:
        self.tapes = dict(tapes)
        self.mode = mode
        self.clock = clock
        self.excused = False
        """Whether the present test ends early (a mismatch; nothing is measured): then part of its tape is left over."""
        self._devices: dict[str, _DeviceReplay] = {}

    def device(self, name: str) -> _DeviceReplay:
        """One device's tape; UsageError where there is none."""
        if name not in self.tapes:
            raise UsageError(f"no tape of {name}; there are tapes of {', '.join(self.tapes)}")
        return self._devices.setdefault(name, _DeviceReplay(self, name))

    def section(self, name: str) -> None:
        """Go to where this test, or its end, was recorded; UsageError where it was not."""
        self.excused = False
        for device in self._devices.values():
            device.seek(name)

    def left_over(self) -> dict[str, str]:
        """By device: what was recorded in the present section and not said now. Only of a strict replay without a mismatch."""
        left = {}
        for name, device in self._devices.items():
            left_behind = self.mode == "strict" and not self.excused and not device.off
            if left_behind and (first := device.next_unsaid()) is not None:
                left[name] = f"left over on its tape: {device.unsaid()}, from {device.place(first)} on"
        return left


class _DeviceReplay:
    """Where the playing of one device's tape stands.

    ``off`` once the driver said something else; from there on, answers go by request, so that it can be parked.
    """

    def __init__(self, replay: Replay, name: str) -> None:
        self.replay = replay
        self.name = name
        self.tape = replay.tapes[name]
        self.clock = replay.clock
        self.off = False
        self._mode = replay.mode
        self._exchanges = {at: entry for at, entry in enumerate(self.tape.entries) if isinstance(entry, Exchange)}
        self._section = ""
        self._ports = 0
        self._at = 0
        self._end = 0
        self._said: dict[int, int] = defaultdict(int)
        self._here: list[int] = []
        self._course = Course([])

    def port(self, make: Callable[[], Port], resource: str, secret: tuple[bytes, ...]) -> ReplayPort:  # noqa: ARG002
        """See DeviceTape; ``make`` is never called."""
        return ReplayPort(self, self._take_port(), secret)

    def ask(self, resource: str) -> Ask:  # noqa: ARG002
        """See DeviceTape; nothing is carried out."""
        number = self._take_port()

        def ask(request: bytes, carry_out: Callable[[], bytes]) -> bytes:  # noqa: ARG001
            exchange = self.play(number, request)
            if exchange.lost or not exchange.receive or exchange.receive[0] is None:
                raise unreachable(ReplayPort(self, number, ()), "so it was when the tape was recorded")
            return as_bytes(exchange.receive[0])

        return ask

    def seek(self, name: str) -> None:
        """The next section of that name, or the first."""
        entries = self.tape.entries
        starts = [at for at, entry in enumerate(entries) if isinstance(entry, Section) and entry.name == name]
        if not starts:
            known = dict.fromkeys(entry.name for entry in entries if isinstance(entry, Section))
            raise UsageError(f"{self.name}: its tape has no {name!r}; recorded were: {'; '.join(known)}")
        start = next((at for at in starts if at >= self._at), starts[0])
        self._section = name
        self._at = start + 1
        self._end = next((at for at in range(start + 1, len(entries)) if isinstance(entries[at], Section)), len(entries))
        if not name.startswith("end of "):
            self.off = False
        self._said.clear()
        self._here = [at for at in self._exchanges if self._at <= at < self._end]
        self._course = Course([self._exchanges[at] for at in self._here])

    def opened(self, port: int) -> tuple[list[Pushed], str]:
        """What is pushed from the opening that comes next, and why it was refused if it was."""
        entries = self.tape.entries
        following = self._at_of(self._course.said) if self._in_order else self.next_unsaid()
        for at in range(self._at, self._end):
            entry = entries[at]
            if at == following and self._mode == "strict":
                break
            if isinstance(entry, Opened) and entry.port == port and not self._said[at]:
                self._said[at] = 1
                return list(self._pushed(port, at + 1)), entry.refused
        return [], ""

    def reopens(self, port: int) -> bool:
        """Whether this port was opened anew before anything more was said on it."""
        if not self._in_order:
            return False
        said = [at for at, times in self._said.items() if times]  # openings; exchanges may have been passed otherwise
        said += self._here[: self._course.said]
        after = self.tape.entries[max(said, default=self._at - 1) + 1 : self._end]
        following = next((entry for entry in after if not isinstance(entry, Section) and entry.port == port), None)
        return isinstance(following, Opened)

    def play(self, port: int, data: bytes) -> Exchange:
        """The recorded exchange of this message; TapeMismatchError where another was recorded."""
        if self._in_order:
            index = self._course.say(port, data)
            at = None if index is None else self._here[index]
        else:
            at = self._by_request(port, data)
        if at is None and self.off:  # it is still to be parked: any recorded answer to this message will do
            at = next((at for at in self._exchanges if self._fits(at, port, data)), None)
        if at is None:
            raise self._mismatch(data)
        self._said[at] += 1
        return self._exchanges[at]

    def next_unsaid(self) -> int | None:
        """The next exchange of this section that was not said at all."""
        if self._in_order:
            return self._at_of(self._course.farthest)
        return next((at for at in self._here if not self._said[at]), None)

    def unsaid(self) -> int:
        """How many of this section were not."""
        return len(self._here) - self._course.farthest

    def place(self, at: int) -> str:
        """Where an exchange stands, for people, and what is sent there."""
        entry = self._exchanges[at]
        return f"exchange {self._position(at)} (number {entry.n} of the bench), {as_bytes(entry.send)!r}"

    @property
    def _in_order(self) -> bool:
        """Whether the driver has to say what it said, and has done so until now."""
        return self._mode == "strict" and not self.off

    def _at_of(self, index: int) -> int | None:
        return self._here[index] if index < len(self._here) else None

    def _by_request(self, port: int, data: bytes) -> int | None:
        """The next answer to this message; after the last one that again, but not more often than it was asked at all."""
        fitting = [at for at in self._here if self._fits(at, port, data)]
        recorded = 0
        for at in fitting:
            entry = self._exchanges[at]
            if self._said[at] < entry.times * entry.rounds:
                return at
            recorded += entry.times * entry.rounds
        if not fitting or not self._exchanges[fitting[-1]].repeatable:
            return None
        return fitting[-1] if sum(self._said[at] for at in fitting) < 2 * recorded else None

    def _fits(self, at: int, port: int, data: bytes) -> bool:
        entry = self._exchanges[at]
        return entry.port == port and as_bytes(entry.send) == data

    def _mismatch(self, data: bytes) -> TapeMismatchError:
        at = self.next_unsaid()
        self.off = self.replay.excused = True
        position = self._position(self._end if at is None else at)
        expected = None if at is None else as_bytes(self._exchanges[at].send)
        return TapeMismatchError(self.name, position, expected, data, self._section)

    def _position(self, at: int) -> int:
        """Number of an exchange among those of the tape, from 1."""
        return 1 + sum(other < at for other in self._exchanges)

    def _pushed(self, port: int, start: int) -> Iterator[Pushed]:
        for entry in self.tape.entries[start:]:
            if isinstance(entry, Opened) and entry.port == port:
                return
            if isinstance(entry, Pushed) and entry.port == port:
                yield entry

    def _take_port(self) -> int:
        self._ports += 1
        return self._ports - 1


class ReplayPort(TapedPort):
    """A port that answers from a tape, at once; a timeout takes no time, pushed data comes when it came."""

    def __init__(self, tape: _DeviceReplay, number: int, secret: tuple[bytes, ...]) -> None:
        ports = tape.tape.header.ports
        self.device = tape.name
        self.resource = ports[number].resource if number < len(ports) else "its tape"
        self.reopens_clean = ports[number].reopens_clean if number < len(ports) else True
        self._tape = tape
        self._number = number
        self._secret = secret
        self._parts: list[bytes | None] = []
        self._lost = False
        self._pushed: list[tuple[int, bytes]] = []

    def open(self, timeout_s: float) -> None:  # noqa: ARG002  (nobody to wait for)
        """As it went when it was recorded."""
        pushed, refused = self._tape.opened(self._number)
        if refused:
            raise unreachable(self, f"as on the tape: {refused}")
        self._parts, self._lost = [], False
        now_ns = self._tape.clock.now_ns()
        self._pushed = [(now_ns + round(entry.after_s * 1e9), as_bytes(entry.data)) for entry in pushed]

    def close(self) -> None:
        """Nothing is held."""
        self._parts, self._pushed = [], []

    def send(self, data: bytes, timeout_s: float) -> None:  # noqa: ARG002
        """Compare with the tape."""
        if any(map(data.startswith, self._secret)):
            self._tape.replay.excused = True
            raise MissingCapabilityError(
                f"replayed from a tape, not measured: {self.device} answers this with key material, which is never on a tape"
            )
        exchange = self._tape.play(self._number, bytes(data))
        self._parts = [None if part is None else as_bytes(part) for part in exchange.receive]
        self._lost = exchange.lost

    def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:  # noqa: ARG002
        """What came then; silence where there was silence."""
        if self._parts:
            part = self._parts.pop(0) or b""
            if len(part) > count:
                self._parts.insert(0, part[count:])
            return part[:count]
        if self._lost:
            raise unreachable(self, "the connection was lost here when the tape was recorded")
        return self._receive_pushed(count, timeout_s)

    def waiting(self) -> bool:
        """Whether something had come unasked: on a line it stands behind the answer, on a stream it was opened anew for it."""
        return any(self._parts) or (self.reopens_clean and self._tape.reopens(self._number))

    def _receive_pushed(self, count: int, timeout_s: float) -> bytes:
        if not self._pushed:
            return b""
        due_ns, data = self._pushed[0]
        wait_s = (due_ns - self._tape.clock.now_ns()) / 1e9
        if wait_s > timeout_s:
            self._tape.clock.sleep(timeout_s)
            return b""
        if wait_s > 0.0:
            self._tape.clock.sleep(wait_s)
        self._pushed.pop(0)
        if len(data) > count:
            self._pushed.insert(0, (due_ns, data[count:]))
        return data[:count]
