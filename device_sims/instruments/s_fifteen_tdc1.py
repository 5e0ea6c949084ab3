"""Simulated S-Fifteen TDC1 time tagger (serial, over USB): counts, coincidences and time stamps.

``singles;counts?`` counts four inputs for the set ``time`` (ms) and answers then; ``pairs;counts?`` also the coincidences of
inputs 1 and 3, 1 and 4, 2 and 3, 2 and 4. ``timestamp;INPKT;counts?`` streams a word of 32 bits for each event, little endian,
for that time, or until ``abort`` where it is 0: 27 bits of time in steps of 2 ns, which roll over every 268 ms, and a bit for
each input that clicked within the step. Words without an event (bit 4) at every half turn let no rollover be missed. Format as
in the maker's own library (pyS15, usb_counter_fpga.py, read_timestamps_bin); how often words are sent is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.bench.model import TimeTaggerDevice
from hil.device_sims.spec import Endpoint, Later, Reply, TwinSpec

from ._nameplate import declared_as, serial_number
from ._s_fifteen import SFifteenSession, answer

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.device_sims.world.world import World

__all__ = ["SPEC", "SFifteenTdc1"]

FIRMWARE = "2.1"
_INPUTS = 4
_PAIRS = ((0, 2), (0, 3), (1, 2), (1, 3))
_MODES = {"singles": 0, "pairs": 1, "timestamp": 3}
_STEP_S = 2e-9
_TURN = 1 << 27
_NO_EVENT = 0x10
_EVERY_S = 0.01
"""How often time stamps are sent."""
_HELD_BACK_S = 1e-3
"""Jitter carries no click as far as this."""


class SFifteenTdc1:
    """One tagger: mode, integration time and input levels."""

    def __init__(self, world: World, device: str) -> None:
        self._world, self._device = world, device
        self._connected = len(declared_as(world, device, TimeTaggerDevice).inputs)
        self._serial = serial_number(world, device, "TDC")
        self._mode, self._time_ms, self._level, self._clock = "singles", 1000, "NIM", 0
        self._threshold_v = -0.6
        self._streams = 0

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
        elif name == "abort":
            self._streams += 1
            self._world.beside.recordings.end(self._device, now_ns)
        elif name != "inpkt":  # which asks for whole packets over USB, and changes nothing on the line
            return answer("unknown command")
        return None

    def _count(self, now_ns: int) -> Reply | Later:
        if self._mode == "timestamp":
            return self._stamp(now_ns)
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

    def _stamp(self, now_ns: int) -> Later:
        """Time stamps of the set time from now on, in order, until somebody says ``abort`` or asks anew."""
        self._streams += 1
        own, halves = self._streams, 0
        recordings = self._world.beside.recordings
        end_ns = now_ns + self._time_ms * 1_000_000 if self._time_ms else None
        recordings.begin(self._device, now_ns, end_ns)

        def tell(then_ns: int) -> tuple[bytes, float | None]:
            nonlocal halves
            if own != self._streams:
                return b"", None
            over = end_ns is not None and then_ns >= end_ns
            times_s, inputs = recordings.take(self._device, then_ns, last=over)
            until_s = (min(then_ns, end_ns or then_ns) - now_ns) / 1e9
            words, halves = _words(times_s, inputs, halves, until_s)
            return words, None if over else next_s(then_ns)

        def next_s(then_ns: int) -> float:
            return _EVERY_S if end_ns is None else max(min(_EVERY_S, (end_ns - then_ns) / 1e9), 0.0)

        return Later(next_s(now_ns), tell)

    def _set(self, name: str, text: str) -> Reply | None:
        try:
            value = float(text) if len(text) < 20 and "_" not in text else -1.0
        except ValueError:
            return answer("unknown command")
        if name == "time" and (0 if self._mode == "timestamp" else 1) <= value <= 65_535:
            self._time_ms = int(value)
        elif name in {"neg", "pos"} and abs(value) <= 3.0:
            self._threshold_v = value
        elif name == "refclk" and value in {0.0, 1.0, 2.0}:
            self._clock = int(value)
        else:
            return answer("out of range" if name in {"time", "neg", "pos", "refclk"} else "unknown command")
        return None


def _words(times_s: npt.NDArray[np.float64], inputs: npt.NDArray[np.int64], halves: int, until_s: float) -> tuple[bytes, int]:
    """Events of a piece, seconds since the stream began, and how many half turns of the time have been told by its end."""
    steps = np.maximum((times_s / _STEP_S).astype(np.int64), 0)
    shown = inputs < _INPUTS
    steps, first = np.unique(steps[shown], return_inverse=True)
    patterns = np.zeros(len(steps), np.int64)
    np.bitwise_or.at(patterns, first, 1 << inputs[shown])
    # the last clicks before now may not be known yet: a half turn is told with the next clicks, or a little later
    half = _TURN // 2
    known = max(int((until_s - _HELD_BACK_S) / (half * _STEP_S)), halves, int(steps[-1] // half) if len(steps) else 0)
    empty = np.arange(halves + 1, known + 1) * half
    steps, patterns = np.concatenate([steps, empty]), np.concatenate([patterns, np.full(len(empty), _NO_EVENT)])
    order = np.argsort(steps, kind="stable")
    return ((steps[order] % _TURN << 5) | patterns[order]).astype("<u4").tobytes(), known


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    tagger = SFifteenTdc1(world, device)
    return (Endpoint("control", "pty", lambda: SFifteenSession(tagger.execute), baud_rate=115_200),)


SPEC = TwinSpec(
    name="s-fifteen-tdc1", roles=("time-tagger",), title="S-Fifteen TDC1 time tagger (serial)", build=_build, late=True
)
