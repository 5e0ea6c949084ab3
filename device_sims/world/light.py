"""What sends photons to one receiver: a source of prepared pulses here, photon pairs in ``pairs.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from .expectation import expect
from .sampler import Candidates, merged, photo_detections

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .expectation import Expectation, Moment
    from .reception import Reception
    from .scene import Scene, Segment

    PerPulse = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]

__all__ = ["Light", "PulsedLight", "spread", "with_background"]


class Light(Protocol):
    """Where a receiver's photo-detections come from."""

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        """Photo-detections of a whole window of one state, dead detectors or not; ``rng`` is the window's own."""
        ...

    def scenes(self, scene: Scene) -> tuple[Scene, ...]:
        """The scenes whose moments decide what the receiver of this one counts, its own first."""
        ...

    def expectation(self, scene: Scene, number: int, moments: tuple[Moment, ...], qber_limit: float) -> Expectation:
        """The closed forms of a state of the timeline, at these moments of :meth:`scenes`."""
        ...


class PulsedLight:
    """Coherent pulses of a transmitter: cost goes with what can be detected, not with pulses."""

    def candidates(self, rng: np.random.Generator, scene: Scene, window: Segment) -> Candidates:
        reception = scene.reception(window.number)
        assert reception is not None
        assert window.end is not None
        photons = photo_detections(
            rng,
            (scene.receiver, reception),
            window.first,
            window.end - window.first,
            misalignment=scene.misalignment(window.number, window.first, window.end),
            survival=_surviving(scene, reception, window.number, window.first, window.end),
        )
        return with_background(rng, scene, window, spread(rng, photons, reception.stray_share, window))

    def scenes(self, scene: Scene) -> tuple[Scene, ...]:
        return (scene,)

    def expectation(self, scene: Scene, number: int, moments: tuple[Moment, ...], qber_limit: float) -> Expectation:
        return expect(scene.receiver, scene.aged(scene.reception(number), moments[0].age_ns), moments[0], qber_limit)


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


def with_background(rng: np.random.Generator, scene: Scene, window: Segment, photons: Candidates) -> Candidates:
    """Photons and the background that comes and goes: proposed at its most, thinned to what there is at each time."""
    reception = scene.reception(window.number)
    assert reception is not None
    assert window.end is not None
    for kind, most in enumerate(scene.dark(reception, scene.pulses.time_ns(window.first)).varying_per_pulse):
        if not most.any():
            continue
        counts = rng.poisson(most * (window.end - window.first))
        index = np.sort(rng.integers(window.first, window.end, int(counts.sum())))
        detector = rng.permutation(np.repeat(np.arange(counts.size, dtype=np.uint8), counts))
        kept = rng.random(index.size) < scene.excess(window.number, kind, index)
        photons = merged(photons, Candidates(index[kept], detector[kept]))
    return photons


def _surviving(scene: Scene, reception: Reception, number: int, first: int, end: int) -> float | PerPulse:
    """What of the proposals comes through: the channel's share, and the pulse's own intensity where that varies."""
    channel, source = scene.survival(number, first, end), scene.receiver.source
    if source is None or reception.headroom == 1.0:
        return channel

    def surviving(index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        own = source.factors(index) / reception.headroom
        return own * (channel(index) if callable(channel) else channel)

    return surviving
