"""What it takes to find the pulses of a second's clicks in a receiver's own time tags."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hil.pipeline.pulse_track import track_pulses
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

CLICKS = 3_000_000
TICKS_PER_PULSE = 8


def test_tags_of_a_second_of_clicks(figure: Callable[..., None], seconds: Callable[..., list[float]]) -> None:
    """Three million clicks at 1 GHz, 50 ps of jitter, ticks of 125 ps, a clock 20 ppm fast that drifts by 1 ppm: no slip."""
    rng = stream(1, "benchmark of tags")
    pulse = np.sort(rng.integers(0, 1_000_000_000, CLICKS))
    time = pulse + rng.normal(0.0, 0.05, CLICKS)
    ticks = np.sort(np.floor((time * (1.0 + 20e-6) + 0.5e-15 * time**2) * TICKS_PER_PULSE).astype(np.int64))
    first = int(ticks[0])
    track = track_pulses(ticks, first, Fraction(1, TICKS_PER_PULSE))
    assert np.unique(track.pulse - pulse).size == 1
    runs = seconds(lambda: track_pulses(ticks, first, Fraction(1, TICKS_PER_PULSE)))
    figure("pipeline.synchronise_s", runs, "s", peer="target of its design", peer_value=0.1)
