"""What sends photons to one receiver where it is not the pulses of its link's transmitter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from .sampler import Candidates
    from .scene import Scene, Segment

__all__ = ["Light"]


class Light(Protocol):
    """Where a receiver's photo-detections come from.

    A scene's ``light`` is None for coherent pulses of its transmitter, which :func:`.sampler.photo_detections` samples itself.
    """

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        """Photo-detections of a whole window of one state, dead detectors or not; ``rng`` is the window's own.

        The same window gives the same list. Jitter, gate, dark counts, dead time and afterpulses are added to it.
        """
        ...
