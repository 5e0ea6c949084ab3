"""The sampling engine of numpy: vector operations over short stretches (see :class:`.engine.Engine`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .detectors import resolve
from .draws import FRACTION_BITS, negative_log, normal, uniform
from .dynamics import MIDDLE
from .sampler import Events
from .source import hash_indices

if TYPE_CHECKING:
    import numpy.typing as npt

    from .carry import Carry
    from .draws import Draws
    from .dynamics import Dynamics
    from .reception import Receiver
    from .sampler import Candidates
    from .source import Source

    Reals = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]

__all__ = ["NumpyEngine"]

_CHUNK = 1 << 14


class NumpyEngine:
    """Vector operations over short stretches."""

    name = "numpy"

    def arrivals(self, draws: Draws, first: int, per_pulse: float, length: int) -> Indices:
        parts, at, done, end = [np.empty(0, dtype=np.int64)], 0, 0, length << FRACTION_BITS
        expected = per_pulse * length
        chunk = min(_CHUNK, int(expected + 6.0 * expected**0.5 + 20.0))
        while at < end:
            gap = negative_log(draws.lane(0, np.arange(done, done + chunk)))
            gap *= 2.0**FRACTION_BITS / per_pulse
            place = np.minimum(gap, float(end), out=gap).astype(np.int64)
            place[0] += at
            place.cumsum(out=place)
            beyond = place >= end
            at, done = int(place[-1]), done + chunk
            if beyond.any():
                # sums beyond the end may have overflown
                at, place = end, place[: int(beyond.argmax())]
            parts.append((place >> FRACTION_BITS) + first)
        return np.concatenate(parts)

    def detections(
        self,
        draws: Draws,
        receiver: Receiver,
        index: Indices,
        chance: tuple[Reals, Reals],
        *,
        varying: tuple[Reals, Reals] | None,
        place: tuple[int, int, float],
    ) -> tuple[Indices, Events]:
        numbers, detectors = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.uint8)]
        for at in range(0, index.size, _CHUNK):
            stretch = slice(at, at + _CHUNK)
            own = None if varying is None else (varying[0][stretch], varying[1][stretch])
            number = np.arange(at, min(at + _CHUNK, index.size))
            detector = _detectors(draws.lane(1, number), receiver, index[stretch], chance, own)
            seen = np.flatnonzero(detector < chance[0].shape[1])
            numbers.append(number[seen])
            detectors.append(detector[seen])
        number, detector = np.concatenate(numbers), np.concatenate(detectors)
        first, at, jitter_ticks = place
        late = int(np.searchsorted(number, np.searchsorted(index, at)))
        number, detector = number[late:], detector[late:]
        time, mark = self.stamps(draws, index, number, first, jitter_ticks)
        return number, Events(time, detector, mark)

    def codes(self, source: Source, index: Indices) -> npt.NDArray[np.uint8]:
        return source.codes(index)

    def stamps(
        self, draws: Draws, index: Indices, number: Indices, first: int, jitter_ticks: float
    ) -> tuple[Indices, npt.NDArray[np.uint64]]:
        time = index[number]
        time -= first
        time <<= 16
        time += MIDDLE
        if jitter_ticks > 0.0:
            time += np.floor(normal(draws.lane(3, number)) * jitter_ticks).astype(np.int64)
        return time, draws.lane(2, number)

    def put_in_order(self, events: Events) -> None:
        order = np.argsort(events.time, kind="stable")
        for part in (events.time, events.detector, events.mark):
            part[:] = part[order]

    def resolve(
        self, main: Events, extra: Events, *, dynamics: Dynamics, carry: Carry, span: tuple[int, int]
    ) -> tuple[Candidates, Carry]:
        return resolve(main, extra, dynamics=dynamics, carry=carry, span=span)


def _detectors(
    draw: npt.NDArray[np.uint64],
    receiver: Receiver,
    index: Indices,
    chance: tuple[Reals, Reals],
    varying: tuple[Reals, Reals] | None,
) -> npt.NDArray[np.uint8]:
    """Detector of each proposal; one more than there are for those that are none."""
    assert receiver.source is not None
    setting = receiver.source.codes(index)
    if receiver.active:
        chosen = hash_indices(index, receiver.basis_key) >> np.uint64(1)
        setting = setting * np.uint8(2) + (chosen >= np.uint64(receiver.basis_threshold)).view(np.uint8)
    where, luck = setting.astype(np.intp), uniform(draw)
    straight, tilt = chance
    detector = np.zeros(index.size, dtype=np.uint8)
    for number in range(straight.shape[1]):
        threshold = straight[:, number].take(where)
        if varying is not None:
            threshold = (threshold + varying[0] * tilt[:, number].take(where)) * varying[1]
        detector += (luck >= threshold).view(np.uint8)
    return detector
