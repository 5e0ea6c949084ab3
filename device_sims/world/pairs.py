"""Photon pairs of a source in the middle, as one of its two receivers sees them.

Only pairs that can be detected at all are sampled: of the pairs of a pulse each is so with the same chance, which leaves
Poisson numbers Poisson and thermal ones thermal (with as many modes). Both receivers draw the same pairs, keyed by (seed,
source, window of pulses); what concerns one end alone is drawn with that end's own generator.

A pair measured at polariser angles alpha and beta agrees with the expectation
E = V_key cos 2 alpha cos 2 beta + V_test sin 2 alpha sin 2 beta: a Bell state Phi+ with white noise, the same or another
visibility in either basis (R. F. Werner, Phys. Rev. A 40, 4277 (1989)).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log2
from typing import TYPE_CHECKING, cast

import numpy as np

from hil.seeds import derive

from .light import spread
from .pair_expectation import at_moment, expect_pairs
from .pair_numbers import PairNumbers
from .sampler import Candidates
from .source import hash_indices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from hil.bench.model import PairSourceDevice

    from .expectation import Expectation, Moment
    from .pair_reception import PairReceiver
    from .parameters import Parameters
    from .scene import Scene, Segment

__all__ = ["PairLight", "PairState"]

_PAIRS_PER_WINDOW = 1 << 17
_WIDEST = 40


@dataclass(frozen=True)
class PairState:
    """Pairs of one state: detectable ones in a pulse, how each shows (at a alone, at b alone, at both), and visibilities."""

    numbers: PairNumbers
    shows: tuple[float, float, float]
    visibility: tuple[float, float]

    @classmethod
    def of(cls, numbers: PairNumbers, arrival: tuple[float, float], visibility: tuple[float, float]) -> PairState:
        """From all pairs of a pulse, and the chance that a photon is detected at either end."""
        a, b = arrival
        shows = (a * (1.0 - b), (1.0 - a) * b, a * b)
        seen = sum(shows) or 1.0
        return cls(numbers.thinned(sum(shows)), (shows[0] / seen, shows[1] / seen, shows[2] / seen), visibility)


class PairLight:
    """The pairs as seen from one ``side`` (0 at a, 1 at b); ``scenes`` give the two receivers' surroundings."""

    def __init__(
        self,
        device: PairSourceDevice,
        source: str,
        seed: int,
        scenes: tuple[Callable[[], Scene], Callable[[], Scene]],
        side: int,
        *,
        parameters: Parameters,
    ) -> None:
        self._device = device
        self._source = source
        self._seed = seed
        self._scenes = scenes
        self._side = side
        self._parameters = parameters

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        """Photo-detections at this side's receiver."""
        assert window.end is not None
        receiver, reception = cast("PairReceiver", scene.receiver), scene.reception(window.number)
        assert reception is not None
        pieces = list(self._windows(scene, window))
        index = np.concatenate([piece[0] for piece in pieces])
        detector = np.concatenate([piece[1] for piece in pieces])
        angles_rad = 2.0 * receiver.angles_rad.take(detector // 2)

        def in_test(_: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            share: npt.NDArray[np.float64] = np.sin(angles_rad) ** 2
            return share

        misalignment = scene.misalignment(window.number, window.first, window.end, test=in_test)
        flip = rng.random(index.size) < (misalignment(index) if callable(misalignment) else misalignment)
        detector ^= flip.view(np.uint8)
        survival = scene.survival(window.number, window.first, window.end)
        kept = reception.straight[0] / (receiver.setting_shares[np.array(receiver.roles.basis)] / 2.0)
        share = kept.take(detector) * (survival(index) if callable(survival) else survival)
        seen = np.flatnonzero(rng.random(index.size) < share)
        return spread(rng, Candidates(index.take(seen), detector.take(seen)), reception.stray_share, window)

    def scenes(self, scene: Scene) -> tuple[Scene, ...]:
        """This end's, and the other end's: errors and coincidences are made by both."""
        return (scene, self._scenes[1 - self._side]())

    def expectation(self, scene: Scene, number: int, moments: tuple[Moment, ...], qber_limit: float) -> Expectation:
        """Closed forms, with what varies at either end."""
        ends = list(zip(self.scenes(scene), moments, strict=True))
        (a, of_a), (b, of_b) = reversed(ends) if self._side else ends
        seen = [at_moment(end.aged(end.reception(number), moment.age_ns), moment) for end, moment in ((a, of_a), (b, of_b))]
        return expect_pairs(
            self._side,
            (seen[0], seen[1]),
            (cast("PairReceiver", a.receiver), cast("PairReceiver", b.receiver)),
            (self._numbers(number), self._visibility(number)),
            misalignments=(of_a.errors, of_b.errors),
            qber_limit=qber_limit,
        )

    def _windows(self, scene: Scene, window: Segment) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
        """This side's photons from the windows that both sides share: pulse, and the detector that is right for it."""
        assert window.end is not None
        state = self._state(window.number)
        begun = scene.segment_at(window.first).first
        width = 1 << _level(self._numbers(window.number).mean)
        at = window.first
        while at < window.end:
            start = at - at % width
            index, detector = self._joint(state, max(start, begun), start + width)
            low, high = np.searchsorted(index, (at, window.end))
            yield index[low:high], detector[low:high]
            at = start + width

    def _joint(self, state: PairState, first: int, end: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """Draw a shared window whole, both ends of it, and keep this side's."""
        rng = np.random.Generator(np.random.SFC64(derive(self._seed, "pairs", self._source, first, end - first)))
        index = state.numbers.draw(rng, first, end - first)
        shown = np.searchsorted(np.cumsum(state.shows[:2]), rng.random(index.size), side="right")
        receivers = [cast("PairReceiver", one().receiver) for one in self._scenes]
        settings = [_settings(rng, receiver, index) for receiver in receivers]
        cosine = [np.cos(2.0 * receiver.angles_rad) for receiver in receivers]
        sine = [np.sin(2.0 * receiver.angles_rad) for receiver in receivers]
        v_key, v_test = state.visibility
        table = v_key * np.outer(cosine[0], cosine[1]) + v_test * np.outer(sine[0], sine[1])
        bit = rng.integers(0, 2, index.size, dtype=np.uint8)
        differs = rng.random(index.size) < (1.0 - table[settings[0], settings[1]]) / 2.0
        if self._side:
            bit ^= differs.view(np.uint8)
        mine = np.flatnonzero(shown != 1 - self._side)
        detector = (2 * settings[self._side].take(mine)).astype(np.uint8) + bit.take(mine)
        return index.take(mine), detector

    def _state(self, number: int) -> PairState:
        mean = self._numbers(number).mean
        arrival = []
        for one in self._scenes:
            reception = one().reception(number)
            arrival.append(0.0 if reception is None or not mean else reception.proposals_per_pulse / mean)
        return PairState.of(self._numbers(number), (arrival[0], arrival[1]), self._visibility(number))

    def _numbers(self, number: int) -> PairNumbers:
        modes = self._device.modes if self._device.statistics == "thermal" else None
        state = self._scenes[self._side]().timeline.states[number]
        return PairNumbers(self._parameters.mean_pairs(state, self._source), modes)

    def _visibility(self, number: int) -> tuple[float, float]:
        return self._value(number, "visibility_key"), self._value(number, "visibility_test")

    def _value(self, number: int, parameter: str) -> float:
        return self._parameters.value(self._scenes[self._side]().timeline.states[number], self._source, parameter)


def _settings(rng: np.random.Generator, receiver: PairReceiver, index: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Setting of each photon: of the pulse where the receiver chooses actively, else of the photon."""
    if receiver.active:
        hashed = hash_indices(index, receiver.basis_key) >> np.uint64(11)
        return receiver.chosen(hashed.astype(np.float64) * 2.0**-53)
    return receiver.chosen(rng.random(index.size))


def _level(pairs_per_pulse: float) -> int:
    """Width of shared windows as a power of two."""
    return min(max(floor(log2(_PAIRS_PER_WINDOW / max(pairs_per_pulse, 2.0**-_WIDEST))), 0), _WIDEST)
