"""The shipped satellite pass: clicks over time against the geometry and the loss of ``hil.physics``."""

from __future__ import annotations

import math

import msgspec
import pytest

from hil.bench import load
from hil.device_sims.world.world import World
from hil.physics.channel_model import free_space_loss_db
from hil.physics.link_model import link_model
from hil.physics.satellite_pass import elevation_deg

WINDOW_S = 0.2


def counted(at_s: float, *, lit: bool) -> int:
    """Clicks in a window, without fading: its mean is one."""
    bench = load("satellite-pass")
    link = bench.link["main"]
    assert link.free_space is not None
    air = msgspec.structs.replace(link.free_space, fading="none", scintillation_index=0.0)
    world = World(msgspec.structs.replace(bench, link={"main": msgspec.structs.replace(link, free_space=air)}), 17)
    world.set_emitting("alice", 0, emitting=lit)
    world.set_biased("bob", 0, biased=True)
    start_ns = round(at_s * 1e9)
    world.start_block("bob", start_ns)
    return len(world.stop_block("bob", start_ns + round(WINDOW_S * 1e9)).index)


def expected(at_s: float) -> float:
    """From the closed forms at the elevation of that time; dark counts alone below the least one."""
    bench = load("satellite-pass")
    air = bench.link["main"].free_space
    assert air is not None
    assert air.orbit is not None
    model = link_model(bench, "main")
    noise_hz = 4.0 * model.dark_hz + 2.0 * sum(model.background_hz)
    seen_deg = elevation_deg(air.orbit.altitude_km, air.orbit.max_elevation_deg, at_s + WINDOW_S / 2 - air.orbit.culmination_s)
    if seen_deg < air.orbit.min_elevation_deg:
        return noise_hz * WINDOW_S
    orbit = msgspec.structs.replace(air.orbit, max_elevation_deg=seen_deg)
    further_db = free_space_loss_db(msgspec.structs.replace(air, orbit=orbit)) - free_space_loss_db(air)
    share = model.transmittance * 10.0 ** (-further_db / 10.0)
    chance = sum(p * -math.expm1(-mu * share) for mu, p in zip(model.intensities, model.probabilities, strict=True))
    return (model.pulse_rate_hz * chance + noise_hz) * WINDOW_S


@pytest.mark.parametrize("at_s", [2.0, 30.0, 60.0, 90.0, 120.0, 150.0, 200.0, 250.0])
def test_clicks_follow_the_elevation(at_s: float) -> None:
    """Within six standard deviations, and 0.3 % for dead time and several clicks of a pulse."""
    mean = expected(at_s)
    assert abs(counted(at_s, lit=True) - mean) < 6.0 * math.sqrt(mean) + 0.003 * mean


def test_clicks_rise_and_fall() -> None:
    """Highest at culmination, and many times fewer at the ends."""
    first, rising, top, falling, last = (counted(at_s, lit=True) for at_s in (1.0, 60.0, 120.0, 180.0, 250.0))
    assert first < rising < top > falling > last
    assert top > 5 * last


def test_no_light_after_the_pass() -> None:
    """Darkness and sky only, as with the transmitter off."""
    mean = expected(400.0)
    for lit in (True, False):
        assert abs(counted(400.0, lit=lit) - mean) < 6.0 * math.sqrt(mean) + 1.0


def test_sifted_rate_at_culmination_is_the_published_one() -> None:
    """12 kbit/s at 645 km within a tenth: air was fitted to it (Liao et al., Nature 549, 43 (2017))."""
    assert expected(120.0) / WINDOW_S / 2.0 == pytest.approx(12_000.0, rel=0.1)
