"""Clicks behind a simulated channel against the closed forms of ``hil.physics``, written independently.

Bounds: a right world fails one comparison in a million (4.9 sigma). Counts are large enough that 1 % off is caught.
"""

from __future__ import annotations

from math import expm1, sqrt
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench import load
from hil.bench.model import Background, Dispersion, Element, Fibre, FreeSpace, Orbit, Polarisation, Traffic
from hil.device_sims.world.expectation import Moment, expect
from hil.device_sims.world.fading import Fading
from hil.device_sims.world.light import spread
from hil.device_sims.world.optics import Optics
from hil.device_sims.world.parameters import Parameters
from hil.device_sims.world.sampler import Candidates
from hil.device_sims.world.scene import Segment
from hil.device_sims.world.surroundings import Surroundings
from hil.device_sims.world.wander import walk, wander
from hil.device_sims.world.world import World
from hil.errors import UsageError
from hil.physics import channel_model, link_model, polarisation_drift, prediction, receiver_rates, satellite_pass, scintillation

if TYPE_CHECKING:
    from hil.bench.model import Bench
    from hil.device_sims.world.ways import Way

SIGMAS = 4.9
SECOND = 1_000_000_000
FLAWLESS = {"dark_count_rate_hz": 0.0, "dead_time_s": 0.0, "afterpulse_probability": 0.0, "misalignment_per_k": 0.0}


def bench_with(*, bob: dict[str, Any] | None = None, **link: Any) -> Bench:
    """The shipped bench with other values of its receiver and link."""
    bench = load("metro-25km")
    device = {**bench.device, "bob": msgspec.structs.replace(bench.device["bob"], **(bob or {}))}
    return msgspec.structs.replace(bench, device=device, link={"metro": msgspec.structs.replace(bench.link["metro"], **link)})


def clicks(bench: Bench, from_s: float, for_s: float, *, lit: bool = True, seed: int = 11) -> tuple[Any, Any, World]:
    """Records of a block, what was sent for each, and their world."""
    world = World(bench, seed)
    world.set_emitting("alice", 0, emitting=lit)
    world.set_biased("bob", 0, biased=True)
    world.start_block("bob", round(from_s * SECOND))
    records = world.stop_block("bob", round((from_s + for_s) * SECOND))
    return records, world.prepare("alice", records.index), world


def hold(count: float, expected: float) -> None:
    """A Poisson count agrees with its mean."""
    assert abs(count - expected) <= SIGMAS * sqrt(expected), f"{count} clicks where {expected:.1f} were expected"


def way_of(optics: Optics) -> Way:
    """The only one of these benches."""
    way = optics.way("metro")
    assert way is not None
    return way


def slots(rate_hz: float) -> float:
    """Clicks per second of light that comes at this rate, at most one in each nanosecond."""
    return -1e9 * expm1(-rate_hz / 1e9)


FIBRE = Fibre(length_km=25.0)
TRAFFIC = Traffic(launch_power_w=2e-3, raman_per_km_nm=3e-9)
AIR = FreeSpace(
    transmit_aperture_m=0.1, receive_aperture_m=0.4, divergence_urad=20.0, pointing_jitter_urad=4.0, atmosphere_loss_db=1.0
)
SKY = Background(
    day_radiance_w_per_m2_sr_nm=0.0,
    night_radiance_w_per_m2_sr_nm=3e-5,
    field_of_view_urad=100.0,
    filter_width_nm=1.0,
    wavelength_nm=850.0,
)


@pytest.mark.parametrize("direction", ["co", "counter"])
def test_raman_clicks_are_those_of_the_closed_form(direction: Any) -> None:
    """Without a signal each detector sees the scattered light of Eraerds et al., unpolarised and split by the arms."""
    fibre = msgspec.structs.replace(FIBRE, splices=10, traffic=msgspec.structs.replace(TRAFFIC, direction=direction))
    bench = bench_with(fibre=fibre, bob=FLAWLESS)
    key_hz, test_hz = link_model.link_model(bench, "metro").background_hz
    records, _, _ = clicks(bench, 1.0, 1.0, lit=False)
    counts = np.bincount(records.detector, minlength=4)
    assert counts.sum() > 1_000_000
    for count, expected in zip(counts, (key_hz, key_hz, test_hz, test_hz), strict=True):
        hold(count, slots(expected))


