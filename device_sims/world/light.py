"""What sends photons to one receiver: a source of prepared pulses at the other end of its link, so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .sampler import photo_detections

if TYPE_CHECKING:
    import numpy as np

    from .sampler import Candidates
    from .scene import Scene, Segment

__all__ = ["Light", "PulsedLight"]


class Light(Protocol):
    """Where a receiver's photo-detections come from."""

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        """Photo-detections of a whole window of one state, dead detectors or not; ``rng`` is the window's own."""
        ...


class PulsedLight:
    """Coherent pulses of a transmitter: cost goes with what can be detected, not with pulses."""

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        reception = scene.reception(window.number)
        assert reception is not None
        assert window.end is not None
        return photo_detections(
            rng,
            (scene.receiver, reception),
            window.first,
            window.end - window.first,
            misalignment=scene.misalignment(window.number, window.first, window.end),
            survival=scene.survival(window.number, window.first, window.end),
        )
