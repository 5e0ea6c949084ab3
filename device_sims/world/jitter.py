"""Where within its pulse's slot a click falls: normal jitter, as a pure function of the click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.seeds import derive

from .source import hash_indices

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["JITTER_S", "slot_phases"]

JITTER_S = 50e-12
"""Standard deviation, of the order that detectors for gigahertz links have."""

_HALF = 2.0**-32


def slot_phases(
    seed: int, receiver: str, index: npt.NDArray[np.int64], detector: npt.NDArray[np.uint8], rate_hz: float
) -> npt.NDArray[np.float64]:
    """Distance of each click from its pulse's centre, in periods: shape (n,), by Box and Muller's transform."""
    hashed = hash_indices(index * 256 + detector, derive(seed, "jitter", receiver))
    radius = np.sqrt(-2.0 * np.log(((hashed >> np.uint64(32)).astype(np.float64) + 0.5) * _HALF))
    turn = 2.0 * np.pi * _HALF * (hashed & np.uint64(0xFFFFFFFF)).astype(np.float64)
    phases: npt.NDArray[np.float64] = JITTER_S * rate_hz * radius * np.cos(turn)
    return phases