def test_dispersion_takes_light_out_of_its_window_and_puts_some_in_the_next() -> None:
    """Clicks and errors of spread pulses: what is left in the window, and what neighbours put there as an even mix of bits."""
    spread = Dispersion(line_width_nm=1.5, pulse_width_s=200e-12, window_s=900e-12)
    bench = bench_with(fibre=msgspec.structs.replace(FIBRE, dispersion=spread), bob={**FLAWLESS, "misalignment": 0.01})
    model = link_model.link_model(bench, "metro")
    bare = link_model.link_model(bench_with(fibre=FIBRE, bob=FLAWLESS), "metro")
    assert 0.5 < model.transmittance / bare.transmittance < 0.98
    assert model.background_hz[0] > 1e4
    records, sent, _ = clicks(bench, 1.0, 1.0)
    counts = np.bincount(records.detector, minlength=4)
    for count, expected in zip(counts, receiver_rates.click_rates_hz(model), strict=True):
        hold(count, expected)
    mine = (records.detector < 2) & (sent.basis == 0)
    wrong = int((records.detector[mine] != sent.bit[mine]).sum())
    share = 0.83 * model.background_hz[0] * 2.0
    sifted = 1e9 * 0.83**2 * model.transmittance * 0.32004
    hold(wrong, 0.01 * sifted + share / 2.0)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    length=st.floats(1.0, 60.0),
    splices=st.integers(0, 20),
    line=st.floats(0.01, 1.0),
    power=st.floats(0.0, 1e-3),
    loss=st.floats(0.0, 5.0),
    along=st.booleans(),
)
def test_world_and_physics_agree_on_any_fibre(
    *, length: float, splices: int, line: float, power: float, loss: float, along: bool
) -> None:
    """Click rates and QBER of the world's closed form and of hil.physics, for random fibres: within 0.2 %."""
    fibre = Fibre(
        length_km=length,
        splices=splices,
        connectors=2,
        dispersion=Dispersion(line_width_nm=line, pulse_width_s=1e-10, window_s=8e-10),
        traffic=Traffic(launch_power_w=power, direction="co" if along else "counter"),
    )
    filtered = {"filter": Element(kind="filter", loss_db=loss)}
    path = ("fibre", "filter", "switch", "voa", "meter")
    bench = bench_with(fibre=fibre, element=filtered, path=path, bob={"dead_time_s": 0.0})
    world = World(bench, 3)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    scene = world.scene("bob")
    found = expect(scene.receiver, scene.reception(0), _moment(scene), 0.5)
    predicted = prediction.predict(bench, "metro")
    assert found.clicks.sum() * 1e9 == pytest.approx(predicted.counts_hz, rel=2e-3)
    assert found.qber == pytest.approx(predicted.qber_ratio, rel=1e-2)


def _moment(scene: Any) -> Any:
    key, test, survival, *excess = scene.moments(0, np.array([5]), SECOND)[0]
    return Moment((key, test), survival, tuple(excess))


def test_dispersed_photons_move_to_either_side_as_often_as_told() -> None:
    """Four million photons, 5 % of them strayed: as many before as after, all within the window, in order."""
    rng = np.random.default_rng(8)
    index = np.sort(rng.integers(0, 10**9, 4_000_000))
    photons = Candidates(index, np.zeros(index.size, dtype=np.uint8))
    moved = spread(rng, photons, 0.05, Segment(0, 0, 10**9))
    assert (np.diff(moved.index) >= 0).all()
    # photons are far apart: sorting pairs them with themselves but for a few
    shift = moved.index - index
    for side in (-1, 1):
        hold(int((shift == side).sum()), 0.025 * index.size)
    own, beside = channel_model.slot_shares(_spread(0.5), 1e9)
    optics = Optics(bench := bench_with(fibre=_spread(0.5)), Parameters(bench))
    assert optics.stray_share(way_of(optics), {}) == pytest.approx(2.0 * beside / (own + 2.0 * beside), rel=1e-7)


def _spread(line_width_nm: float) -> Fibre:
    return msgspec.structs.replace(
        FIBRE, length_km=60.0, dispersion=Dispersion(line_width_nm=line_width_nm, pulse_width_s=1e-10, window_s=7e-10)
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    distance=st.floats(1.0, 500.0),
    divergence=st.floats(2.0, 100.0),
    jitter=st.floats(0.0, 50.0),
    elevation=st.floats(21.0, 90.0),
    orbiting=st.booleans(),
)
def test_world_and_physics_agree_on_any_way_through_the_air(
    *, distance: float, divergence: float, jitter: float, elevation: float, orbiting: bool
) -> None:
    """Mean loss and night sky of random fixed links and passes, computed twice."""
    orbit = Orbit(altitude_km=400.0 + distance, max_elevation_deg=elevation, min_elevation_deg=20.0, culmination_s=0.0)
    air = msgspec.structs.replace(
        AIR,
        range_km=distance,
        divergence_urad=divergence,
        pointing_jitter_urad=jitter,
        optics_loss_db=2.5,
        orbit=orbit if orbiting else None,
        background=SKY,
    )
    bench = bench_with(fibre=None, free_space=air, path=("free-space", "voa"))
    optics = Optics(bench, Parameters(bench))
    state = {("voa", "attenuation_db"): 3.0}
    assert optics.path_loss_db(way_of(optics), state) == pytest.approx(link_model.path_loss_db(bench, "metro"), abs=1e-6)
    sky_hz = channel_model.sky_photons_hz(bench.link["metro"]) * 10.0**-0.3
    assert optics.sky_photons_hz(way_of(optics), state)[0] == pytest.approx(sky_hz, rel=1e-6)


