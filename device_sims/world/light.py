"""What sends photons to one receiver: a source of prepared pulses at the other end of its link, so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .sampler import photo_detections

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from .reception import Reception
    from .sampler import Candidates
    from .scene import Scene, Segment

    PerPulse = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]

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
            survival=_surviving(scene, reception, window.number, window.first, window.end),
        )


def _surviving(scene: Scene, reception: Reception, number: int, first: int, end: int) -> float | PerPulse:
    """What of the proposals comes through: the channel's share, and the pulse's own intensity where that varies."""
    channel, source = scene.survival(number, first, end), scene.receiver.source
    if source is None or reception.headroom == 1.0:
        return channel

    def surviving(index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        own = source.factors(index) / reception.headroom
        return own * (channel(index) if callable(channel) else channel)

    return surviving
