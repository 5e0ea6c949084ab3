"""Simulated Voetsch (Weiss) thermal chamber behind SIMSERV: TCP, port 2049 on the real one.

A request is a command number and its arguments between bytes 0xB6, ended by a carriage return; the answer begins with 1 and
ends with CR LF, or is a negative number for a refusal (which numbers is ours). The chamber holds what its bench file says it
controls; digital output 1 is the start of manual mode. Command numbers as an open driver has them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.bench.model import TemperatureControllerDevice
from hil.device_sims.spec import Endpoint, Reply, TwinSpec

from ._lines import LineBuffer
from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "VoetschSimserv"]

_SEPARATOR = b"\xb6"
_COLDEST_C, _HOTTEST_C = -70.0, 180.0
_UNKNOWN, _WRONG_ARGUMENTS, _OUT_OF_RANGE = b"-5", b"-6", b"-8"
_GRADIENTS = {"11066", "11068", "11070", "11072"}


class VoetschSimserv:
    """One connection to a chamber."""

    def __init__(self, world: World, device: str) -> None:
        self._world, self._device = world, device
        self._serial = serial_number(world, device, "VT")
        self._buffer = LineBuffer(b"\r", longest=200)
        self._gradients = dict.fromkeys(_GRADIENTS, 0.0)

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every request that is complete."""
        return [Reply(self._answer(line, now_ns) + b"\r\n") for line in self._buffer.lines(data)]

    def _answer(self, line: bytes | None, now_ns: int) -> bytes:
        if line is None:
            return _UNKNOWN
        command, *arguments = [part.decode("ascii", errors="replace").strip() for part in line.split(_SEPARATOR)]
        # the first argument is the number of the chamber
        return self._carry_out(command, arguments[1:] if arguments[:1] == ["1"] else arguments, now_ns)

    def _carry_out(self, command: str, arguments: list[str], now_ns: int) -> bytes:
        if command in _GRADIENTS:
            return self._gradient(command, arguments)
        if command in {"99997", "17012"}:
            return b"1" if command == "17012" else _told(f"SIMSERV VT4002 {self._serial} 4.05")
        if command not in {"11001", "11002", "11004", "14001", "14003"}:
            return _UNKNOWN
        if arguments[:1] != ["1"] or len(arguments) != (2 if command in {"11001", "14001"} else 1):
            return _WRONG_ARGUMENTS
        return self._set(command, arguments[1], now_ns) if len(arguments) == 2 else self._ask(command, now_ns)

    def _ask(self, command: str, now_ns: int) -> bytes:
        world, device = self._world, self._device
        if command == "14003":
            return _told(f"{world.heater_enabled(device):d}")
        return _told(f"{world.setpoint_c(device) if command == '11002' else world.temperature_c(device, now_ns):.1f}")

    def _set(self, command: str, text: str, now_ns: int) -> bytes:
        value = _number(text)
        if math.isnan(value) or (command == "14001" and value not in {0.0, 1.0}):
            return _WRONG_ARGUMENTS
        if command == "14001":
            self._world.set_heater_enabled(self._device, now_ns, enabled=bool(value))
        elif _COLDEST_C <= value <= _HOTTEST_C:
            self._world.set_setpoint_c(self._device, round(value, 1), now_ns)
        else:
            return _OUT_OF_RANGE
        return b"1"

    def _gradient(self, command: str, arguments: list[str]) -> bytes:
        """Kept and told; the stage relaxes as the bench file says."""
        if command in {"11066", "11070"}:
            return _told(f"{self._gradients[command]:.1f}")
        value = _number(arguments[-1]) if arguments else math.nan
        if math.isnan(value):
            return _WRONG_ARGUMENTS
        self._gradients[str(int(command) - 2)] = value
        return b"1"


def _told(text: str) -> bytes:
    return b"1" + _SEPARATOR + text.encode("ascii", errors="replace")


def _number(text: str) -> float:
    try:
        return float(text) if len(text) < 20 and "_" not in text else math.nan
    except ValueError:
        return math.nan


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, TemperatureControllerDevice)
    return (Endpoint("control", "tcp", lambda: VoetschSimserv(world, device)),)


SPEC = TwinSpec(
    name="voetsch-simserv", roles=("temperature-controller",), title="Voetsch thermal chamber (SIMSERV)", build=_build
)
