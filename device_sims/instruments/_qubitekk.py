r"""Qubitekk CC1 coincidence counters (serial 19200), in the dialects before and since firmware 2.2.

Lines end with ``\n`` both ways: ``COUN:C1?``, ``COUN:C2?`` and ``COUN:CO?`` count clicks and coincidences of the last
whole dwell time, which ``CLEA`` begins anew. Older firmware switches by number (``:GATE 1``), tells its dwell time in
milliseconds and knows no acknowledgements. Newer firmware switches by word (``:GATE:ON``), tells seconds, and repeats
every command before its answer until ``:ACKN OF``; that command itself is still repeated. As the only open driver has it,
from which the words of refusals are too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.bench.model import TimeTaggerDevice
from hil.device_sims.spec import Reply

from ._gates import Gates
from ._lines import LineBuffer
from ._nameplate import declared_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.device_sims.world.world import World

__all__ = ["NEW", "OLD", "Dialect", "QubitekkCc1"]

_UNKNOWN, _UNABLE = "Unknown Command", "Unable to comply"
_INPUTS = 2
_SHORTEST_S, _LONGEST_S = 1e-3, 1e3
_WIDEST_NS, _LATEST_NS = 7, 14
_MODES = ("MODE CONT", "MODE STOP")


@dataclass(frozen=True)
class Dialect:
    """What differs between firmwares: the version, how it says on and off, and whether it repeats commands."""

    firmware: str
    by_word: bool


OLD = Dialect("2.001", by_word=False)
NEW = Dialect("2.010", by_word=True)


class QubitekkCc1:
    """The serial line of one counter."""

    def __init__(self, world: World, device: str, dialect: Dialect) -> None:
        declared = declared_as(world, device, TimeTaggerDevice)
        self._world, self._device, self._dialect = world, device, dialect
        self._connected = len(declared.inputs[:_INPUTS])
        self._buffer = LineBuffer(b"\n", longest=80)
        self._acknowledges = dialect.by_word
        self._on = {"GATE": False, "SUBT": False}
        self._mode = 0
        self._window_ns, self._delay_ns = min(_WIDEST_NS, max(1, round(declared.window_s * 5e8))), 0
        self._dwell_s, self._gates = 1.0, Gates(world, device)

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every line that is complete."""
        told: list[str] = []
        for line in self._buffer.lines(data):
            command = "" if line is None else line.decode("ascii", errors="replace").strip()
            if line is not None and not command:
                continue
            told += [command] if self._acknowledges else []
            told += [] if (answer := self._answer(command.upper(), now_ns)) is None else [answer]
        return [Reply("".join(f"{each}\n" for each in told).encode("ascii", errors="replace"))] if told else []

    def _answer(self, command: str, now_ns: int) -> str | None:
        if command == "CLEA":
            self._gates.begin(now_ns)
            return None
        if command.endswith("?"):
            return self._ask(command.removeprefix(":")[:-1], now_ns)
        name, _, value = command.removeprefix(":").replace(":", " ", 1).partition(" ")
        switched_by_colon = ":" in command.removeprefix(":")
        if not command.startswith(":") or (name in {*self._on, "TRIG"} and switched_by_colon is not self._dialect.by_word):
            return _UNKNOWN
        return self._set(name, value.strip(), now_ns)

    def _ask(self, name: str, now_ns: int) -> str:
        newer = self._dialect.by_word
        answers: dict[str, Callable[[], object]] = {
            "FIRM": lambda: f"Firmware v{self._dialect.firmware}",
            "COUN:C1": lambda: self._counted(now_ns)[0],
            "COUN:C2": lambda: self._counted(now_ns)[1],
            "COUN:CO": lambda: self._coincidences(now_ns),
            "DWEL": lambda: f"{self._dwell_s if newer else self._dwell_s * 1e3:g}",
            "WIND": lambda: self._window_ns,
            "DELA": lambda: self._delay_ns,
            "GATE": lambda: self._switch("GATE"),
            "SUBT": lambda: self._switch("SUBT"),
            "TRIG": lambda: _MODES[self._mode] if newer else self._mode,
        }
        return str(answers[name]()) if name in answers else _UNKNOWN

    def _switch(self, name: str) -> str:
        return ("ON" if self._on[name] else "OFF") if self._dialect.by_word else f"{self._on[name]:d}"

    def _set(self, name: str, value: str, now_ns: int) -> str | None:
        if name in {*self._on, "TRIG"}:
            return self._choose(name, value)
        if name == "ACKN" and self._dialect.by_word:
            if value in {"ON", "OF"}:
                self._acknowledges = value == "ON"
            return None if value in {"ON", "OF"} else _UNABLE
        return self._set_number(name, value, now_ns)

    def _choose(self, name: str, value: str) -> str | None:
        if name in self._on:
            words = {"ON": True, "OFF": False} if self._dialect.by_word else {"1": True, "0": False}
            if value not in words:
                return _UNABLE
            self._on[name] = words[value]
            return None
        modes = _MODES if self._dialect.by_word else ("0", "1")
        if value not in modes:
            return _UNABLE
        self._mode = modes.index(value)
        return None

    def _set_number(self, name: str, value: str, now_ns: int) -> str | None:
        number = _number(value)
        if name == "DWEL" and _SHORTEST_S <= number <= _LONGEST_S:
            self._dwell_s = number
            self._gates.begin(now_ns)
        elif name == "WIND" and number in range(_WIDEST_NS + 1):
            self._window_ns = int(number)
        elif name == "DELA" and number in range(0, _LATEST_NS + 1, 2):
            self._delay_ns = int(number)
        else:
            return _UNABLE if name in {"DWEL", "WIND", "DELA"} else _UNKNOWN
        return None

    @property
    def _dwell_ns(self) -> int:
        return round(self._dwell_s * 1e9)

    def _counted(self, now_ns: int) -> list[int]:
        counts = self._gates.last(now_ns, self._dwell_ns)[:_INPUTS]
        return [*counts, *[0] * _INPUTS][:_INPUTS]

    def _coincidences(self, now_ns: int) -> int:
        if self._connected < _INPUTS:
            return 0
        from_ns, to_ns = self._gates.span(now_ns, self._dwell_ns)
        (found,) = self._world.beside.coincidences(
            self._device, [(0, 1)], from_ns, to_ns, window_s=2e-9 * self._window_ns, delay_s=1e-9 * self._delay_ns
        )
        return found


def _number(text: str) -> float:
    try:
        return float(text) if len(text) <= 16 and "_" not in text else math.nan
    except ValueError:
        return math.nan
