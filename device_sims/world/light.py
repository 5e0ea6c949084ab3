"""What sends photons to one receiver where it is not a transmitter: photon pairs, in ``pairs.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from .sampler import Candidates

if TYPE_CHECKING:
    from .expectation import Expectation, Moment
    from .scene import Scene, Segment

__all__ = ["Light", "spread"]


class Light(Protocol):
    """Where a receiver's photo-detections come from.

    A scene's ``light`` is None for what a transmitter sends: coherent pulses, which :func:`.sampler.photo_detections` samples
    itself, or photons counted one by one (:class:`.counted_light.SourceLight`), as the state's reception says.
    """

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        """Photo-detections of a whole window of one state, dead detectors or not; ``rng`` is the window's own.

        The same window gives the same list. Jitter, gate, dark counts, background, dead time and afterpulses are added to it.
        """
        ...

    def scenes(self, scene: Scene) -> tuple[Scene, ...]:
        """The scenes whose moments decide what the receiver of this one counts, its own first."""
        ...

    def expectation(self, scene: Scene, number: int, moments: tuple[Moment, ...], qber_limit: float) -> Expectation:
        """The closed forms of a state of the timeline, at these moments of :meth:`scenes`."""
        ...


def spread(rng: np.random.Generator, photons: Candidates, stray_share: float, window: Segment) -> Candidates:
    """The same photons where dispersion puts a share of them in the slot before or after their own."""
    if stray_share == 0.0:
        return photons
    assert window.end is not None
    draw = rng.random(photons.index.size)
    index = photons.index - (draw < stray_share / 2.0) + (draw >= 1.0 - stray_share / 2.0)
    np.clip(index, window.first, window.end - 1, out=index)
    order = np.argsort(index, kind="stable")
    return Candidates(index[order], photons.detector[order])
