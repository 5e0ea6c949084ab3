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

from hil.bench.model import ReceiverDevice
from hil.device_sims.spec import Endpoint, Later, Reply, TwinSpec
from hil.device_sims.world.recordings import inputs_of

from ._nameplate import serial_number
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
_WINDOW_S = 2e-9
_EVERY_S = 0.1
"""How often time stamps are sent."""
_HELD_BACK = 500_000
"""Steps; jitter carries no click as far as this."""


class _Stream:
    """Time stamps from ``began_ns`` on, until ``end_ns`` (None: until told), and how many half turns of the time were told."""

    def __init__(self, began_ns: int, end_ns: int | None) -> None:
        self.began_ns, self.end_ns = began_ns, end_ns
        self._halves = 0

    def next_s(self, now_ns: int) -> float | None:
        """When it has more to tell; None at its end."""
        if self.end_ns is None:
            return _EVERY_S
        return min(_EVERY_S, (self.end_ns - now_ns) / 1e9) if now_ns < self.end_ns else None

    def words(self, steps: npt.NDArray[np.int64], inputs: npt.NDArray[np.int64], until: int) -> bytes:
        """Clicks of a piece, in steps since the stream began, and with them the half turns up to then."""
        shown = inputs < _INPUTS
        steps, first = np.unique(np.maximum(steps[shown], 0), return_inverse=True)
        patterns = np.zeros(len(steps), np.int64)
        np.bitwise_or.at(patterns, first, 1 << inputs[shown])
        # the last clicks before now may not be known yet: a half turn is told with the next clicks, or a little later
        half = _TURN // 2
        known = max((until - _HELD_BACK) // half, self._halves, int(steps[-1] // half) if len(steps) else 0)
        empty = np.arange(self._halves + 1, known + 1) * half
        self._halves = known
        steps, patterns = np.concatenate([steps, empty]), np.concatenate([patterns, np.full(len(empty), _NO_EVENT)])
        order = np.argsort(steps, kind="stable")
        return ((steps[order] % _TURN << 5) | patterns[order]).astype("<u4").tobytes()


class SFifteenTdc1:
    """One tagger: mode, integration time and input levels.

    As a receiver of its own its detectors have supplies that nobody switches, and its time is that receiver's clock.
    """

    def __init__(self, world: World, device: str) -> None:
        self._world, self._device = world, device
        self._connected = len(inputs_of(world.bench, device))
        self._receives = isinstance(world.bench.device[device], ReceiverDevice)
        self._serial = serial_number(world, device, "TDC")
        self._mode, self._time_ms, self._level, self._clock = "singles", 1000, "NIM", 0
        self._threshold_v = -0.6
        self._stream: _Stream | None = None

    def execute(self, words: list[str], now_ns: int) -> Reply | Later | None:
        """One command."""
        if self._receives and not self._world.biased(self._device):
            self._world.set_biased(self._device, now_ns, biased=True)
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
            return self._end(now_ns)
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
                window_s = _WINDOW_S if self._receives else None
                told = beside.coincidences(self._device, counted, now_ns, then_ns, window_s=window_s)
                found = dict(zip(counted, told, strict=True))
                counts += [found.get(pair, 0) for pair in _PAIRS]
            return answer(" ".join(map(str, counts))).data, None

        return Later(self._time_ms / 1e3, tell)

    def _stamp(self, now_ns: int) -> Later:
        """Time stamps of the set time from now on, in order, until somebody says ``abort`` or asks anew."""
        recordings = self._world.beside.recordings
        end_ns = now_ns + self._time_ms * 1_000_000 if self._time_ms else None
        recordings.begin(self._device, now_ns, end_ns)
        own = self._stream = _Stream(now_ns, end_ns)

        def tell(then_ns: int) -> tuple[bytes, float | None]:
            if own is not self._stream:
                return b"", None
            words, next_s = self._words(then_ns), own.next_s(then_ns)
            if next_s is None:
                self._stream = None
            return words, next_s

        return Later(own.next_s(now_ns) or 0.0, tell)

    def _words(self, now_ns: int, *, last: bool = False) -> bytes:
        """What the stream has to tell by now; all there is at its end."""
        stream, recordings = self._stream, self._world.beside.recordings
        assert stream is not None
        last = last or stream.next_s(now_ns) is None
        until_ns = now_ns if stream.end_ns is None else min(now_ns, stream.end_ns)
        if self._receives:
            steps, inputs = recordings.take_ticks(self._device, now_ns, last=last)
            began, until = (self._world.clock_tick(self._device, at_ns) or 0 for at_ns in (stream.began_ns, until_ns))
            return stream.words(steps, inputs, until - began)
        times_s, inputs = recordings.take(self._device, now_ns, last=last)
        return stream.words((times_s / _STEP_S).astype(np.int64), inputs, round((until_ns - stream.began_ns) / 1e9 / _STEP_S))

    def _end(self, now_ns: int) -> Reply | None:
        """The stream that runs is over: what is left of it, if there is one."""
        if self._stream is None:
            return None
        words = self._words(now_ns, last=True)
        self._stream = None
        return Reply(words) if words else None

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


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    tagger = SFifteenTdc1(world, device)
    return (Endpoint("control", "pty", lambda: SFifteenSession(tagger.execute), baud_rate=115_200),)


SPEC = TwinSpec(
    name="s-fifteen-tdc1",
    roles=("time-tagger", "receiver"),
    title="S-Fifteen TDC1 time tagger (serial)",
    build=_build,
    late=True,
)
