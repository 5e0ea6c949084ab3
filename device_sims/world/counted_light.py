"""Light whose photons are counted one by one: single-photon sources, and pulses that an eavesdropper had in her hands.

Pulses of which anything can be detected are proposed at the rate of the likeliest setting and thinned by their own; how many
photons they give is drawn from that, and every photon goes its own way. Cost goes with what can be detected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .dynamics import MIDDLE, TICKS
from .light import spread
from .sampler import Candidates

if TYPE_CHECKING:
    import numpy.typing as npt

    from .reception import Reception, Routes
    from .scene import Scene, Segment

__all__ = ["SourceLight"]


class SourceLight:
    """What comes from a transmitter where a state's reception has routes for its photons."""

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        """Photo-detections of a window; of blinded detectors, the clicks they are made to give."""
        reception = scene.reception(window.number)
        assert reception is not None
        assert reception.routes is not None
        assert window.end is not None
        index = _proposed(rng, reception.routes.tables.most, window.first, window.end - window.first)
        index = _photons(rng, index, scene, reception.routes)
        survival = scene.survival(window.number, window.first, window.end)
        if callable(survival) or survival < reception.headroom:
            index = index[rng.random(index.size) * reception.headroom < (survival(index) if callable(survival) else survival)]
        misalignment = scene.misalignment(window.number, window.first, window.end)
        amount = misalignment(index)[:, None] if callable(misalignment) else misalignment
        found = _routed(rng, index, amount, scene, reception.routes)
        found = _shifted(spread(rng, found, reception.stray_share, window), scene, reception, window)
        if reception.routes.faked is not None:
            found = _faked(found, scene, reception.routes.faked)
        return found


def _proposed(rng: np.random.Generator, chance: float, first: int, length: int) -> npt.NDArray[np.int64]:
    """Pulses of an even chance each, ascending: sums of geometric gaps."""
    if chance <= 0.0:
        return np.empty(0, dtype=np.int64)
    parts, at = [], first - 1
    while at < first + length:
        left = (first + length - at) * chance
        steps = rng.geometric(min(chance, 1.0), int(left + 6.0 * np.sqrt(left)) + 16)
        part = at + np.cumsum(np.minimum(steps, length + 1))
        parts.append(part)
        at = int(part[-1])
    index = np.concatenate(parts)
    return index[: int(np.searchsorted(index, first + length))]


def _photons(rng: np.random.Generator, index: npt.NDArray[np.int64], scene: Scene, routes: Routes) -> npt.NDArray[np.int64]:
    """The proposed pulses that have a photon to detect, each as often as it has one."""
    source, eve = scene.receiver.source, scene.receiver.eve
    assert source is not None
    setting = (source.codes(index) >> 2).astype(np.intp)
    before = (source.codes(index - 1) >> 2).astype(np.intp) if np.ptp(source.after) else np.zeros_like(setting)
    split = np.zeros_like(setting)
    if routes.attack is not None and routes.attack.split:
        split = eve.chosen("split", index, routes.attack.split).astype(np.intp)
    cumulated = routes.tables.detected.cumsum(axis=-1)
    draw = rng.random(index.size) * routes.tables.most
    # the draw counts down from all photons to none, so that what is beyond the pulse's own chance detects nothing
    draw = 1.0 - draw
    number = np.zeros(index.size, dtype=np.int64)
    for photons in range(cumulated.shape[-1] - 1):
        more = draw > cumulated[split, before, setting, photons]
        if not more.any():
            break
        number += more
    return np.repeat(index, number)


def _routed(
    rng: np.random.Generator,
    index: npt.NDArray[np.int64],
    amount: float | npt.NDArray[np.float64],
    scene: Scene,
    routes: Routes,
) -> Candidates:
    """Where each photon is detected, if it is."""
    receiver, attack = scene.receiver, routes.attack
    assert receiver.source is not None
    states = (receiver.source.codes(index) & np.uint8(3)).astype(np.intp)
    late = resent = np.zeros(index.size, dtype=np.intp)
    if attack is not None and attack.intercepted:
        taken = receiver.eve.chosen("intercept", index, attack.intercepted)
        states = np.where(taken, receiver.eve.resent(index, states, receiver.source.state_errors), states)
        resent = taken.astype(np.intp)
    if attack is not None and attack.shift_s:
        late = receiver.eve.chosen("shift", index, attack.late_fraction).astype(np.intp)
    choice = np.zeros(index.size, dtype=np.intp)
    if receiver.active:
        # detectors that are blind hear what she measured, in bases of her own
        choice = receiver.choices(index) if routes.faked is None else receiver.eve.listening(index, receiver.basis_threshold)
    straight = routes.straight[resent, late, states, choice]
    thresholds = (straight + amount * routes.tilt[resent, late, states, choice]).cumsum(axis=1)
    detector = (rng.random(index.size)[:, None] >= thresholds).sum(axis=1).astype(np.uint8)
    seen = np.flatnonzero(detector < straight.shape[1])
    return Candidates(index[seen], detector[seen])


def _shifted(photons: Candidates, scene: Scene, reception: Reception, window: Segment) -> Candidates:
    """The same photons as early or late as an eavesdropper makes them: beyond half a period in another pulse's slot."""
    shift, attack = reception.dynamics.early_ticks, reception.routes and reception.routes.attack
    if not attack or not shift:
        return photons
    assert window.end is not None
    late = scene.receiver.eve.chosen("shift", photons.index, attack.late_fraction)
    moved = MIDDLE + np.where(late, shift, -shift)
    index = np.clip(photons.index + moved // TICKS, window.first, window.end - 1)
    order = np.argsort(index, kind="stable")
    return Candidates(index[order], photons.detector[order], (moved % TICKS).astype(np.uint16)[order])


def _faked(heard: Candidates, scene: Scene, clicks: npt.NDArray[np.bool_]) -> Candidates:
    """Bob's clicks for what she heard; of several detections of a pulse she takes the first."""
    index, first = np.unique(heard.index, return_index=True)
    choice = scene.receiver.choices(index) if scene.receiver.active else np.zeros(index.size, dtype=np.intp)
    pulse, detector = np.nonzero(clicks[choice, heard.detector[first]])
    return Candidates(index[pulse], detector.astype(np.uint8))
