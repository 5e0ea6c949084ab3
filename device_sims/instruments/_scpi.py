"""What every SCPI instrument has: messages of several commands, an error queue, status registers, the common commands.

IEEE 488.2-1992 for the common commands and registers, SCPI-99 for the tree, the error queue and ``STATus``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from hil.device_sims.spec import Reply

from ._lines import LineBuffer
from ._scpi_tree import SCPI_ERRORS, ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._scpi_tree import Handler

__all__ = ["COMMON_TREE", "ScpiDevice", "ScpiSession", "integer", "no_parameters", "three"]

_HEADER = re.compile(r"(\*[A-Z]+|:?[A-Z][A-Z0-9]*(?::[A-Z][A-Z0-9]*)*)(\??)")
_QUEUE = 30
_REMEMBERED = 64
"""So long a message may be that is remembered as it was parsed."""

_OPERATION_COMPLETE, _DEVICE_ERROR, _EXECUTION_ERROR, _COMMAND_ERROR, _POWER_ON = 0x01, 0x08, 0x10, 0x20, 0x80
_ERRORS_QUEUED, _QUESTIONABLE, _EVENT_SUMMARY, _MASTER_SUMMARY, _OPERATION = 0x04, 0x08, 0x20, 0x40, 0x80


class Register:
    """One SCPI status register: conditions, the filters by which they become events, and which events are summed up."""

    def __init__(self) -> None:
        self.condition = self.event = self.enable = 0
        self.rising, self.falling = 0x7FFF, 0

    def preset(self) -> None:
        """``STATus:PRESet``."""
        self.enable, self.rising, self.falling = 0, 0x7FFF, 0

    def pulse(self, bits: int) -> None:
        """A condition that came and went."""
        self.event |= bits & (self.rising | self.falling)

    def take_event(self) -> int:
        """The events since they were last asked for."""
        taken, self.event = self.event, 0
        return taken


class ScpiDevice(ABC):
    """State that all connections to one instrument share, fresh from power-up."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.errors: deque[int] = deque()
        self.event_status, self.event_enable, self.service_enable = _POWER_ON, 0, 0
        self.operation, self.questionable = Register(), Register()
        self.busy_s = 0.0

    @abstractmethod
    def restore(self) -> None:
        """Settings as at power-up (``*RST``)."""

    @abstractmethod
    def carry_out(self, words: list[str], *, query: bool, parameters: list[str], now_ns: int) -> str | None:
        """One command of the instrument's tree; ScpiError."""

    def fail(self, code: int) -> None:
        """Queue an error; the last place of a full queue says that it overflowed."""
        if len(self.errors) < _QUEUE:
            self.errors.append(code)
        else:
            self.errors[-1] = -350
        if code <= -300:
            self.event_status |= _DEVICE_ERROR
        else:
            self.event_status |= _EXECUTION_ERROR if code <= -200 else _COMMAND_ERROR

    def clear(self) -> None:
        """``*CLS``."""
        self.errors.clear()
        self.event_status = self.operation.event = self.questionable.event = 0

    def complete(self) -> None:
        """``*OPC``: nothing is ever pending between two commands."""
        self.event_status |= _OPERATION_COMPLETE

    def take_event_status(self) -> int:
        """``*ESR?``."""
        taken, self.event_status = self.event_status, 0
        return taken

    def status_byte(self) -> int:
        """``*STB?``."""
        byte = _ERRORS_QUEUED if self.errors else 0
        byte |= _QUESTIONABLE if self.questionable.event & self.questionable.enable else 0
        byte |= _EVENT_SUMMARY if self.event_status & self.event_enable else 0
        byte |= _OPERATION if self.operation.event & self.operation.enable else 0
        return byte | (_MASTER_SUMMARY if byte & self.service_enable else 0)

    def next_error(self) -> str:
        """``SYSTem:ERRor?``."""
        code = self.errors.popleft() if self.errors else 0
        return f'{code:+d},"{SCPI_ERRORS[code]}"'

    def execute(self, message: str, now_ns: int) -> str:
        """The answers to one message, joined as IEEE 488.2 joins them; the rest of a message with a syntax error is dropped."""
        answers: list[str] = []
        path: list[str] = []
        for unit in _known_units(message) if len(message) <= _REMEMBERED else _units(message):
            try:
                answer, path = self._execute(unit, path, now_ns)
            except ScpiError as error:
                self.fail(error.code)
                if error.code > -200:
                    break
            else:
                answers += [] if answer is None else [answer]
        return ";".join(answers)

    def _execute(self, unit: _Unit, path: list[str], now_ns: int) -> tuple[str | None, list[str]]:
        """One command's answer, and the path from which the next one's header goes on."""
        if unit.common:
            common = _COMMON.get(unit.common)
            if common is None:
                raise ScpiError(-113)
            return common(self, list(unit.parameters), now_ns), path
        if not unit.words:
            raise ScpiError(-102)
        words = [*unit.words] if unit.absolute or not path else [*path, *unit.words]
        return self.carry_out(words, query=unit.query, parameters=list(unit.parameters), now_ns=now_ns), words[:-1]


class _Unit(NamedTuple):
    """One command as it was parsed: a common one by its header, or the words of one of the tree; neither where it is none."""

    common: str = ""
    words: tuple[str, ...] = ()
    absolute: bool = False
    query: bool = False
    parameters: tuple[str, ...] = ()


