"""Candidates for clicks: photo-detections and dark counts of one window, sampled only where something can happen.

Photo-detections are proposed at the rate of the strongest intensity and thinned by the setting that was really sent at the
proposed index: exact for coherent states, as the Poisson photo-detections of different photons are independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .source import hash_indices

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .reception import Receiver, Reception

__all__ = ["Candidates", "dark_counts", "merged", "photo_detections"]


@dataclass(frozen=True)
class Candidates:
    """Events that click unless their detector is dead: int64 pulse ``index``, ascending, and uint8 ``detector``; shape (n,)."""

    index: npt.NDArray[np.int64]
    detector: npt.NDArray[np.uint8]

    def within(self, first: int, end: int) -> Candidates:
        """Those of pulses ``first`` to ``end`` (exclusive)."""
        start, stop = np.searchsorted(self.index, (first, end))
        return Candidates(self.index[start:stop], self.detector[start:stop])


def photo_detections(
    rng: np.random.Generator,
    seen_by: tuple[Receiver, Reception],
    first: int,
    length: int,
    *,
    misalignment: float | Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]],
    survival: float | Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]] = 1.0,
) -> Candidates:
    """Photo-detections of ``length`` pulses from ``first`` on; misalignment, survival: numbers, or functions of the index."""
    receiver, reception = seen_by
    index = _ascending(rng, int(rng.poisson(reception.proposals_per_pulse * length)), first, length)
    if callable(survival):
        index = index[rng.random(index.size) < survival(index)]
    elif survival < 1.0:
        index = index[rng.random(index.size) < survival]
    if index.size == 0 or receiver.source is None:
        return Candidates(index[:0], np.empty(0, dtype=np.uint8))
    setting = receiver.source.codes(index)
    if receiver.active:
        chosen = hash_indices(index, receiver.basis_key) >> np.uint64(1)
        setting = setting * np.uint8(2) + (chosen >= np.uint64(receiver.basis_threshold)).view(np.uint8)
    setting = setting.astype(np.intp)
    draw = rng.random(index.size)
    straight, tilt = reception.straight.cumsum(axis=1), reception.tilt.cumsum(axis=1)
    amount = misalignment(index) if callable(misalignment) else misalignment
    detectors = straight.shape[1]
    detector = np.zeros(index.size, dtype=np.uint8)
    for number in range(detectors):
        if isinstance(amount, float):
            threshold = (straight[:, number] + amount * tilt[:, number]).take(setting)
        else:
            threshold = straight[:, number].take(setting) + amount * tilt[:, number].take(setting)
        detector += (draw >= threshold).view(np.uint8)
    seen = np.flatnonzero(detector < detectors)
    return Candidates(index.take(seen), detector.take(seen))


def dark_counts(rng: np.random.Generator, reception: Reception, first: int, length: int) -> Candidates:
    """Poisson dark counts of every detector."""
    counts = rng.poisson(reception.dark_per_pulse * length)
    index = rng.integers(first, first + length, int(counts.sum()))
    detector = np.repeat(np.arange(counts.size, dtype=np.uint8), counts)
    order = np.argsort(index, kind="stable")
    return Candidates(index[order], detector[order])


def merged(many: Candidates, few: Candidates) -> Candidates:
    """Both in one ascending list; cheapest when the second is short."""
    if few.index.size == 0:
        return many
    at = np.searchsorted(many.index, few.index, side="right")
    return Candidates(np.insert(many.index, at, few.index), np.insert(many.detector, at, few.detector))


def _ascending(rng: np.random.Generator, count: int, first: int, length: int) -> npt.NDArray[np.int64]:
    """``count`` independent uniform indices in ascending order: normalised sums of exponential spacings, without a sort."""
    sums = rng.standard_exponential(count + 1).cumsum()
    sums *= length / sums[-1]
    index = sums[:-1].astype(np.int64)
    np.minimum(index, length - 1, out=index)
    index += first
    return index
