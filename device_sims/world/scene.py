"""One receiver's view of the world: its pulses, and what reaches it in each state of the timeline."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .light import PulsedLight

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .light import Light
    from .optics import Optics
    from .parameters import Parameters
    from .reception import Receiver, Reception
    from .source import PulseClock
    from .thermal import Stage
    from .timeline import State, Timeline

__all__ = ["AMBIENT_C", "Scene", "Segment"]

AMBIENT_C = 22.0
_STEADY = 1e-6


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
        light: Light | None = None,
    ) -> None:
        self.light: Light = light or PulsedLight()
        self.receiver = receiver
        self.pulses = pulses
        self.timeline = timeline
        self._parameters = parameters
        self._optics = optics
        self._stage = stage
        self._receptions: dict[int, tuple[State, Reception | None]] = {}
        self._firsts: list[int] = []

    def reception(self, number: int) -> Reception | None:
        """What reaches the detectors in a state; None without bias."""
        state = self.timeline.states[number]
        known = self._receptions.get(number)
        if known is None or known[0] is not state:
            known = (state, self.receiver.reception(state, self._parameters, self._optics))
            self._receptions[number] = known
        return known[1]

    def segment_at(self, index: int) -> Segment:
        """The state a pulse meets; one that held for less than a pulse period meets none."""
        times = self.timeline.times_ns
        self._firsts += [self.pulses.index_at(time_ns) for time_ns in times[len(self._firsts) :]]
        number = max(bisect_right(self._firsts, index) - 1, 0)
        end = self._firsts[number + 1] if number + 1 < len(self._firsts) else None
        return Segment(number, self._firsts[number], end)

    def misalignment(
        self, number: int, first: int, end: int
    ) -> float | Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]:
        """Misalignment from pulse ``first`` to ``end`` of a state: a number, or a function of the index while the stage drifts.

        It goes on from ``first`` as the state would have it, whatever is done to the stage later.
        """
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

    def survival(self, number: int, first: int, end: int) -> float | Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]:
        """Share of the proposed photo-detections that are real, from pulse ``first`` to ``end`` of a state: at most 1.

        A state's reception is its brightest moment; whatever dims the light of single pulses or moments multiplies in here.
        """
        assert self.reception(number) is not None
        assert first <= end
        return 1.0

    def misalignments(self, reception: Reception, times_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Misalignment at many times of one state, shape (n,)."""
        if self._stage is None or reception.misalignment_per_k == 0.0:
            return np.full(times_ns.shape, reception.misalignment)
        stage, setpoint_c = self._stage
        return misaligned(reception, stage.temperatures_c(times_ns), setpoint_c)

    def temperatures_c(self, times_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Temperature of the receiver's optics stage, shape (n,); room temperature where nothing holds it."""
        return np.full(times_ns.shape, AMBIENT_C) if self._stage is None else self._stage[0].temperatures_c(times_ns)


def misaligned(reception: Reception, temperature_c: npt.NDArray[np.float64], setpoint_c: float) -> npt.NDArray[np.float64]:
    """Misalignment of a receiver whose stage is off its set point; at worst every other photon goes astray."""
    result: npt.NDArray[np.float64] = np.clip(
        reception.misalignment + reception.misalignment_per_k * np.abs(temperature_c - setpoint_c), 0.0, 0.5
    )
    return result
