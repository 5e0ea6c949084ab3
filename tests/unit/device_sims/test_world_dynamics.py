"""Rates, gaps, slots and gates of simulated detectors against the closed forms of hil.physics.

Bounds are 5.5 standard deviations of the count (false alarm 4e-8 each); every one is below 0.75 % of the expected
value, so that a factor of 1 % is caught.
"""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from math import exp, expm1, log, sqrt
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy import stats

from hil.bench import load
from hil.bench.tables.receivers import AfterpulseFamily
from hil.device_sims.world.sampler import Candidates
from hil.device_sims.world.steady import clicks_and_fano, slot_shares
from hil.device_sims.world.world import World
from hil.physics.afterpulse import surviving_probability
from hil.physics.counting import Counting, counted
from hil.physics.dark_counts import activated_rate
from hil.physics.dead_time import fano_factor, measured_rate
from hil.physics.jitter import crossing_error, crossing_probability, seen_in_gate
from hil.physics.latching import latching_rate

SECOND = 1_000_000_000
SIGMAS = 5.5
CONTINUOUS: dict[str, Any] = {"jitter_sigma_s": 1e-12, "afterpulse_probability": 0.0}
"""Time inside a slot counts, so that formulas in continuous time are exact."""


def world_of(alice: dict[str, Any] | None = None, seed: int = 11, **bob: Any) -> World:
    """metro-25km with other values, biased and, with ``alice``, emitting."""
    bench = load("metro-25km")
    devices = dict(bench.device)
    devices["alice"] = msgspec.structs.replace(devices["alice"], **(alice or {}))
    devices["bob"] = msgspec.structs.replace(devices["bob"], **bob)
    world = World(msgspec.structs.replace(bench, device=devices), seed)
    world.set_biased("bob", 0, biased=True)
    if alice is not None:
        world.set_emitting("alice", 0, emitting=True)
    return world


def clicks_of(world: World, duration_ns: int) -> Candidates:
    return Candidates.chained(list(world.stream_clicks("bob", 0, duration_ns)))


def check(count: int, expected: float, fano: float = 1.0) -> None:
    """Within the bound, which has to be below 0.75 %."""
    bound = SIGMAS * sqrt(expected * fano)
    assert bound < 0.0075 * expected, "this many clicks would not show 1 %"
    assert abs(count - expected) < bound


KINDS: list[tuple[dict[str, Any], Counting]] = [
    ({"dead_time_s": 1e-7}, Counting(1e-7, 0.0)),
    ({"dead_time_s": 1e-7, "dead_time_kind": "paralysable"}, Counting(1e-7, 0.0, paralyzable=True)),
    ({"dead_time_s": 4e-8, "recovery_time_s": 8e-8}, Counting(4e-8, 0.0, recovery_time_s=8e-8)),
    (
        {"dead_time_s": 4e-8, "latch_rate_hz": 2e7, "latch_reset_s": 1e-6},
        Counting(4e-8, 0.0, latch_rate_hz=2e7, latch_reset_s=1e-6),
    ),
]


