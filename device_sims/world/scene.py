"""One receiver's view of the world: its pulses, and what reaches it in each state of the timeline."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .surroundings import exchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .light import Light
    from .optics import Optics
    from .parameters import Parameters
    from .reception import Receiver, Reception
    from .source import PulseClock
    from .surroundings import Change, Surroundings
    from .thermal import Stage
    from .timeline import State, Timeline

    OfIndex = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]

__all__ = ["Scene", "Segment"]

_AMBIENT_C = 22.0
_STEADY = 1e-6
_AGE_NS = 3.6e15
"""1000 hours."""
_WORST = 0.5
_POINTS = (3, 17, 257)
_MOST_KNOWN = 64
"""Receptions that are kept: those of late states are asked for again and again."""


@dataclass(frozen=True)
class Segment:
    """Pulses ``first`` to ``end`` (exclusive; None while it lasts) of one state."""

    number: int
    first: int
    end: int | None


class Scene:
    """What a receiver's samplers and closed forms need to know, cached by state."""

    def __init__(
        self,
        receiver: Receiver,
        pulses: PulseClock,
        timeline: Timeline,
        parameters: Parameters,
        *,
        optics: Optics,
        stage: tuple[Stage, float] | None,
        surroundings: Surroundings | None = None,
        light: Light | None = None,
    ) -> None:
        self.light = light
        self.receiver = receiver
        self.pulses = pulses
        self.timeline = timeline
        self._parameters = parameters
        self._optics = optics
        self._stage = stage
        self._surroundings = surroundings
        self._track: tuple[State, int, int, _Track] | None = None
        self._receptions: dict[int, tuple[State, Reception | None]] = {}
        self._latches: list[tuple[State, bool]] = []
        self._firsts: list[int] = []

    def reception(self, number: int) -> Reception | None:
        """What reaches the detectors in a state; None without bias."""
        state = self.timeline.states[number]
        known = self._receptions.get(number)
        if known is None or known[0] is not state:
            at = (state, self._parameters, self._optics)
            known = (state, self.receiver.reception(*at, self._around(state), latched=self._latched(number)))
            if len(self._receptions) >= _MOST_KNOWN:
                del self._receptions[next(iter(self._receptions))]
            self._receptions[number] = known
        return known[1]

    def _latched(self, number: int) -> bool:
        """Whether light has latched the detectors since they were given their bias."""
        states, known, biased = self.timeline.states, self._latches, (self.receiver.name, "biased")
        while known and (len(known) > len(states) or known[-1][0] is not states[len(known) - 1]):
            known.pop()  # the latest state may have been another one
        for state in states[len(known) : number + 1]:
            before = bool(known) and known[-1][1]
            here = bool(state.get(biased)) and (before or self.receiver.latches(state, self._parameters, self._optics))
            known.append((state, here))
        return known[number][1]

    def segment_at(self, index: int) -> Segment:
        """The state a pulse meets; one that held for less than a pulse period meets none."""
        times = self.timeline.times_ns
        self._firsts += [self.pulses.index_at(time_ns) for time_ns in times[len(self._firsts) :]]
        number = max(bisect_right(self._firsts, index) - 1, 0)
        end = self._firsts[number + 1] if number + 1 < len(self._firsts) else None
        return Segment(number, self._firsts[number], end)

    def misalignment(self, number: int, first: int, end: int, *, test: OfIndex | None = None) -> float | OfIndex:
        """Misalignment from pulse ``first`` to ``end`` of a state: a number, or a function of the index while something drifts.

        It goes on from ``first`` as the state would have it, whatever is done to the stage later. ``test`` says how much of the
        test basis (0 to 1) is in what these pulses are measured for; without it, their basis of preparation.
        """
        held = self._held(number, first, end)
        track = self._followed(number, first, end)
        if track is None:
            return held
        if isinstance(held, float) and track.steady:
            change = track.grid
            of_key, of_test = change.rotated[0]
            if of_key == of_test:
                return float(exchanged(np.clip(held + change.adds[0], 0.0, _WORST), of_key))
        in_test = test or self._prepared_in_test

        def moving(index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            adds, rotated = track.errors(self._times_s(index))
            straight = np.clip((held(index) if callable(held) else held) + adds, 0.0, _WORST)
            if not rotated.any():
                return straight
            share = in_test(index)
            return exchanged(straight, rotated[:, 0] * (1.0 - share) + rotated[:, 1] * share)

        return moving

    def _prepared_in_test(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        source = self.receiver.source
        assert source is not None
        return (source.codes(index) >> np.uint64(1) & np.uint64(1)).astype(np.float64)

    def survival(self, number: int, first: int, end: int) -> float | OfIndex:
        """Share of the proposed photo-detections that are real, from pulse ``first`` to ``end`` of a state: at most 1.

        A state's reception is its brightest moment; whatever dims the light of single pulses or moments multiplies in here.
        """
        reception, track = self.reception(number), self._followed(number, first, end)
        assert reception is not None
        left = float((1.0 - reception.ageing[0]) ** (self.pulses.time_ns(first) / _AGE_NS))
        if track is None:
            return left
        if track.steady:
            return left * float(track.grid.gain[0])
        return lambda index: left * track.gain(self._times_s(index))

    def synchronised(self, number: int) -> bool:
        """Whether the receiver can tell pulses apart in a state."""
        return self._parameters.synchronised(self.timeline.states[number], self.receiver.name)

    def excess(self, number: int, kind: int, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """How much there is of a kind of varying background at these pulses: 0 to 1, shape (n,)."""
        state = self.timeline.states[number]
        around = self._around(state)
        assert around is not None
        return around.change(state, self._times_s(index)).excess[:, kind]

    def moments(self, number: int, cells: npt.NDArray[np.int64], step_ns: int) -> npt.NDArray[np.float64]:
        """What varies inside a state, on the average of cells of a grid of time: shape (n, 3 + K).

        Misalignment in the key and in the test basis, survival, and how much there is of each kind of varying background.
        """
        reception = self.reception(number)
        assert reception is not None
        straight = self._misalignments(reception, (cells.astype(np.float64) + 0.5) * step_ns)
        state = self.timeline.states[number]
        around = self._around(state)
        if around is None:
            return np.stack([straight, straight, np.ones(straight.shape)], axis=1)
        change = around.mean_change(state, cells, step_ns / 1e9)
        straight = np.clip(straight + change.adds, 0.0, _WORST)
        errors = exchanged(straight[:, None], change.rotated)
        return np.concatenate([errors, change.gain[:, None], change.excess], axis=1)

    def still(self, number: int) -> bool:
        """Whether nothing but the stage varies inside a state."""
        return self._around(self.timeline.states[number]) is None

    def _around(self, state: State) -> Surroundings | None:
        """The surroundings, where they change anything."""
        around = self._surroundings
        return None if around is None or around.still_in(state) else around

    def _held(self, number: int, first: int, end: int) -> float | OfIndex:
        reception = self.reception(number)
        assert reception is not None
        if self._stage is None or reception.misalignment_per_k == 0.0:
            return reception.misalignment
        stage, setpoint_c = self._stage
        start_ns, end_ns = self.pulses.time_ns(first), self.pulses.time_ns(end)
        ends_c = stage.continued_c(start_ns, np.array([start_ns, end_ns]))
        if abs(float(ends_c[1] - ends_c[0]) * reception.misalignment_per_k) < _STEADY:
            return float(misaligned(reception, ends_c[:1], setpoint_c)[0])

        def drifting(index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            times_ns = start_ns + (index - first) / self.pulses.rate_hz * 1e9
            return misaligned(reception, stage.continued_c(start_ns, times_ns), setpoint_c)

        return drifting

    def dark(self, reception: Reception, time_ns: float) -> Reception:
        """The same with the background that detectors count at their age: thermal as dark counts grow, light as efficiency."""
        if not any(reception.ageing):
            return reception
        grown = (1.0 + reception.ageing[1]) ** (time_ns / _AGE_NS)
        left = (1.0 - reception.ageing[0]) ** (time_ns / _AGE_NS)
        steady = (reception.dark_per_pulse - reception.lit_per_pulse) * grown + reception.lit_per_pulse * left
        by_kind = np.array([grown, left])[: len(reception.varying_per_pulse), None]
        return replace(reception, dark_per_pulse=steady, varying_per_pulse=reception.varying_per_pulse * by_kind)

    def aged(self, reception: Reception | None, time_ns: float) -> Reception | None:
        """The same with the efficiency and the dark counts of that age: what closed forms take."""
        if reception is None or not any(reception.ageing):
            return reception
        left = (1.0 - reception.ageing[0]) ** (time_ns / _AGE_NS)
        return replace(self.dark(reception, time_ns), proposals_per_pulse=reception.proposals_per_pulse * left)

    def _misalignments(self, reception: Reception, times_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Misalignment by the stage at many times of one state, shape (n,)."""
        if self._stage is None or reception.misalignment_per_k == 0.0:
            return np.full(times_ns.shape, reception.misalignment)
        stage, setpoint_c = self._stage
        return misaligned(reception, stage.temperatures_c(times_ns), setpoint_c)

    def _times_s(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return index / self.pulses.rate_hz

    def _followed(self, number: int, first: int, end: int) -> _Track | None:
        """The surroundings from pulse ``first`` to ``end`` of a state."""
        state = self.timeline.states[number]
        around = self._around(state)
        if around is None:
            return None
        if self._track is None or self._track[0] is not state or self._track[1:3] != (first, end):
            span_s = (self.pulses.time_ns(first) / 1e9, self.pulses.time_ns(end) / 1e9)
            self._track = (state, first, end, _Track.over(around, state, span_s))
        return self._track[3]

    def temperatures_c(self, times_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Temperature of the receiver's optics stage, shape (n,); room temperature where nothing holds it."""
        return np.full(times_ns.shape, _AMBIENT_C) if self._stage is None else self._stage[0].temperatures_c(times_ns)


@dataclass(frozen=True)
class _Track:
    """The surroundings over a stretch of time: between points of a grid where these say all, else asked for each moment."""

    surroundings: Surroundings
    state: State
    times_s: npt.NDArray[np.float64]
    grid: Change
    smooth: bool

    @classmethod
    def over(cls, surroundings: Surroundings, state: State, span_s: tuple[float, float]) -> _Track:
        length_s = span_s[1] - span_s[0]
        points = next((count for count in _POINTS if surroundings.smooth(state, *span_s, length_s / (count - 1))), 0)
        times_s = np.linspace(*span_s, points or 2)
        return cls(surroundings, state, times_s, surroundings.change(state, times_s), points > 0)

    @property
    def steady(self) -> bool:
        """Whether nothing worth a function changes."""
        parts = (self.grid.gain, self.grid.adds, self.grid.rotated)
        return self.smooth and all(float(np.ptp(part, axis=0).max()) < _STEADY for part in parts)

    def gain(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Survival at many times: shape (n,)."""
        if not self.smooth:
            return self.surroundings.change(self.state, times_s).gain
        return np.interp(times_s, self.times_s, self.grid.gain)

    def errors(self, times_s: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Added misalignment, shape (n,), and what is rotated in each basis, shape (n, 2)."""
        if not self.smooth:
            change = self.surroundings.change(self.state, times_s)
            return change.adds, change.rotated
        adds, *rotated = (
            np.interp(times_s, self.times_s, part) if part.any() else np.zeros(times_s.shape)
            for part in (self.grid.adds, *self.grid.rotated.T)
        )
        return adds, np.stack(rotated, axis=1)


def misaligned(reception: Reception, temperature_c: npt.NDArray[np.float64], setpoint_c: float) -> npt.NDArray[np.float64]:
    """Misalignment of a receiver whose stage is off its set point; at worst every other photon goes astray."""
    result: npt.NDArray[np.float64] = np.clip(
        reception.misalignment + reception.misalignment_per_k * np.abs(temperature_c - setpoint_c), 0.0, 0.5
    )
    return result
