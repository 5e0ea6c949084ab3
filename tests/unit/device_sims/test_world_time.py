"""Drift, calendar and the virtual month."""

from __future__ import annotations

from math import cos, pi, sqrt
from typing import Any

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.bench.model import Bench, Drift, Maintenance
from hil.device_sims.world.calendar import Windows
from hil.device_sims.world.month import survey
from hil.device_sims.world.world import World
from hil.errors import UsageError
from hil.physics import dark_counts, thermal

SECOND = 1_000_000_000
SIGMAS = 4.9
DAY_S = 86_400.0


def drifting(**link: Any) -> Bench:
    """The shipped bench with drift."""
    bench = load("metro-25km")
    return msgspec.structs.replace(bench, link={"metro": msgspec.structs.replace(bench.link["metro"], **link)})


def test_month_depends_on_neither_workers_nor_windows() -> None:
    """Two processes, one, and every third window alone give the same counts and errors."""
    bench = drifting(drift=Drift(day_night_k=5.0, misalignment_per_k=5e-4, laser_db=0.1))
    whole = survey(bench, "metro", 9, duration_s=1100 * 60.0, window_s=2e-4)
    split = survey(bench, "metro", 9, duration_s=1100 * 60.0, window_s=2e-4, workers=2)
    sparse = survey(bench, "metro", 9, duration_s=1100 * 60.0, every_s=180.0, window_s=2e-4)
    for name in ("counts", "sifted", "errors"):
        assert np.array_equal(getattr(whole, name), getattr(split, name))
        assert np.array_equal(getattr(whole, name)[::3], getattr(sparse, name))
    other = survey(bench, "metro", 10, duration_s=600.0, window_s=2e-4)
    assert not np.array_equal(other.counts, whole.counts[:10])


def test_drift_shows_in_the_error_ratio_as_declared() -> None:
    """Errors of a day sum to what misalignment per kelvin and the day's cycle say; a recalibration takes growth away."""
    drift = Drift(day_night_k=6.0, misalignment_per_k=2e-3, misalignment_per_day=0.02)
    work = (Maintenance(first_s=DAY_S, lasts_s=3600.0, work="recalibration"),)
    bench = drifting(drift=drift, maintenance=work)
    found = survey(bench, "metro", 4, duration_s=2 * DAY_S, every_s=600.0, window_s=5e-3)
    plain = survey(load("metro-25km"), "metro", 5, duration_s=200 * 600.0, every_s=600.0, window_s=5e-3)
    base = plain.errors.sum() / plain.sifted.sum()
    dark = (found.times_s >= DAY_S) & (found.times_s < DAY_S + 3600.0)
    assert found.sifted[dark].max() < 20
    assert found.sifted[~dark].min() > 5000
    since_s = np.where(found.times_s > DAY_S, found.times_s - DAY_S - 3600.0, found.times_s)
    added = 0.02 * since_s / DAY_S + 2e-3 * 6.0 * np.abs(np.cos((found.times_s - 54_000.0) * 2.0 * pi / DAY_S))
    # what is not optical error (dark counts, afterpulses) does not grow; 1.5 % of the clicks are such
    expected = (found.sifted * (base + added * (1.0 - 2.0 * 0.008)))[~dark]
    errors = found.errors[~dark]
    tolerance = SIGMAS * sqrt(expected.sum() + (found.sifted.sum() / plain.sifted.sum()) ** 2 * plain.errors.sum())
    assert abs(errors.sum() - expected.sum()) < tolerance + 0.015 * (found.sifted[~dark] * added[~dark]).sum()
    assert np.corrcoef(errors / found.sifted[~dark], added[~dark])[0, 1] > 0.9