@pytest.fixture(autouse=True)
def fastest_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clicks are the same."""
    monkeypatch.setenv("HIL_ENGINE", "numba" if find_spec("numba") else "numpy")


@pytest.mark.parametrize(("bob", "counting"), KINDS, ids=["non-paralysable", "paralysable", "recovery", "latching"])
def test_rate_of_every_kind_of_detector(bob: dict[str, Any], counting: Counting) -> None:
    """Four detectors in light of 3 Mcps each count what the formula says, in the sampler and in the counters between blocks."""
    world = world_of(**{**CONTINUOUS, **bob, "dark_count_rate_hz": 3e6})
    expected = 4 * counted(3e6, counting)
    check(clicks_of(world, SECOND // 4).index.size, expected / 4, fano=1.2)
    check(sum(world.counters("bob", SECOND).counts), expected, fano=1.5)


def test_gaps_and_spread_of_a_dead_detector() -> None:
    """No gap below the dead time, exponential gaps above it (Kolmogorov-Smirnov at 1e-6), Fano factor 1 / (1 + n tau)^2."""
    world = world_of(**{**CONTINUOUS, "dead_time_s": 2e-7, "dark_count_rate_hz": 2e6, "detectors": ("z0",)})
    found = clicks_of(world, SECOND)
    times_ns = found.index + found.phases / 65536
    gaps_ns = np.diff(times_ns)
    assert gaps_ns.min() > 200.0
    assert stats.kstest(gaps_ns - 200.0, "expon", args=(0, 500.0)).pvalue > 1e-6
    gates = np.bincount((times_ns / 1e4).astype(int), minlength=100_000)
    expected = fano_factor(2e6, 2e-7)
    # the variance of n gate counts is known to sqrt(2 / n)
    assert abs(gates.var() / gates.mean() / expected - 1) < SIGMAS * sqrt(2 / gates.size) + 0.005


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate_hz=st.floats(1e6, 1e7),
    dead_s=st.floats(0.0, 3e-7),
    chance=st.floats(0.0, 0.3),
    decay_s=st.floats(2e-6, 1e-5),
    hold_off_s=st.sampled_from([0.0, 1e-7]),
)
@example(rate_hz=1e6, dead_s=3e-7, chance=0.3, decay_s=2e-6, hold_off_s=0.0)
def test_rate_with_afterpulses_of_any_parameters(
    rate_hz: float, dead_s: float, chance: float, decay_s: float, hold_off_s: float
) -> None:
    """Two families of traps, with and without hold-off: m = s (1 - m tau) + m sum of P L.

    An afterpulse's detector has just come back, and is alive with L rather than with 1 - m tau: the chance that an alternating
    renewal process (D. R. Cox, "Renewal Theory", 1962, chapter 7; here by its Laplace transform) which starts alive is alive
    after an exponential time. Physics' m = n / (1 + n tau), n = s + P m, lies up to 0.4 % below in these ranges, the most
    where dead time and decay are near to 1 / s.
    """
    world = world_of(
        **{**CONTINUOUS, "afterpulse_probability": chance, "dead_time_s": dead_s, "dark_count_rate_hz": rate_hz},
        afterpulse_decay_s=decay_s,
        further_afterpulses=(AfterpulseFamily(probability=0.05, decay_s=1e-5),),
        afterpulse_hold_off_s=hold_off_s,
    )
    held = max(dead_s, hold_off_s)
    families = ((chance, decay_s), (0.05, 1e-5))
    left = [(surviving_probability(p, held if hold_off_s else 0.0, decay), decay) for p, decay in families]
    seen = sum(p for p, _ in left)
    clicks_hz = renewed_hz(rate_hz, held, left)
    check(clicks_of(world, SECOND // 2).index.size, 2 * clicks_hz, fano=(1 + seen) / (1 - seen))
    assert counted(rate_hz, Counting(held, seen)) == pytest.approx(clicks_hz, rel=0.005)


def renewed_hz(rate_hz: float, dead_s: float, families: list[tuple[float, float]]) -> float:
    """Fixed point of m = s (1 - m tau) + m sum of P L: L = 1 / (1 + d n (1 - exp(-tau / d))), n = m / (1 - m tau), decay d."""
    clicks_hz = 0.0
    for _ in range(200):
        hazard_hz = clicks_hz / (1 - clicks_hz * dead_s)
        again = sum(p / (1 + decay_s * hazard_hz * -expm1(-dead_s / decay_s)) for p, decay_s in families)
        # solved for m at this chance of afterpulses
        clicks_hz = rate_hz / (1 + rate_hz * dead_s - again)
    return clicks_hz


def test_afterpulses_come_as_often_and_as_late_as_declared() -> None:
    """Of clicks 1 ms apart 5 % are followed by an afterpulse, after the dead time and an exponential delay."""
    world = world_of(
        **{**CONTINUOUS, "afterpulse_probability": 0.3, "dead_time_s": 1e-7, "dark_count_rate_hz": 1e3},
        afterpulse_decay_s=2e-6,
        detectors=("z0",),
    )
    found = clicks_of(world, 200 * SECOND)
    gaps_s = np.diff(found.index + found.phases / 65536) / 1e9
    close = gaps_s[gaps_s < 2e-5]
    # within 20 us of a click: an afterpulse in 0.3 (1 - e^-9.95), else a dark count in about 2 %
    dark, after = 1 - exp(-1e3 * 1.99e-5), 0.3 * (1 - exp(-1.99e-5 / 2e-6))
    expected = gaps_s.size * (after + (1 - after) * dark)
    assert abs(close.size - expected) < SIGMAS * sqrt(expected)
    early = gaps_s[gaps_s < 1e-7 + 2e-6 * log(2)]
    half = gaps_s.size * (0.15 + 0.85 * 1e3 * 2e-6 * log(2))
    assert abs(early.size - half) < SIGMAS * sqrt(half)
    assert gaps_s.min() > 1e-7


def test_half_of_the_clicks_bring_another() -> None:
    """Without dead time no afterpulse is lost: m = s / (1 - P) exactly, so that 1 % of P is 1 % of the rate at P = 1/2."""
    world = world_of(
        **{**CONTINUOUS, "afterpulse_probability": 0.5, "dead_time_s": 0.0, "dark_count_rate_hz": 1e6}, afterpulse_decay_s=2e-6
    )
    check(clicks_of(world, SECOND // 2).index.size, 4e6, fano=3.0)


def test_jitter_puts_clicks_into_other_slots() -> None:
    """Errors of light without misalignment are half of the crossing probability; with a tail the exponential adds to it."""
    clean = {"dark_count_rate_hz": 0.0, "misalignment": 0.0, "afterpulse_probability": 0.0, "key_basis_probability": 1.0}
    for jitter in ((4e-10, 0.0, 0.0), (2e-10, 3e-10, 0.5)):
        sigma, tail, share = jitter
        world = world_of(
            {"key_basis_probability": 1.0, "intensities": (5.0, 3.0, 1.0)},
            **clean,
            dead_time_s=0.0,
            jitter_sigma_s=sigma,
            jitter_tail_s=tail,
            jitter_tail_share=share,
        )
        found = clicks_of(world, SECOND // 2)
        wrong = int((world.prepare("alice", found.index).bit != found.detector).sum())
        crossing = crossing_probability(1e-9, *jitter)
        expected = found.index.size * crossing_error(crossing, 0.0)
        check(wrong, expected)
        own, others = slot_shares(world._receiver("bob").scene.reception(0).dynamics)
        assert own + others == pytest.approx(1.0, abs=1e-6)
        assert others == pytest.approx(crossing, rel=1e-3)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_one_detector_jitters_and_latches_alone(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others click when they did before; z0 crosses into other slots by the closed form, and latches by its renewal law."""
    monkeypatch.setenv("HIL_ENGINE", engine)
    clean = {"dark_count_rate_hz": 0.0, "misalignment": 0.0, "afterpulse_probability": 0.0, "key_basis_probability": 1.0}
    light = {"key_basis_probability": 1.0, "intensities": (5.0, 3.0, 1.0)}

    def clicks(parameter: str = "", value: float = 0.0) -> tuple[World, Any]:
        world = world_of(light, **clean, dead_time_s=5e-8, jitter_sigma_s=5e-11, latch_reset_s=1e-6)
        if parameter:
            world.inject("bob", parameter, value, 0)
        return world, clicks_of(world, SECOND // 10)

    _, plain = clicks()
    world, shaken = clicks("z0.jitter_sigma_s", 4e-10)
    others = plain.index[plain.detector == 1]
    assert np.array_equal(shaken.index[shaken.detector == 1], others)
    own = shaken.index[shaken.detector == 0]
    wrong = int((world.prepare("alice", own).bit != 0).sum())
    expected = own.size * crossing_error(crossing_probability(1e-9, 4e-10), 0.0)
    assert abs(wrong - expected) < SIGMAS * sqrt(expected)
    _, latched = clicks("z0.latch_rate_hz", 1.0 / 2e-7)
    assert np.array_equal(latched.index[latched.detector == 1], others)
    found = int((latched.detector == 0).sum())
    dead_s, offered_hz = 5e-8, int((plain.detector == 0).sum()) * 10.0
    offered_hz /= 1.0 - offered_hz * dead_s
    expected = latching_rate(offered_hz, dead_s, 1.0 / 2e-7, 1e-6) / 10.0
    assert abs(found - expected) < SIGMAS * sqrt(expected)
    assert found < 0.5 * (plain.detector == 0).sum()


def test_a_gate_shuts_out_dark_counts_and_late_photons() -> None:
    """A gate of 0.3 ns about every second pulse: 15 % of the dark counts, and what jitter leaves of the light."""
    gate = {"gate_width_s": 3e-10, "gate_period_s": 2e-9, "jitter_sigma_s": 1.5e-10, "afterpulse_probability": 0.0}
    dark = clicks_of(world_of(**gate, dark_count_rate_hz=4e6, dead_time_s=0.0), SECOND)
    check(dark.index.size, 16e6 * 0.15)
    assert (np.abs(dark.phases.astype(int) - 32768) <= 0.15 * 65536 + 1).all()
    assert (dark.index % 2 == 0).all()
    lit = clicks_of(world_of({}, **gate, dark_count_rate_hz=0.0, dead_time_s=0.0), SECOND)
    own, beside = seen_in_gate(3e-10, 1e-9, 1.5e-10)
    mean_photons = (0.4 * 0.55 + 0.4 * 0.25 + 0.2 * 2e-4) * 10**-2.0
    assert abs(lit.index.size / (mean_photons * 5e8 * (own + beside)) - 1) < 0.005


def test_dark_counts_follow_the_declared_law_of_temperature() -> None:
    """10 K of warming at 0.4 eV from -50 degC: 2.4 times as many (reference: 2.3 to 2.4), in sampler and formula."""
    world = world_of(
        **{**CONTINUOUS, "dark_count_rate_hz": 2e5, "dark_count_activation_ev": 0.4, "detector_temperature_c": -50.0}
    )
    world.inject("bob", "detector_temperature_c", -40.0, 0)
    rate_hz = activated_rate(2e5, -40.0, -50.0, 0.4)
    assert 2.3 < rate_hz / 2e5 < 2.45
    check(clicks_of(world, 2 * SECOND).index.size, 8 * measured_rate(rate_hz, 5e-8))


@pytest.mark.parametrize(("bob", "counting"), KINDS, ids=["non-paralysable", "paralysable", "recovery", "latching"])
def test_the_worlds_closed_forms_are_those_of_physics(bob: dict[str, Any], counting: Counting) -> None:
    """Two independent writings of every rate agree, from rare clicks to saturation, with afterpulses."""
    scene = world_of(**{**CONTINUOUS, **bob, "afterpulse_probability": 0.05})._receiver("bob").scene
    dynamics = scene.reception(0).dynamics
    for rate_hz in (1e2, 1e5, 2e6, 1e7):
        got = clicks_and_fano(np.full(4, rate_hz / 1e9), dynamics)[0][0] * 1e9
        expected = counted(rate_hz, dataclasses.replace(counting, afterpulse_probability=0.05))
        assert got == pytest.approx(expected, rel=2e-4)
