"""What sends photons to one receiver: a source of prepared pulses here, photon pairs in ``pairs.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .expectation import expect
from .sampler import photo_detections

if TYPE_CHECKING:
    import numpy as np

    from .expectation import Expectation
    from .sampler import Candidates
    from .scene import Scene, Segment

__all__ = ["Light", "PulsedLight"]


class Light(Protocol):
    """Where a receiver's photo-detections come from."""

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        """Photo-detections of a whole window of one state, dead detectors or not; ``rng`` is the window's own."""
        ...

    def expectation(self, scene: Scene, number: int, misalignment: float, qber_limit: float) -> Expectation:
        """The closed forms of a state of the timeline, at this misalignment of the receiver."""
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

    def expectation(self, scene: Scene, number: int, misalignment: float, qber_limit: float) -> Expectation:
        return expect(scene.receiver, scene.reception(number), misalignment, qber_limit)