def _units(message: str) -> tuple[_Unit, ...]:
    """The commands of a message."""
    return tuple(_unit(text) for part in message.split(";") if (text := part.strip()))


_known_units = lru_cache(maxsize=256)(_units)
"""Polling asks the same again and again."""


def _unit(text: str) -> _Unit:
    head, *tail = text.split(maxsplit=1)
    match = _HEADER.fullmatch(head.upper())
    if match is None:
        return _Unit()
    parameters = tuple(parameter.strip().upper() for parameter in tail[0].split(",")) if tail else ()
    header = match[1]
    if header.startswith("*"):
        return _Unit(common=header + match[2], parameters=parameters)
    words = tuple(header.removeprefix(":").split(":"))
    return _Unit(words=words, absolute=header.startswith(":"), query=bool(match[2]), parameters=parameters)


class ScpiSession:
    """One connection; lines end with a newline both ways. Where answers end with CR LF, commands may end with either byte."""

    def __init__(self, device: ScpiDevice, end: bytes = b"\n") -> None:
        self._device = device
        self._end = end
        self._buffer = LineBuffer(b"\n")

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Carry out every message that is complete; one that asks nothing has no reply."""
        replies = []
        for line in self._buffer.lines(data if len(self._end) == 1 else data.replace(b"\r", b"\n")):
            if line is None:
                self._device.fail(-363)
            elif not line.isascii():
                self._device.fail(-101)
            elif answer := self._device.execute(line.decode("ascii"), now_ns):
                replies.append(Reply(answer.encode("ascii") + self._end, self._device.busy_s))
            self._device.busy_s = 0.0
        return replies


def no_parameters(parameters: list[str]) -> None:
    """ScpiError for parameters where none belongs."""
    if parameters:
        raise ScpiError(-108)


def integer(parameters: list[str], high: int) -> int:
    """The one parameter, a whole number from 0 to ``high``."""
    if len(parameters) != 1:
        raise ScpiError(-108 if parameters else -109)
    value = _whole(parameters[0])
    if not 0 <= value <= high:
        raise ScpiError(-222)
    return value


def three(parameters: list[str]) -> tuple[int, int, int]:
    """Three whole numbers, as a date or a time of day is given."""
    if len(parameters) != 3:
        raise ScpiError(-108 if len(parameters) > 3 else -109)
    first, second, third = map(_whole, parameters)
    return first, second, third


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise ScpiError(-120)
    return int(text)


def _ask(read: Callable[[ScpiDevice], object]) -> Handler[ScpiDevice]:
    def handler(device: ScpiDevice, parameters: list[str], _now_ns: int) -> str | None:
        no_parameters(parameters)
        return str(read(device))

    return handler


def _do(act: Callable[[ScpiDevice], object]) -> Handler[ScpiDevice]:
    def handler(device: ScpiDevice, parameters: list[str], _now_ns: int) -> str | None:
        no_parameters(parameters)
        act(device)
        return None

    return handler


def _mask(owner: Callable[[ScpiDevice], object], name: str, high: int) -> Handler[ScpiDevice]:
    def handler(device: ScpiDevice, parameters: list[str], _now_ns: int) -> str | None:
        setattr(owner(device), name, integer(parameters, high))
        return None

    return handler


_COMMON: dict[str, Handler[ScpiDevice]] = {
    "*IDN?": _ask(lambda device: device.identity),
    "*CLS": _do(lambda device: device.clear()),
    "*RST": _do(lambda device: device.restore()),
    "*ESR?": _ask(lambda device: device.take_event_status()),
    "*ESE": _mask(lambda device: device, "event_enable", 255),
    "*ESE?": _ask(lambda device: device.event_enable),
    "*SRE": _mask(lambda device: device, "service_enable", 255),
    "*SRE?": _ask(lambda device: device.service_enable),
    "*STB?": _ask(lambda device: device.status_byte()),
    "*OPC": _do(lambda device: device.complete()),
    "*OPC?": _ask(lambda _: 1),
    "*TST?": _ask(lambda _: 0),
    "*WAI": _do(lambda _: None),
}


def _registers(word: str, of: Callable[[ScpiDevice], Register]) -> dict[str, Handler[ScpiDevice]]:
    return {
        f"STATus:{word}[:EVENt]?": _ask(lambda device: of(device).take_event()),
        f"STATus:{word}:CONDition?": _ask(lambda device: of(device).condition),
        f"STATus:{word}:ENABle": _mask(of, "enable", 0xFFFF),
        f"STATus:{word}:ENABle?": _ask(lambda device: of(device).enable),
        f"STATus:{word}:PTRansition": _mask(of, "rising", 0xFFFF),
        f"STATus:{word}:PTRansition?": _ask(lambda device: of(device).rising),
        f"STATus:{word}:NTRansition": _mask(of, "falling", 0xFFFF),
        f"STATus:{word}:NTRansition?": _ask(lambda device: of(device).falling),
    }


def _preset(device: ScpiDevice) -> None:
    device.operation.preset()
    device.questionable.preset()


COMMON_TREE: dict[str, Handler[ScpiDevice]] = {
    "SYSTem:ERRor[:NEXT]?": _ask(lambda device: device.next_error()),
    "SYSTem:VERSion?": _ask(lambda _: "1999.0"),
    **_registers("OPERation", lambda device: device.operation),
    **_registers("QUEStionable", lambda device: device.questionable),
    "STATus:PRESet": _do(_preset),
}
"""The part of the tree that SCPI requires of every instrument."""
