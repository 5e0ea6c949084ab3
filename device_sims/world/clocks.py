"""A receiver's own clock: what it reads when light arrives, in whole ticks.

It reads ``offset + integral of (1 + y(t)) dt + x(t)`` at time t since power-up. The rate y is an error and a linear
drift, both of
which may be changed at any time; x is flicker of the frequency. Between the points of a coarse grid times are floats, which are
good to a femtosecond there; the grid's points are exact fractions, so that nothing is lost over days.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from hil.ports.detections import ClockDomain, TagRecords
from hil.seeds import derive, stream

from .path_delay import exact
from .source import hash_indices

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import ReceiverDevice
    from hil.ports.detections import DetectionRecords

    from .parameters import Parameters
    from .path_delay import PathDelay
    from .source import PulseClock
    from .timeline import State, Timeline

__all__ = ["ReceiverClock"]

_NS = Fraction(1, 1_000_000_000)
_NO_TIME = Fraction(0)
_GRID_PULSES = 1 << 30
_PPM_PER_H = Fraction(1, 3_600_000_000)
_PPM = Fraction(1, 1_000_000)
_SLOWEST_HZ, _OCTAVES = 2.0**-16, 22
_NOISE_STEP_S = 2e-3
_FRAME_S = 1e-6
_SOME_NS = 1_000
"""More than a pulse, to either side of what a block has."""


class ReceiverClock:
    """The clock domain of one receiver that tells times; ``path`` is that of the link that ends at it, if any."""

    def __init__(
        self,
        name: str,
        device: ReceiverDevice,
        seed: int,
        *,
        timeline: Timeline,
        parameters: Parameters,
        pulses: PulseClock,
        path: PathDelay | None,
    ) -> None:
        self.domain = ClockDomain(name, exact(device.tick_s))
        self._name = name
        self._timeline = timeline
        self._parameters = parameters
        self._pulses = pulses
        self._path = path
        self._begun = [_NO_TIME]
        turns = stream(seed, "clock", name).random(_OCTAVES)
        self._frame_key = derive(seed, "frame", name)
        self._noise_hz, self._noise_turns = _SLOWEST_HZ * 2.0 ** np.arange(_OCTAVES), turns

    def tags(self, block: DetectionRecords, started_ns: int, ended_ns: int, phase: npt.NDArray[np.float64]) -> TagRecords:
        """The block's clicks as this clock tells them; ``phase``, shape (n,): how far from its pulse's centre, in periods.

        Light that left while the block ran is in it, so that it ends a path delay later than it was told to.
        """
        ticks = self.ticks(block.index, phase)
        order = np.argsort(ticks, kind="stable")
        ticks = ticks[order]
        first = self.tick_at(started_ns)
        end = self.tick_at(ended_ns, 2 * self._delay_s(self._timeline.number_at(ended_ns))) + 1
        kept = slice(*np.searchsorted(ticks, [first, end]))  # jitter may carry a click out of its block
        return TagRecords(
            self.domain, first, end, ticks[kept], block.detector[order][kept], block.live_s, block.sequence, block.lost
        )

    def tick_at(self, now_ns: int, later_s: Fraction = _NO_TIME) -> int:
        """What it reads at a time since power-up, and a while after."""
        noise_s = self._noise_s(now_ns / 1e9, np.zeros(1))
        return floor((self.reading_s(now_ns * _NS) + later_s + Fraction(float(np.sum(noise_s)))) / self.domain.tick_s)

    def reading_s(self, time_s: Fraction) -> Fraction:
        """What the clock reads at a time since power-up, its flicker left out."""
        number = self._number(time_s)
        return exact(self._value(number, "clock_offset_s")) + self._gone(number) + self._going(number, time_s)

    def _gone(self, number: int) -> Fraction:
        """What it went through until a state began; states before the latest one are for good."""
        begun, times = self._begun, self._timeline.times_ns
        while len(begun) <= number:
            begun.append(begun[-1] + self._going(len(begun) - 1, times[len(begun)] * _NS))
        return begun[number]

    def _going(self, number: int, end_s: Fraction) -> Fraction:
        """What it goes through in a state until some time."""
        begin_s = self._timeline.times_ns[number] * _NS
        if end_s <= begin_s:
            return _NO_TIME
        rate, drift = self._rate(number)
        return (end_s - begin_s) * (1 + rate) + drift * (end_s * end_s - begin_s * begin_s) / 2

    def ticks(self, index: npt.NDArray[np.int64], phase: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Ticks of clicks; a pure function of each click and what was done to path and clock."""
        ticks = np.empty(index.size, dtype=np.int64)
        if not index.size:
            return ticks
        # of the states that these pulses meet: there may have been many before
        ends_ns = [self._pulses.time_ns(int(pulse)) for pulse in (index[0], index[-1])]
        from_state = max(self._timeline.number_at(floor(ends_ns[0]) - _SOME_NS), 0)
        upto = self._timeline.number_at(floor(ends_ns[1]) + _SOME_NS) + 1
        changes = [self._pulses.index_at(time_ns) for time_ns in self._timeline.times_ns[from_state:upto]]
        at = 0
        while at < index.size:
            pulse = int(index[at])
            grid = pulse - pulse % _GRID_PULSES
            own = max(bisect_right(changes, pulse) - 1, 0)
            number = from_state + own
            begin = max(grid, changes[own])
            end = min([grid + _GRID_PULSES, *changes[bisect_right(changes, pulse) :][:1]])
            stop = int(np.searchsorted(index, end))
            since = index[at:stop] - begin + phase[at:stop] + self._adrift(index[at:stop], number)
            ticks[at:stop] = self._piece(since, begin, number)
            at = stop
        return ticks

    def _adrift(self, index: npt.NDArray[np.int64], number: int) -> npt.NDArray[np.float64] | float:
        """How far clicks are told from where they were, in pulse periods, while the receiver has nothing to count from.

        Its fine counter starts with each pulse of the synchronisation signal; without, it starts anywhere in a frame.
        """
        if self._parameters.synchronised(self._state(number), self._name):
            return 0.0
        turns = (hash_indices(index, self._frame_key) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        astray: npt.NDArray[np.float64] = (turns - 0.5) * (_FRAME_S * self._pulses.rate_hz)
        return astray

    def _piece(self, since: npt.NDArray[np.float64], begin: int, number: int) -> npt.NDArray[np.int64]:
        """Ticks of clicks in one state, ``since`` pulses after the pulse ``begin``."""
        tick_s = self.domain.tick_s
        time_s = Fraction(begin) / self._pulses.exact_rate_hz
        rate, drift = self._rate(number)
        base = (self.reading_s(time_s) + self._delay_s(number) * (1 + rate + drift * time_s)) / tick_s
        whole = floor(base)
        seconds = since / self._pulses.rate_hz
        reading = seconds * (1.0 + float(rate + drift * time_s)) + float(drift) / 2.0 * seconds**2
        reading += self._noise_s(float(time_s), seconds)
        if self._path is not None:
            # weather is slow: a line between the ends of the piece says all
            ends_s = seconds[[0, -1]]
            reading += np.interp(seconds, ends_s, self._path.drift_s(self._state(number), float(time_s) + ends_s))
        return np.floor(reading / float(tick_s) + float(base - whole)).astype(np.int64) + whole

    def _noise_s(self, time_s: float, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | float:
        """Phase error by flicker of the frequency: a line in each octave of the spectrum, all of the same power.

        With h the level of S_y = h / f an octave holds h ln 2, and the Allan variance is 2 ln 2 h at any averaging time
        (IEEE Std 1139-2008, table B.2): a line of amplitude sigma_y in each octave.
        """
        deviation = self._value(self._timeline.number_at(round(time_s * 1e9)), "clock_noise")
        if deviation == 0.0 or seconds.size == 0:
            return 0.0
        first = floor((time_s + float(seconds.min())) / _NOISE_STEP_S)
        last = floor((time_s + float(seconds.max())) / _NOISE_STEP_S) + 1
        grid_s = np.arange(first, last + 1) * _NOISE_STEP_S
        turns = np.outer(grid_s, self._noise_hz) + self._noise_turns
        lines = np.sin(2.0 * np.pi * turns) - np.sin(2.0 * np.pi * self._noise_turns)
        error_s = lines @ (deviation / (2.0 * np.pi * self._noise_hz))
        result: npt.NDArray[np.float64] = np.interp(seconds, grid_s - time_s, error_s)
        return result

    def _rate(self, number: int) -> tuple[Fraction, Fraction]:
        """Relative error of the rate at time zero, and its drift per second."""
        error = exact(self._value(number, "clock_error_ppm")) * _PPM
        return error, exact(self._value(number, "clock_drift_ppm_per_h")) * _PPM_PER_H

    def _delay_s(self, number: int) -> Fraction:
        return Fraction(0) if self._path is None else self._path.steady_s(self._state(number))

    def _number(self, time_s: Fraction) -> int:
        return self._timeline.number_at(floor(time_s / _NS))

    def _state(self, number: int) -> State:
        return self._timeline.states[number]

    def _value(self, number: int, parameter: str) -> float:
        return self._parameters.value(self._state(number), self._name, parameter)