def test_polarisation_under_a_controller_errs_as_its_bandwidth_says() -> None:
    """Mean of the rotated share at a million separate moments, in both bases."""
    turning = Polarisation(drift_rad_per_s=0.4, feedback_bandwidth_hz=0.1)
    bench = bench_with(fibre=msgspec.structs.replace(FIBRE, polarisation=turning))
    around = Surroundings("metro", bench.link["metro"], 3, Parameters(bench), polarised=True, detector_doubling_k=10.0)
    rotated = around.change({}, np.arange(1_000_000) * 10.0).rotated
    expected = polarisation_drift.error_at_bandwidth(0.4, 0.1)
    for basis in (0, 1):
        assert abs(rotated[:, basis].mean() - expected) <= SIGMAS * rotated[:, basis].std() / 1e3


def test_polarisation_errs_as_the_walk_between_realignments_says() -> None:
    """Mean error ratio of both bases under periodic realignment, over many periods sampled in the world's own law."""
    turning = Polarisation(drift_rad_per_s=0.3, feedback_every_s=1.0)
    bench = bench_with(fibre=msgspec.structs.replace(FIBRE, polarisation=turning), bob={**FLAWLESS, "misalignment": 0.0})
    world = World(bench, 4)
    moments = world.scene
    world.set_biased("bob", 0, biased=True)
    found = moments("bob").moments(0, np.arange(20_000), SECOND)
    expected = polarisation_drift.error_between_realignments(0.3, 1.0)
    for basis in (0, 1):
        own = found[:, basis]
        assert abs(own.mean() - expected) <= SIGMAS * own.std() / sqrt(own.size)
    assert abs(float(np.corrcoef(found[:, 0], found[:, 1])[0, 1])) < SIGMAS / sqrt(20_000)


def test_polarisation_shows_in_the_clicks_of_each_basis() -> None:
    """Sampled errors of a window follow the angle that the world has there, basis by basis."""
    turning = Polarisation(drift_rad_per_s=0.5, feedback_bandwidth_hz=0.05)
    bench = bench_with(fibre=msgspec.structs.replace(FIBRE, polarisation=turning), bob={**FLAWLESS, "misalignment": 0.0})
    records, sent, world = clicks(bench, 2.0, 0.1)
    around = world.scene("bob")
    moment = around.moments(0, np.array([20]), SECOND // 10)[0]
    for basis in (0, 1):
        mine = (records.detector >> 1 == basis) & (sent.basis == basis)
        wrong = int(((records.detector & 1) != sent.bit)[mine].sum())
        hold(wrong, float(moment[basis]) * int(mine.sum()))


def test_time_bins_do_not_mind_polarisation() -> None:
    """Without polarisation encoding a rotation changes no click."""
    link = bench_with(fibre=msgspec.structs.replace(FIBRE, polarisation=Polarisation(drift_rad_per_s=1.0))).link["metro"]
    parameters = Parameters(bench_with(fibre=link.fibre))
    assert Surroundings("metro", link, 1, parameters, polarised=False, detector_doubling_k=10.0).still
    assert not Surroundings("metro", link, 1, parameters, polarised=True, detector_doubling_k=10.0).still


def test_tables_of_zeros_change_no_click() -> None:
    """Declared but absent effects leave the very clicks of the plain bench."""
    still = msgspec.structs.replace(
        FIBRE, traffic=Traffic(launch_power_w=0.0), polarisation=Polarisation(drift_rad_per_s=0.0, feedback_every_s=1.0)
    )
    plain, _, _ = clicks(load("metro-25km"), 1.0, 0.05)
    same, _, _ = clicks(bench_with(fibre=still), 1.0, 0.05)
    assert np.array_equal(plain.index, same.index)
    assert np.array_equal(plain.detector, same.detector)


def test_wander_is_normal_and_forgets_after_its_scale() -> None:
    """Mean 0, variance 1 and correlation 1/e after the scale, over 100,000 separate moments; a walk's variance is its time."""
    times = np.arange(100_000) * 100.0 + 0.37
    now, later = wander(times, 10.0, 77), wander(times + 10.0, 10.0, 77)
    assert abs(now.mean()) < SIGMAS / sqrt(1e5)
    assert abs(now.var() - 1.0) < SIGMAS * sqrt(2.0 / 1e5)
    assert abs((now * later).mean() - np.exp(-1.0)) < SIGMAS * sqrt((1.0 + np.exp(-2.0)) / 1e5) + 0.01
    for since in (1.0, 3.3, 7.9):
        walked = walk(np.arange(100_000) * 8.0 + since, 8.0, 5)
        assert abs(walked.var() / since - 1.0) < SIGMAS * sqrt(2.0 / 1e5)


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0])
def test_fading_has_the_moments_of_its_law(order: float) -> None:
    """Moments of one million separate moments against Andrews and Phillips, log-normal and gamma-gamma."""
    times = (np.arange(1_000_000) * 3.0 + 0.4) * 0.01
    alpha, beta = scintillation.plane_wave_shapes(0.3)
    laws = (
        (Fading.log_normal(5, "air", 0.1, 0.01), lambda n: scintillation.log_normal_moment(n, 0.1)),
        (Fading.gamma_gamma(5, "air", 0.3, 0.01), lambda n: scintillation.gamma_gamma_moment(n, alpha, beta)),
    )
    for fading, moment in laws:
        powers = fading.at(times) ** order
        # neighbours three coherence times apart share no lattice point
        assert abs(powers.mean() - moment(order)) < SIGMAS * powers.std() / 1e3 + 5e-4 * moment(order)
        assert fading.scintillation_index == pytest.approx(moment(2.0) - 1.0)


