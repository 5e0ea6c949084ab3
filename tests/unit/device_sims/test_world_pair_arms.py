"""What the fibres of an entangled link's arms do to its pairs, against the closed forms of a bench file.

Bounds hold for a false alarm of 1e-6 a test (4.9 standard deviations), with seeds fixed beforehand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.bench.model import Arm, Dispersion, Drift, Fibre, Maintenance, Polarisation, Traffic
from hil.device_sims.world.cells import cells, expectations
from hil.device_sims.world.world import World
from hil.physics import ageing
from hil.physics.pair_prediction import pair_counts_hz, pair_rates

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import Bench

SIGMAS = 4.9
MS = 1_000_000
MINUTE = 60_000 * MS
HOUR_NS = 3_600_000 * MS
FLAWLESS = {"insertion_loss_db": 0.0, "dark_count_rate_hz": 0.0, "dead_time_s": 0.0, "efficiency": 1.0}
SPREAD = Dispersion(line_width_nm=1.5, pulse_width_s=200e-12, window_s=900e-12)


def bench_with(fibre: Fibre, *, bob: dict[str, Any] | None = None, mean_pairs: float = 0.02, **link: Any) -> Bench:
    """The shipped bench with receivers without flaws, a bare arm to alice and this fibre to bob."""
    bench = load("entangled-metro")
    devices = dict(bench.device)
    for name, values in (
        ("source", {"mean_pairs": mean_pairs}),
        ("alice", {**FLAWLESS, "efficiency": 0.5}),
        ("bob", bob or {}),
    ):
        devices[name] = msgspec.structs.replace(devices[name], **({**FLAWLESS, **values} if name == "bob" else values))
    arms = {"a": Arm(), "b": Arm(path=("fibre",), fibre=fibre)}
    pairs = msgspec.structs.replace(bench.link["pairs"], arm=arms, auxiliary=(), **link)
    return msgspec.structs.replace(bench, device=devices, link={"pairs": pairs})


def lit(bench: Bench, *, emitting: bool = True) -> World:
    world = World(bench, 7)
    for end in ("alice", "bob"):
        world.set_biased(end, 0, biased=True)
    world.set_emitting("source", 0, emitting=emitting)
    return world


def clicks(world: World, from_ns: int, to_ns: int) -> dict[str, Any]:
    for end in ("alice", "bob"):
        world.start_block(end, from_ns)
    return {end: world.stop_block(end, to_ns) for end in ("alice", "bob")}


def in_basis(found: dict[str, Any], basis: int) -> tuple[int, float]:
    """Coincidences of a basis, and how many of them differ on average over the random bits of double clicks."""
    ends = []
    for end in ("alice", "bob"):
        index, first = np.unique(found[end].index, return_index=True)
        clicked = np.bitwise_or.reduceat(1 << found[end].detector.astype(np.int64), first) >> 2 * basis
        # clicks of this basis and of no other one
        mine = np.bitwise_or.reduceat(found[end].detector // 2 != basis, first) == 0
        ends.append((index[mine], clicked[mine] & 3))
    (of_a, clicked_a), (of_b, clicked_b) = ends
    _, at_a, at_b = np.intersect1d(of_a, of_b, assume_unique=True, return_indices=True)
    a, b = clicked_a[at_a], clicked_b[at_b]
    return int(a.size), float(np.where((a == 3) | (b == 3), 0.5, a != b).sum())


def counts(found: dict[str, Any], end: str) -> npt.NDArray[np.int64]:
    """Pulses in which each detector clicked."""
    each = np.unique(found[end].index * 8 + found[end].detector) % 8
    return np.bincount(each, minlength=4)


@pytest.mark.parametrize("direction", ["co", "counter"])
def test_raman_light_of_an_arm_counts_as_its_closed_form_says(direction: Any) -> None:
    """With pairs and scattered light: clicks of all detectors, coincidences and errors, which the light adds to."""
    traffic = Traffic(launch_power_w=1e-4, raman_per_km_nm=3e-9, direction=direction)
    bench = bench_with(Fibre(length_km=10.0, splices=10, splice_loss_db=0.1, traffic=traffic), mean_pairs=0.01)
    bare = bench_with(Fibre(length_km=10.0, splices=10, splice_loss_db=0.1), mean_pairs=0.01)
    assert pair_rates(bench, "pairs").key_errors_hz > 1.2 * pair_rates(bare, "pairs").key_errors_hz
    found = clicks(lit(bench), 0, 50 * MS)
    expected_hz = pair_counts_hz(bench, "pairs")
    for end in ("alice", "bob"):
        for count, name in zip(counts(found, end), ("z0", "z1", "x0", "x1"), strict=True):
            mean = 0.05 * expected_hz[f"{end}.{name}"]
            assert abs(count - mean) < SIGMAS * math.sqrt(mean), (end, name)
    hold_pairs(bench, found, 0.05)


def test_dispersion_of_an_arm_makes_accidentals_of_pairs() -> None:
    """Photons beside their slot are lost to their partners and found by others."""
    bench = bench_with(Fibre(length_km=25.0, dispersion=SPREAD))
    bare = bench_with(Fibre(length_km=25.0))
    lost = pair_rates(bench, "pairs").key_hz / pair_rates(bare, "pairs").key_hz
    assert 0.5 < lost < 0.98
    hold_pairs(bench, clicks(lit(bench), 0, 100 * MS), 0.1)


@pytest.mark.parametrize("bob", [{"jitter_sigma_s": 250e-12}, {"jitter_sigma_s": 100e-12, "gate_width_s": 400e-12}])
def test_jitter_and_gates_of_an_entangled_receiver_are_those_of_the_closed_forms(bob: dict[str, Any]) -> None:
    """Clicks that miss their slot are lost to their partners; a gate takes what comes outside, dark counts too."""
    bench = bench_with(Fibre(length_km=10.0), bob={**bob, "dark_count_rate_hz": 1e5})
    bare = bench_with(Fibre(length_km=10.0))
    assert pair_rates(bench, "pairs").key_hz < 0.97 * pair_rates(bare, "pairs").key_hz
    found = clicks(lit(bench), 0, 50 * MS)
    expected_hz = pair_counts_hz(bench, "pairs")
    for count, name in zip(counts(found, "bob"), ("z0", "z1", "x0", "x1"), strict=True):
        mean = 0.05 * expected_hz[f"bob.{name}"]
        assert abs(count - mean) < SIGMAS * math.sqrt(mean), name
    hold_pairs(bench, found, 0.05)
    counted = lit(bench).counters("bob", 10_000 * MS)
    assert sum(counted.counts) / 200.0 == pytest.approx(found["bob"].index.size, abs=SIGMAS * found["bob"].index.size ** 0.5)


def hold_pairs(bench: Bench, found: dict[str, Any], seconds: float) -> None:
    """Coincidences and errors of both bases as predicted."""
    rates = pair_rates(bench, "pairs")
    for basis, (kept_hz, wrong_hz) in enumerate(((rates.key_hz, rates.key_errors_hz), (rates.test_hz, rates.test_errors_hz))):
        number, different = in_basis(found, basis)
        mean = seconds * kept_hz
        assert abs(number - mean) < SIGMAS * math.sqrt(mean)
        ratio = wrong_hz / kept_hz
        assert abs(different / number - ratio) < SIGMAS * math.sqrt(ratio * (1.0 - ratio) / number)


def test_a_turning_polarisation_errs_in_either_basis_as_the_world_says() -> None:
    """Clicks of a moment against the closed forms of the same moment, where both bases are turned by angles of their own."""
    turning = Polarisation(drift_rad_per_s=0.02, feedback_bandwidth_hz=1e-3)
    bench = bench_with(Fibre(length_km=10.0, polarisation=turning), mean_pairs=0.005)
    world = lit(bench)
    from_ns, step_ns = 30 * MINUTE, 200 * MS
    scene = world.scene("bob")
    errors = scene.moments(len(scene.timeline.states) - 1, np.array([from_ns // step_ns]), step_ns)[0][:2]
    assert abs(errors[0] - errors[1]) > 0.002
    (expected,), _ = expectations(scene, cells(scene, from_ns, from_ns + step_ns, step_ns), step_ns, 0.5)
    found = clicks(world, from_ns, from_ns + step_ns)
    number, different = in_basis(found, 0)
    assert abs(different / number - expected.qber) < SIGMAS * math.sqrt(expected.qber / number)
    # in the test basis as one visibility says, and 0.5 % of accidentals at most, of which half are wrong
    pairs, wrong = in_basis(found, 1)
    ratio = (1.0 - 0.985 * (1.0 - 2.0 * errors[1])) / 2.0
    assert abs(wrong / pairs - ratio) < SIGMAS * math.sqrt(ratio / pairs) + 0.0025


def test_the_long_run_of_a_turning_polarisation_is_the_closed_form() -> None:
    """QBER of the log over 2000 minutes against the prediction of the bench file."""
    turning = Polarisation(drift_rad_per_s=0.4, feedback_bandwidth_hz=0.1)
    bench = bench_with(Fibre(length_km=10.0, polarisation=turning), mean_pairs=1e-3)
    rates = pair_rates(bench, "pairs")
    log = lit(bench).history("bob", 60.0, 60.0 * 2000, 2001 * MINUTE)
    told = log.qber_ratio
    spread = float(np.std(told)) / math.sqrt(told.size)
    assert abs(float(np.mean(told)) - rates.key_errors_hz / rates.key_hz) < SIGMAS * spread
    flat = bench_with(Fibre(length_km=10.0), mean_pairs=1e-3)
    still = pair_rates(flat, "pairs")
    assert rates.key_errors_hz / rates.key_hz > still.key_errors_hz / still.key_hz + 10.0 * spread


def test_detectors_of_an_entangled_link_age_and_its_arms_are_serviced() -> None:
    """After 2000 hours bob counts what ageing leaves; during maintenance neither end sees a pair."""
    bob = {"efficiency": 0.5, "efficiency_ageing": 0.1}
    work = Maintenance(first_s=3600.0, lasts_s=600.0)
    bench = bench_with(Fibre(length_km=10.0), bob=bob, maintenance=(work,))
    world = lit(bench)
    young = clicks(world, 0, 20 * MS)
    during = clicks(world, HOUR_NS + MINUTE, HOUR_NS + MINUTE + 20 * MS)
    assert during["alice"].index.size == during["bob"].index.size == 0
    at_ns = 2000 * HOUR_NS
    old = clicks(world, at_ns, at_ns + 20 * MS)
    left = ageing.aged(1.0, -0.1, 2000.0)
    sizes = (young["bob"].index.size, old["bob"].index.size)
    assert abs(sizes[1] - left * sizes[0]) < SIGMAS * math.sqrt(sizes[1] + left**2 * sizes[0])
    assert abs(old["alice"].index.size - young["alice"].index.size) < SIGMAS * math.sqrt(2.0 * young["alice"].index.size)


def test_parameters_of_an_arm_go_by_its_name() -> None:
    """An excess loss injected into one arm dims that end alone; the site's weather is told of each arm."""
    bench = bench_with(Fibre(length_km=10.0), drift=Drift(day_night_k=5.0))
    world = lit(bench)
    before = clicks(world, 0, 20 * MS)
    world.inject("pairs.b", "excess_loss_db", 3.0, 20 * MS)
    after = clicks(world, 20 * MS, 40 * MS)
    share = 10.0**-0.3
    sizes = before["bob"].index.size, after["bob"].index.size
    assert abs(sizes[1] - share * sizes[0]) < SIGMAS * math.sqrt(sizes[1] + share**2 * sizes[0])
    assert abs(after["alice"].index.size - before["alice"].index.size) < SIGMAS * math.sqrt(2.0 * before["alice"].index.size)
    world.inject("pairs.a", "day_night_k", 1.0, 40 * MS)
    assert world.injected("pairs.b", "day_night_k") == 5.0
    # 10 km of fibre at 1.468: 48.97 us, as c = 299792.458 km/s
    assert world.delay_ns("pairs.b", 40 * MS) == pytest.approx(1e4 * 1.468 / 0.299792458, rel=1e-4)
