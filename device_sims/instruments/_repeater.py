"""One simulated node of a repeater chain, whatever its firmware: lines of text in, one line of text out for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hil.bench.model import RepeaterNodeDevice
from hil.device_sims.spec import Endpoint, Reply
from hil.errors import UsageError

from ._lines import LineBuffer
from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.device_sims.world.world import World

__all__ = ["RepeaterSession", "repeater_ports"]

_MOST_PAIRS = 500
"""In one reply."""
_UNKNOWN, _BAD, _UNSUPPORTED = "ERR 10 unknown command", "ERR 11", "ERR 12"


class RepeaterSession:
    """One connection to the control port; all that changes is kept by the world."""

    def __init__(self, world: World, device: str, firmware: str) -> None:
        self._world = world
        self._device = device
        self._buffer = LineBuffer(b"\n")
        serial = serial_number(world, device, "RR-")
        self._words: dict[str, Callable[[int], str]] = {
            "*IDN?": lambda _: f"QKD-HIL,Reference Repeater,{serial},{firmware}",
            "RUN?": lambda _: "ON" if world.repeating(device) else "OFF",
            "START": lambda now_ns: self._repeat(now_ns, repeating=True),
            "STOP": lambda now_ns: self._repeat(now_ns, repeating=False),
            "PARK": lambda now_ns: self._repeat(now_ns, repeating=False),
            "TIME?": str,
            "SWAPS?": self._swaps,
        }

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every request that is complete."""
        return [Reply(self._answer(line, now_ns).encode("ascii") + b"\n") for line in self._buffer.lines(data)]

    def _answer(self, line: bytes | None, now_ns: int) -> str:
        if line is None:
            return f"{_BAD} line too long"
        words = line.decode("ascii", errors="replace").strip().upper().split(" ")
        if words[0] == "PAIRS?":
            return self._pairs(words[1:], now_ns)
        if words[0] not in self._words:
            return _UNKNOWN
        return self._words[words[0]](now_ns) if len(words) == 1 else f"{_BAD} no argument expected"

    def _repeat(self, now_ns: int, *, repeating: bool) -> str:
        self._world.set_repeating(self._device, now_ns, repeating=repeating)
        return "OK"

    def _swaps(self, now_ns: int) -> str:
        try:
            counts = self._world.swaps(self._device, now_ns)
        except UsageError as error:
            return f"{_UNSUPPORTED} {error}"
        return f"OK {counts.tried} {counts.succeeded}"

    def _pairs(self, arguments: list[str], now_ns: int) -> str:
        if len(arguments) != 1 or not arguments[0].isdecimal() or len(arguments[0]) > 15:
            return f"{_BAD} expected the number of a pair"
        try:
            pairs = self._world.pairs(self._device, int(arguments[0]), _MOST_PAIRS, now_ns)
        except UsageError as error:
            return f"{_UNSUPPORTED} {error}"
        told = {
            "first": pairs.first,
            "made": pairs.made,
            "time_ns": pairs.times_ns.tolist(),
            "waited_ns": pairs.waited_ns.tolist(),
            "outcome": "".join(map(str, pairs.outcomes.tolist())),
        }
        return json.dumps(told, separators=(",", ":"))


def repeater_ports(world: World, device: str, firmware: str) -> tuple[Endpoint, ...]:
    """The one port of a node."""
    declared_as(world, device, RepeaterNodeDevice)
    return (Endpoint("control", "tcp", lambda: RepeaterSession(world, device, firmware)),)