def test_counters_and_history_follow_the_drift_of_the_samples() -> None:
    """Loss by temperature: counter rates in closed form and sampled clicks of the same minute agree; so does the log."""
    bench = drifting(drift=Drift(day_night_k=10.0, loss_db_per_k=0.2), maintenance=(Maintenance(first_s=60.0, lasts_s=60.0),))
    world = World(bench, 6)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    log = world.history("bob", 0.0, 16 * 3600.0, 16 * 3600 * SECOND)
    expected_db = [0.2 * 10.0 * abs(cos((minute * 60.0 + 30.0 - 54_000.0) * 2.0 * pi / DAY_S)) for minute in (0, 540, 899)]
    rates = [log.counts_hz[minute] for minute in (0, 540, 899)]
    assert log.counts_hz[1] < 2000.0
    assert not log.up[1]
    assert bool(log.up[2])
    at = 899 * 60 * SECOND
    before = sum(world.counters("bob", at).counts)
    counted = sum(world.counters("bob", at + 60 * SECOND).counts) - before
    assert counted / 60.0 == pytest.approx(rates[2], rel=2e-4)
    world.start_block("bob", at + 61 * SECOND)
    sampled = world.stop_block("bob", at + 61 * SECOND + SECOND // 5).index.size * 5
    assert abs(sampled - rates[2]) < SIGMAS * sqrt(rates[2] * 5.0)
    # dead time bends a ratio of rates by a few per cent
    assert rates[0] / rates[1] == pytest.approx(10.0 ** ((expected_db[1] - expected_db[0]) / 10.0), rel=0.08)
    assert rates[1] > rates[0] > rates[2]


def test_dark_counts_and_delay_follow_the_temperature() -> None:
    """Dark counts at the warmest and the coldest hour by the doubling law; the delay by 38 ps per km and K."""
    drift = Drift(day_night_k=8.0, detector_coupling=1.0, fibre_coupling=0.5)
    bench = drifting(drift=drift)
    bob = msgspec.structs.replace(bench.device["bob"], dark_count_rate_hz=2e5, dead_time_s=0.0, afterpulse_probability=0.0)
    bench = msgspec.structs.replace(bench, device={**bench.device, "bob": bob})
    for hour, kelvin in ((15, 8.0), (3, -8.0), (9, 0.0), (12, 8.0 * cos(pi / 4.0))):
        world = World(bench, hour)
        world.set_biased("bob", 0, biased=True)
        world.start_block("bob", hour * 3600 * SECOND)
        count = world.stop_block("bob", (hour * 3600 + 3) * SECOND).index.size
        expected = 3.0 * 4.0 * dark_counts.rate_at_temperature(2e5, -40.0 + kelvin, -40.0, 10.0)
        assert abs(count - expected) < SIGMAS * sqrt(expected)
    world = World(bench, 1)
    warm, cold = (world.delay_ns("metro", hour * 3600 * SECOND) for hour in (15, 3))
    assert warm - cold == pytest.approx(thermal.fibre_delay_shift_s(25.0, 8.0) * 1e9, rel=1e-6)
    assert warm == pytest.approx(25.0 * 1.468 / 299_792.458 * 1e9, rel=1e-4)


def test_drift_without_size_changes_no_click() -> None:
    """A drift of zero leaves the very clicks of the plain bench."""
    plain = survey(load("metro-25km"), "metro", 2, duration_s=300.0)
    same = survey(drifting(drift=Drift()), "metro", 2, duration_s=300.0)
    assert np.array_equal(plain.counts, same.counts)
    assert np.array_equal(plain.errors, same.errors)


def test_calendar_says_what_lies_inside_and_what_changed() -> None:
    """Windows come back; edges are told; the last end is remembered."""
    weekly = Windows(10.0, 5.0, 100.0)
    times = np.array([0.0, 10.0, 14.9, 15.0, 110.0, 116.0])
    assert weekly.inside(times).tolist() == [False, True, True, False, True, False]
    assert weekly.last_end_s(times).tolist() == [0.0, 0.0, 0.0, 15.0, 15.0, 115.0]
    assert weekly.changes(0.0, 10.0)
    assert not weekly.changes(16.0, 109.0)
    assert Windows(10.0, 5.0).inside(np.array([112.0])).tolist() == [False]


def test_survey_refuses_what_it_cannot_sample() -> None:
    """Overlapping windows and unknown links are usage errors."""
    with pytest.raises(UsageError, match="overlap"):
        survey(load("metro-25km"), "metro", 1, every_s=0.001)
    with pytest.raises(UsageError, match="elsewhere"):
        survey(load("metro-25km"), "elsewhere", 1)