def test_fixed_link_through_the_air_counts_as_its_budget_says() -> None:
    """Clicks with strong fading average to the mean budget; the counts of windows spread as the scintillation index says."""
    air = msgspec.structs.replace(AIR, range_km=10.0, fading="log-normal", scintillation_index=0.2, coherence_time_s=1e-4)
    path = ("free-space", "switch", "voa", "meter")
    bench = bench_with(fibre=None, free_space=air, path=path, bob=FLAWLESS)
    records, _, _ = clicks(bench, 1.0, 1.0)
    expected = prediction.predict(bench, "metro").counts_hz
    # relative variance of the mean of a second of fading: index times 1.3 coherence times
    assert abs(records.index.size - expected) <= SIGMAS * sqrt(expected + expected**2 * 0.2 * 1.3e-4)
    short = np.bincount((records.index - records.first) // 10_000, minlength=100_000)
    excess = (short.var() - short.mean()) / short.mean() ** 2
    assert excess == pytest.approx(0.2, abs=0.02)


PASS = Orbit(altitude_km=500.0, max_elevation_deg=70.0, min_elevation_deg=20.0, culmination_s=400.0)


def test_satellite_is_seen_in_its_pass_only_and_by_its_range() -> None:
    """Dark before and after the pass but for the night sky; in it, the loss of the elevation from its place in space."""
    path = ("free-space", "voa")
    bench = bench_with(fibre=None, free_space=msgspec.structs.replace(AIR, orbit=PASS, background=SKY), path=path, bob=FLAWLESS)
    sky_hz = 2.0 * sum(link_model.link_model(bench, "metro").background_hz)
    assert sky_hz > 1e3
    up = [time for time in range(800) if satellite_pass.elevation_deg(500.0, 70.0, time - 400.0) > 20.0]
    for time in (up[0] - 10, up[-1] + 10):
        hold(clicks(bench, time, 5.0)[0].index.size, 5.0 * sky_hz)
    for time in (up[0] + 5, 340, 400):
        elevation = satellite_pass.elevation_deg(500.0, 70.0, time + 0.5 - 400.0)
        fixed = msgspec.structs.replace(
            AIR,
            range_km=satellite_pass.slant_range_km(500.0, elevation),
            atmosphere_loss_db=satellite_pass.air_mass(elevation),
            background=SKY,
        )
        expected = prediction.predict(bench_with(fibre=None, free_space=fixed, path=path, bob=FLAWLESS), "metro").counts_hz
        hold(clicks(bench, time, 1.0)[0].index.size, expected)


def test_channel_parameters_can_be_injected_and_have_bounds() -> None:
    """A link's tables and elements are injectable by name; the world's counts follow, and what is impossible is refused."""
    bench = bench_with(fibre=msgspec.structs.replace(FIBRE, traffic=TRAFFIC), bob=FLAWLESS)
    world = World(bench, 2)
    world.set_biased("bob", 0, biased=True)
    world.inject("metro", "launch_power_w", 4e-3, SECOND)
    counts = [sum(world.counters("bob", seconds * SECOND).counts) for seconds in (1, 2)]
    background_hz = link_model.link_model(bench, "metro").background_hz
    hold(counts[1] - counts[0], 2.0 * sum(slots(2.0 * rate_hz) for rate_hz in background_hz))
    assert world.injected("metro", "launch_power_w") == 4e-3
    with pytest.raises(UsageError, match="impossible"):
        world.inject("metro", "raman_per_km_nm", 1.0, SECOND)
