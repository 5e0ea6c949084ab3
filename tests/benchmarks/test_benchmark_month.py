"""Seconds for a virtual month of metro-25km with drift: 10 ms of clicks in every minute, on two cores.

The whole month is sampled, from start to end of the two processes that share it: nothing is scaled.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from hil.bench import load
from hil.bench.model import Drift
from hil.device_sims.world.month import survey

MINUTES = 30 * 24 * 60


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("all_cores")
def test_month_on_two_cores(figure: Any) -> None:
    """Every window has its clicks: 3.05 million a second, a few per cent about with the drift."""
    bench = load("metro-25km")
    drift = Drift(day_night_k=5.0, weather_k=2.0, misalignment_per_k=5e-4, loss_db_per_k=0.01, laser_db=0.05)
    link = msgspec.structs.replace(bench.link["metro"], drift=drift)
    bench = msgspec.structs.replace(bench, link={"metro": link})
    before = time.perf_counter()
    found = survey(bench, "metro", 1, duration_s=MINUTES * 60.0, workers=2)
    taken_s = time.perf_counter() - before
    assert found.times_s.size == MINUTES
    assert 28_000 < found.counts.sum(axis=1).min() < found.counts.sum(axis=1).max() < 33_000
    figure("world.month_s", [taken_s], "s", peer="the limit set for it", peer_value=60.0)
