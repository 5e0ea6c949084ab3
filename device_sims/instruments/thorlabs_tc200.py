r"""Simulated Thorlabs TC200 heater controller (serial 115200).

A command ends with ``\r`` and is echoed; the answer, if there is one, follows with a ``\r`` and then the prompt ``> ``.
``stat?`` is the odd one: a hexadecimal byte without a ``\r`` before `` > ``. ``ens`` toggles the heater's output, ``tune`` the
sensor's offset. Gains and limits are kept and told; the stage relaxes with the bench file's time constant whatever they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.bench.model import TemperatureControllerDevice
from hil.device_sims.spec import Endpoint, Reply, TwinSpec

from ._lines import LineBuffer
from ._nameplate import declared_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.device_sims.world.world import World

__all__ = ["SPEC", "ThorlabsTc200Session"]

FIRMWARE = "2.0"

_OUTPUT_ON = 0x01
_CELSIUS = 0x10
_COLDEST_C, _HOTTEST_C = 20.0, 200.0
_UNKNOWN, _OUT_OF_RANGE = "CMD_NOT_DEFINED", "CMD_ARG_RANGE_ERR"


@dataclass(frozen=True)
class _Number:
    """A number the front panel keeps: its query's unit, its range, decimals and what it is at power-up."""

    low: float
    high: float
    decimals: int
    initial: float


_NUMBERS = {
    "tmax": _Number(20.0, 205.0, 1, 200.0),
    "pmax": _Number(0.1, 18.0, 1, 18.0),
    "pgain": _Number(1, 250, 0, 125),
    "igain": _Number(0, 250, 0, 50),
    "dgain": _Number(0, 250, 0, 50),
}


class ThorlabsTc200Session:
    """The serial line of one controller, and what its front panel keeps."""

    def __init__(self, world: World, device: str) -> None:
        self._world = world
        self._device = device
        self._buffer = LineBuffer(b"\r", longest=80)
        self._kept = {name: number.initial for name, number in _NUMBERS.items()}
        self._tuned = False
        self._words: dict[str, Callable[[int], str]] = {
            "id?": lambda _: f"THORLABS TC200 VERSION {FIRMWARE}",
            "*idn?": lambda _: f"THORLABS TC200 VERSION {FIRMWARE}",
            "tset?": lambda _: f"{world.setpoint_c(device):.1f} Celsius",
            "tact?": lambda now_ns: f"{world.temperature_c(device, now_ns):.1f} C",
            "tmax?": lambda _: f"{self._kept['tmax']:.1f}",
            "pmax?": lambda _: f"{self._kept['pmax']:.1f}",
            "pid?": lambda _: " ".join(f"{self._kept[gain]:.0f}" for gain in ("pgain", "igain", "dgain")),
            "tune?": lambda _: f"{self._tuned:d}",
            "ens": self._toggle,
            "tune": self._tune,
        }

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Echo and answer every command that is complete; an empty one is answered with a prompt."""
        return [Reply(self._answer(line, now_ns)) for line in self._buffer.lines(data)]

    def _answer(self, line: bytes | None, now_ns: int) -> bytes:
        if line is None:
            return f"\r{_UNKNOWN}\r> ".encode()
        echo = line.lstrip(b"\n")
        command = echo.decode("ascii", errors="replace").strip().lower()
        if command == "stat?":
            return echo + f"\r{self._status():X} > ".encode()
        answer = self._execute(command, now_ns) if command else ""
        return echo + b"\r" + (f"{answer}\r> " if answer else "> ").encode()

    def _execute(self, command: str, now_ns: int) -> str:
        if (word := self._words.get(command)) is not None:
            return word(now_ns)
        name, equals, argument = command.partition("=")
        if not equals or (name != "tset" and name not in _NUMBERS):
            return _UNKNOWN
        value = _number(argument)
        if name == "tset":
            return self._regulate_to(value, now_ns)
        number = _NUMBERS[name]
        if not number.low <= value <= number.high:
            return _OUT_OF_RANGE
        self._kept[name] = round(value, number.decimals)
        return ""

    def _regulate_to(self, value_c: float, now_ns: int) -> str:
        if not _COLDEST_C <= value_c <= min(_HOTTEST_C, self._kept["tmax"]):
            return _OUT_OF_RANGE
        self._world.set_setpoint_c(self._device, round(value_c, 1), now_ns)
        return ""

    def _toggle(self, now_ns: int) -> str:
        enabled = self._world.heater_enabled(self._device)
        self._world.set_heater_enabled(self._device, now_ns, enabled=not enabled)
        return ""

    def _tune(self, _now_ns: int) -> str:
        self._tuned = not self._tuned
        return ""

    def _status(self) -> int:
        return _CELSIUS | (_OUTPUT_ON if self._world.heater_enabled(self._device) else 0)


def _number(text: str) -> float:
    """The number, or one that is in no range."""
    try:
        return float(text) if len(text) <= 16 and not set(text) & set("_ ") else math.nan
    except ValueError:
        return math.nan


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, TemperatureControllerDevice)
    return (Endpoint("control", "pty", lambda: ThorlabsTc200Session(world, device), baud_rate=115_200),)


SPEC = TwinSpec(
    name="thorlabs-tc200",
    roles=("temperature-controller",),
    title="Thorlabs TC200 heater controller (serial)",
    build=_build,
)
