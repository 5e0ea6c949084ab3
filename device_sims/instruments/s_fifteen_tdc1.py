"""Simulated S-Fifteen TDC1 time tagger (serial, over USB) in its two counting modes.

``singles;counts?`` counts four inputs for the set ``time`` (ms) and answers then; ``pairs;counts?`` also the coincidences of
inputs 1 and 3, 1 and 4, 2 and 3, 2 and 4. Its stream of timestamps is not simulated: asked for it says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import TimeTaggerDevice
from hil.device_sims.spec import Endpoint, Later, Reply, TwinSpec

from ._nameplate import declared_as, serial_number
from ._s_fifteen import SFifteenSession, answer

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "SFifteenTdc1"]

FIRMWARE = "2.1"
_INPUTS = 4
_PAIRS = ((0, 2), (0, 3), (1, 2), (1, 3))
_MODES = {"singles": 0, "pairs": 1, "timestamp": 3}


class SFifteenTdc1:
    """One tagger: mode, integration time and input levels."""

    def __init__(self, world: World, device: str) -> None:
        self._world, self._device = world, device
        self._connected = len(declared_as(world, device, TimeTaggerDevice).inputs)
        self._serial = serial_number(world, device, "TDC")
        self._mode, self._time_ms, self._level, self._clock = "singles", 1000, "NIM", 0
        self._threshold_v = -0.6

    def execute(self, words: list[str], now_ns: int) -> Reply | Later | None:
        """One command."""
        name, *parameters = words
        if not parameters:
            return self._plain(name, now_ns)
        if len(parameters) != 1:
            return answer("unknown command")
        return self._set(name, parameters[0])

    def _plain(self, name: str, now_ns: int) -> Reply | Later | None:
        answers = {
            "*idn?": f"TDC1 S-Fifteen Instruments {self._serial} firmware {FIRMWARE}",
            "time?": self._time_ms if self._time_ms < 1 << 15 else self._time_ms - (1 << 16),
            "mode?": _MODES[self._mode],
            "level?": self._level,
            "refclk?": self._clock,
            "eclock?": 0,
        }
        if name in answers:
            return answer(answers[name])
        if name in _MODES:
            self._mode = name
        elif name in {"nim", "ttl"}:
            self._level = name.upper()
        elif name == "counts?":
            return self._count(now_ns)
        elif name != "abort":
            return answer("unknown command")
        return None

    def _count(self, now_ns: int) -> Reply | Later:
        if self._mode == "timestamp":
            return answer("timestamps are not simulated")
        beside, pairs = self._world.beside, self._mode == "pairs"
        before = beside.singles(self._device, now_ns)

        def tell(then_ns: int) -> tuple[bytes, None]:
            singles = [now - was for now, was in zip(beside.singles(self._device, then_ns), before, strict=True)]
            counts = [*singles, *[0] * _INPUTS][:_INPUTS]
            if pairs:
                counted = [pair for pair in _PAIRS if max(pair) < self._connected]
                found = dict(zip(counted, beside.coincidences(self._device, counted, now_ns, then_ns), strict=True))
                counts += [found.get(pair, 0) for pair in _PAIRS]
            return answer(" ".join(map(str, counts))).data, None

        return Later(self._time_ms / 1e3, tell)

    def _set(self, name: str, text: str) -> Reply | None:
        try:
            value = float(text) if len(text) < 20 and "_" not in text else -1.0
        except ValueError:
            return answer("unknown command")
        if name == "time" and 1 <= value <= 65_535:
            self._time_ms = int(value)
        elif name in {"neg", "pos"} and abs(value) <= 3.0:
            self._threshold_v = value
        elif name == "refclk" and value in {0.0, 1.0, 2.0}:
            self._clock = int(value)
        else:
            return answer("out of range" if name in {"time", "neg", "pos", "refclk"} else "unknown command")
        return None


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    tagger = SFifteenTdc1(world, device)
    return (Endpoint("control", "pty", lambda: SFifteenSession(tagger.execute), baud_rate=115_200),)


SPEC = TwinSpec(
    name="s-fifteen-tdc1", roles=("time-tagger",), title="S-Fifteen TDC1 time tagger (serial)", build=_build, late=True
)
