"""Imperfect sources, ageing detectors, channels and weather at once, against the closed forms of each put together.

Bounds: a right world fails one comparison in a million (4.9 sigma), beside what a closed form leaves out where that is said.
"""

from __future__ import annotations

from math import expm1, sqrt
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.bench.model import Background, Dispersion, Drift, Fibre, FreeSpace, Polarisation, Traffic
from hil.device_sims.world.parameters import Parameters
from hil.device_sims.world.surroundings import Surroundings
from hil.device_sims.world.world import World
from hil.physics import thermal
from hil.physics.ageing import aged
from hil.physics.link_model import link_model
from hil.physics.receiver_rates import click_rates_hz, sifted_rates

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import Bench

SIGMAS = 4.9
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
FLAWLESS = {"dark_count_rate_hz": 0.0, "dead_time_s": 0.0, "afterpulse_probability": 0.0, "misalignment_per_k": 0.0}
SINGLE = {"source": "single-photon", "g2": 0.04, "intensities": (0.6,), "intensity_probabilities": (1.0,)}
SOURCES: dict[str, dict[str, Any]] = {
    "single photons": SINGLE,
    "time bins": {"encoding": "time-bin"},
    "unsteady": {"intensity_fluctuation": 0.2, "intensity_correlation": 0.3},
}
SPREAD = Dispersion(line_width_nm=1.5, pulse_width_s=200e-12, window_s=900e-12)
TRAFFIC = Traffic(launch_power_w=2e-4, raman_per_km_nm=3e-9)


def bench_of(alice: dict[str, Any] | None = None, bob: dict[str, Any] | None = None, **link: Any) -> Bench:
    """The shipped bench with a receiver without flaws, and these declarations."""
    bench = load("metro-25km")
    device = dict(bench.device)
    device["alice"] = msgspec.structs.replace(device["alice"], **(alice or {}))
    device["bob"] = msgspec.structs.replace(device["bob"], **{**FLAWLESS, **(bob or {})})
    return msgspec.structs.replace(bench, device=device, link={"metro": msgspec.structs.replace(bench.link["metro"], **link)})


def world_of(bench: Bench, *, lit: bool = True, seed: int = 7) -> World:
    world = World(bench, seed)
    world.set_emitting("alice", 0, emitting=lit)
    world.set_biased("bob", 0, biased=True)
    return world


def counts(world: World, from_ns: int, for_ns: int) -> npt.NDArray[np.int64]:
    world.start_block("bob", from_ns)
    return np.bincount(world.stop_block("bob", from_ns + for_ns).detector, minlength=4)


def hold(count: float, expected: float, beside: float = 0.0) -> None:
    assert abs(count - expected) <= SIGMAS * sqrt(expected) + beside * expected, f"{count} where {expected:.1f} were expected"


@pytest.mark.parametrize("source", SOURCES)
def test_dispersion_and_raman_light_reach_every_source(source: str) -> None:
    """Light lost from its slot, strayed into the next, and scattered by traffic, whatever the source."""
    bench = bench_of(SOURCES[source], fibre=Fibre(length_km=25.0, dispersion=SPREAD, traffic=TRAFFIC))
    model = link_model(bench, "metro")
    world = world_of(bench)
    world.start_block("bob", 0)
    records = world.stop_block("bob", SECOND)
    sent = world.prepare("alice", records.index)
    sampled = np.bincount(records.detector, minlength=4)
    before = sum(world.counters("bob", SECOND).counts)
    counted = sum(world.counters("bob", 2 * SECOND).counts) - before
    expected = click_rates_hz(model)
    for count, rate in zip(sampled, expected, strict=True):
        hold(count, rate)
    hold(counted, sum(expected), beside=1e-3)
    # half of the clicks by strayed and by scattered light are errors; clicks of a pulse in both bases are not dropped here
    wrong = int(((records.detector < 2) & (sent.basis == 0) & (records.detector != sent.bit)).sum())
    hold(wrong, sum(sifted_rates(model).key_errors), beside=2e-2)
    assert model.key_basis_sent * model.background_hz[0] > 0.1 * wrong


def test_daylight_falls_on_single_photons_too() -> None:
    """At noon as a prediction with the day's radiance by night; at midnight as one without."""
    sky = {"field_of_view_urad": 100.0, "filter_width_nm": 1.0, "wavelength_nm": 850.0}
    light = {"transmit_aperture_m": 0.1, "receive_aperture_m": 0.4, "divergence_urad": 20.0, "range_km": 5.0}

    def air(day: float, night: float) -> Bench:
        background = Background(day_radiance_w_per_m2_sr_nm=day, night_radiance_w_per_m2_sr_nm=night, **sky)
        return bench_of(
            {**SINGLE, "intensities": (0.02,)},
            path=("free-space",),
            fibre=None,
            free_space=FreeSpace(background=background, **light),
        )

    assert link_model(air(0.0, 1e-3), "metro").background_hz[1] > 0.05 * click_rates_hz(link_model(air(0.0, 0.0), "metro"))[2]
    for hour, same in ((12, air(0.0, 1e-3)), (0, air(0.0, 0.0))):
        sampled = counts(world_of(air(1e-3, 0.0)), hour * HOUR, SECOND // 10)
        for count, rate in zip(sampled, click_rates_hz(link_model(same, "metro")), strict=True):
            hold(count, rate / 10.0)


def test_no_wander_of_polarisation_touches_time_bins() -> None:
    """The very clicks of a fibre that turns nothing."""
    turning = Fibre(length_km=25.0, polarisation=Polarisation(drift_rad_per_s=0.5))
    for alice, alike in (({"encoding": "time-bin"}, True), ({}, False)):
        plain, turned = (world_of(bench_of(alice, fibre=fibre)) for fibre in (Fibre(length_km=25.0), turning))
        assert np.array_equal(counts(plain, 5 * SECOND, SECOND // 100), counts(turned, 5 * SECOND, SECOND // 100)) == alike


@pytest.mark.parametrize("alice", [{}, SINGLE])
@pytest.mark.parametrize("age_h", [5_000, 20_000])
def test_losses_of_age_and_of_the_laser_multiply(alice: dict[str, Any], age_h: int) -> None:
    """2 % of the efficiency in 1000 hours, and 0.005 dB of the laser each day."""
    bench = bench_of(alice, fibre=Fibre(length_km=25.0), drift=Drift(laser_loss_per_day_db=0.005))
    bob = msgspec.structs.replace(bench.device["bob"], actual={"efficiency_ageing": 0.02})
    world = world_of(msgspec.structs.replace(bench, device={**bench.device, "bob": bob}))
    sampled = counts(world, age_h * HOUR, SECOND).sum()
    before = sum(world.counters("bob", age_h * HOUR + SECOND).counts)
    counted = sum(world.counters("bob", age_h * HOUR + 2 * SECOND).counts) - before
    new_hz = sum(click_rates_hz(link_model(bench, "metro")))
    expected = aged(new_hz, -0.02, age_h) * 10.0 ** (-0.005 * age_h / 24.0 / 10.0)
    # doubles within a detector's pulse are fewer in dimmer light; between blocks the age is taken to the day
    for count in (sampled, counted):
        hold(count, expected, beside=8e-3)


def test_scattered_light_fades_and_dark_counts_grow_with_age() -> None:
    """In the same detectors: Raman light by the efficiency, thermal counts by their own rate."""
    bench = bench_of(fibre=Fibre(length_km=25.0, traffic=TRAFFIC), bob={"dark_count_rate_hz": 3e4})
    bob = msgspec.structs.replace(bench.device["bob"], actual={"efficiency_ageing": 0.02, "dark_count_ageing": 0.05})
    world = world_of(msgspec.structs.replace(bench, device={**bench.device, "bob": bob}), lit=False)
    age_h = 20_000
    sampled = counts(world, age_h * HOUR, SECOND)
    lit_hz = link_model(bench, "metro").background_hz
    for detector, count in enumerate(sampled):
        rate_hz = aged(lit_hz[detector // 2], -0.02, age_h) + aged(3e4, 0.05, age_h)
        hold(count, -1e9 * expm1(-rate_hz / 1e9))


def test_single_photons_are_not_dimmed_by_a_brightest_moment_that_cannot_be() -> None:
    """A laser that wanders by 1 dB in front of 70 %: its brightest moment would detect more photons than there are."""
    drift = Drift(laser_db=1.0)
    bench = bench_of(SINGLE, {"efficiency": 0.7, "insertion_loss_db": 0.0}, path=(), fibre=None, drift=drift)
    around = Surroundings("metro", bench.link["metro"], 7, Parameters(bench), polarised=True, detector_doubling_k=10.0)
    assert 0.7 * around.peak_gain({}) > 1.5
    for hour in (1, 9, 30):
        gain = float(around.change({}, np.array([hour * 3600.0])).gain[0]) * around.peak_gain({})
        assert 0.7 * gain < 1.0
        sampled = counts(world_of(bench), hour * HOUR, SECOND // 100).sum()
        # of 2 % of the photons, those of a pulse of two, a third meet in one detector
        hold(sampled, 1e7 * 0.6 * 0.7 * gain, beside=6e-3)


def test_tags_follow_the_weather() -> None:
    """A clock of its own sees light later at the warmest hour than at the coldest: 38 ps per km and K."""
    drift = Drift(day_night_k=20.0, fibre_coupling=0.5)
    bench = bench_of(bob={"timing": "tags", "tick_s": 1e-12}, fibre=Fibre(length_km=25.0), drift=drift)
    world, delays_ps = world_of(bench), []
    for hour in (3, 15):
        world.start_block("bob", hour * HOUR)
        records = world.stop_block("bob", hour * HOUR + SECOND // 100)
        tags = world.last_tags("bob")
        assert tags is not None
        assert tags.ticks.size == records.index.size
        delays_ps.append(float(np.mean(tags.ticks - records.index * 1000)))
    # jitter of 50 ps over tens of thousands of clicks
    assert delays_ps[1] - delays_ps[0] == pytest.approx(thermal.fibre_delay_shift_s(25.0, 20.0) * 1e12, abs=5.0)
