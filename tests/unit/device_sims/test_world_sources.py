"""Clicks of imperfect sources against the closed forms; every bound is five sigma, a false alarm in 1.7 million."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench import load
from hil.device_sims.world.world import World
from hil.physics.intensity_fluctuation import fluctuating_gain, fluctuating_qber
from hil.physics.link_model import link_model
from hil.physics.preparation_error import combined_error
from hil.physics.receiver_rates import sifted_rates

if TYPE_CHECKING:
    from hil.bench.model import Bench

MS = 1_000_000
CLEAN = {
    "efficiency": 0.2,
    "insertion_loss_db": 0.0,
    "dark_count_rate_hz": 0.0,
    "dead_time_s": 0.0,
    "afterpulse_probability": 0.0,
    "misalignment": 0.0,
    "misalignment_per_k": 0.0,
}


def bench_of(alice: dict[str, Any] | None = None, bob: dict[str, Any] | None = None) -> Bench:
    """The shipped bench without its path, a receiver without flaws, and these declarations."""
    bench = load("metro-25km")
    devices = dict(bench.device)
    devices["alice"] = msgspec.structs.replace(devices["alice"], **(alice or {}))
    devices["bob"] = msgspec.structs.replace(devices["bob"], **{**CLEAN, **(bob or {})})
    link = msgspec.structs.replace(bench.link["metro"], path=(), fibre=None)
    return msgspec.structs.replace(bench, device=devices, link={"metro": link})


def lit(bench: Bench, seed: int = 3) -> World:
    world = World(bench, seed)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    return world


def clicks(world: World, length_ns: int) -> tuple[np.ndarray, np.ndarray]:
    world.start_block("bob", 0)
    records = world.stop_block("bob", length_ns)
    return records.index, records.detector


def sifted(world: World, length_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Sifted events and errors by (basis, intensity); events in both bases dropped, doubles counted half an error."""
    index, detector = clicks(world, length_ns)
    pulses, start = np.unique(index, return_index=True)
    mask = np.zeros((pulses.size, 4), dtype=bool)
    mask[np.searchsorted(pulses, index), detector] = True
    sent = world.prepare("alice", pulses)
    count = len(world.bench.device["alice"].intensities)  # type: ignore[union-attr]
    bits, errors = np.zeros((2, count)), np.zeros((2, count))
    for basis in (0, 1):
        own = mask[:, 2 * basis] | mask[:, 2 * basis + 1]
        other = mask[:, 2 - 2 * basis] | mask[:, 3 - 2 * basis]
        kept = own & ~other & (sent.basis == basis)
        wrong = mask[np.arange(pulses.size), 2 * basis + 1 - sent.bit]
        right = mask[np.arange(pulses.size), 2 * basis + sent.bit]
        bits[basis] = np.bincount(sent.intensity[kept], minlength=count)
        errors[basis] = np.bincount(
            sent.intensity[kept], weights=(wrong & ~right)[kept] + 0.5 * (wrong & right)[kept], minlength=count
        )
    assert start.size == pulses.size
    return bits, errors


def assert_as_predicted(bench: Bench, length_ns: int, seed: int = 3) -> None:
    """Sifted bits and errors of every basis and intensity as the closed forms of the declaration."""
    bits, errors = sifted(lit(bench, seed), length_ns)
    rates = sifted_rates(link_model(bench, "metro"))
    seconds = length_ns * 1e-9
    for basis, (expected, wrong) in enumerate(((rates.key, rates.key_errors), (rates.test, rates.test_errors))):
        for intensity in range(len(expected)):
            for found, rate in ((bits[basis, intensity], expected[intensity]), (errors[basis, intensity], wrong[intensity])):
                mean = rate * seconds
                assert abs(found - mean) <= 5.0 * sqrt(mean) + 2.0, (basis, intensity, found, mean)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    mu=st.floats(0.1, 0.8),
    decoys=st.lists(st.floats(0.02, 0.9), max_size=3, unique=True),
    fluctuation=st.floats(0.0, 0.25),
    correlation=st.floats(-0.3, 0.3),
    errors=st.lists(st.floats(0.0, 0.2), min_size=4, max_size=4),
    bit_one=st.floats(0.3, 0.7),
    misalignment=st.floats(0.0, 0.05),
    encoding=st.sampled_from(["polarisation", "time-bin"]),
    active=st.booleans(),
)
def test_random_sources_click_as_the_closed_forms_say(**case: Any) -> None:
    """Any number of intensities, any flaw, both encodings and both ways to choose a basis."""
    intensities = (case["mu"], *(case["mu"] * part for part in sorted(case["decoys"], reverse=True)))
    alice = {
        "intensities": intensities,
        "intensity_probabilities": (1.0 / len(intensities),) * len(intensities),
        "key_basis_probability": 0.6,
        "intensity_fluctuation": case["fluctuation"],
        "intensity_correlation": case["correlation"],
        "preparation_error": tuple(case["errors"]),
        "bit_one_probability": case["bit_one"],
        "encoding": case["encoding"],
        "extinction_db": 20.0,
    }
    bob = {
        "misalignment": case["misalignment"],
        "basis_choice": "active" if case["active"] else "passive",
        "key_basis_probability": 0.6,
    }
    assert_as_predicted(bench_of(alice, bob), 3 * MS)


ONE_INTENSITY = {
    "intensities": (0.5,),
    "intensity_probabilities": (1.0,),
    "key_basis_probability": 1.0,
}


def test_fluctuation_takes_from_bright_pulses_what_the_mixture_says() -> None:
    """5 photons a pulse at efficiency 0.2 and 25 %: the gain is 1 % below that of steady light, which five sigma can tell."""
    alice = {**ONE_INTENSITY, "intensities": (5.0,), "intensity_fluctuation": 0.25}
    bench = bench_of(alice, {"key_basis_probability": 1.0, "misalignment": 0.03})
    bits, _ = sifted(lit(bench), 2 * MS)
    # two detectors of misaligned light: both miss with exp(-eta mu); the pulses that make any of them click
    gain = fluctuating_gain(5.0, 0.2, 0.0, 0.25)
    sigma = sqrt(2 * MS * gain * (1.0 - gain))
    assert abs(bits[0, 0] - 2 * MS * gain) <= 5.0 * sigma
    assert abs(bits[0, 0] - 2 * MS * fluctuating_gain(5.0, 0.2, 0.0, 0.0)) > 15.0 * sigma
    assert fluctuating_qber(5.0, 0.2, 0.0, 0.03, 0.25) == pytest.approx(0.03)


def test_a_pulse_follows_the_one_before() -> None:
    """After the signal a pulse is 20 % x (1 - 1/4) brighter than after the weak one: the counts by pattern say so."""
    alice = {"intensities": (0.4, 0.1), "intensity_probabilities": (0.5, 0.5), "intensity_correlation": 0.2}
    world = lit(bench_of({**alice, "key_basis_probability": 1.0}, {"efficiency": 0.05, "key_basis_probability": 1.0}))
    index, _ = clicks(world, 40 * MS)
    before = world.prepare("alice", index - 1).intensity
    after_signal, after_weak = int((before == 0).sum()), int((before == 1).sum())
    expected = (1.0 + 0.2 * 0.375) / (1.0 - 0.2 * 0.375)
    assert abs(after_signal / after_weak / expected - 1.0) <= 5.0 * sqrt(1.0 / after_signal + 1.0 / after_weak)


def test_neutral_values_change_no_click() -> None:
    """Explicit zeros, empty lists and an equal ``actual`` give the very clicks of a bench that says nothing."""
    plain = clicks(lit(bench_of()), MS)
    neutral = {
        "preparation_error": (0.0, 0.0),
        "intensity_fluctuation": 0.0,
        "actual": {"intensities": (0.55, 0.25, 2e-4), "intensity_correlation": 0.0},
    }
    other = clicks(lit(bench_of(neutral)), MS)
    assert all(np.array_equal(one, two) for one, two in zip(plain, other, strict=True))


@pytest.mark.parametrize(
    ("actual", "intensity", "moved"),
    [
        ({"intensities": (0.55, 0.2525, 2e-4)}, 1, True),
        ({"intensities": (0.55, 0.25, 2e-4)}, 1, False),
    ],
)
def test_a_decoy_set_wrong_by_one_percent_shows_in_its_counts(actual: dict[str, Any], intensity: int, moved: bool) -> None:
    """A decoy 1 % stronger than declared leaves five sigma, with a million clicks of it; the true one stays inside."""
    bench = bench_of({"actual": actual}, {"efficiency": 0.2})
    bits, _ = sifted(lit(bench), 80 * MS)
    declared = sifted_rates(link_model(bench, "metro")).key[intensity] * 0.08
    assert declared > 1e6
    assert bool(abs(bits[0, intensity] - declared) > 5.0 * sqrt(declared)) is moved


@pytest.mark.parametrize(("true", "caught"), [(0.2, False), (0.202, True)])
def test_a_preparation_error_wrong_by_one_percent_is_caught(true: float, caught: bool) -> None:
    """20 % of the other state: 1 % more than declared leaves the corridor of the errors, with two million of them."""
    bench = bench_of(
        {**ONE_INTENSITY, "preparation_error": (0.2,), "actual": {"preparation_error": (true,)}},
        {"key_basis_probability": 1.0, "efficiency": 0.2, "misalignment": 0.05},
    )
    bits, errors = sifted(lit(bench), 120 * MS)
    # misaligned and wrongly prepared light, minus the rare pulses that click at both detectors
    ratio = sifted_rates(link_model(bench, "metro"))
    declared = ratio.key_errors[0] / ratio.key[0]
    assert declared == pytest.approx(combined_error(0.2, 0.05), rel=0.02)
    found, sigma = errors[0, 0] / bits[0, 0], sqrt(declared * (1.0 - declared) / bits[0, 0])
    assert bool(abs(found - declared) > 5.0 * sigma) is caught


def test_phase_of_an_interferometer_turns_the_test_basis_alone() -> None:
    """0.6 rad: sin²(0.3) = 8.7 % of errors in the test basis of time bins, none in the key basis; none for polarisation."""
    for encoding, expected in (("time-bin", np.sin(0.3) ** 2), ("polarisation", 0.0)):
        world = lit(bench_of({"encoding": encoding, "extinction_db": 200.0, "key_basis_probability": 0.5}))
        world.inject("bob", "phase_error_rad", 0.6, 0)
        bits, errors = sifted(world, 20 * MS)
        assert errors[0].sum() == 0
        count = bits[1].sum()
        assert abs(errors[1].sum() - count * expected) <= 5.0 * sqrt(count * expected) + 0.02 * count * expected


def test_intensities_can_be_moved_one_by_one() -> None:
    """Injected on one setting the scale moves its clicks alone."""
    bench = bench_of(bob={"efficiency": 0.02})
    world = lit(bench)
    world.inject("alice", "1.intensity_scale", 2.0, 0)
    bits, _ = sifted(world, 40 * MS)
    rates = sifted_rates(link_model(bench, "metro"))
    for number, factor in ((0, 1.0), (1, 2.0)):
        expected = rates.key[number] * 0.04 * factor
        assert abs(bits[0, number] - expected) <= 5.0 * sqrt(expected) + 0.003 * expected


def test_a_biased_choice_of_basis_counts_as_its_own_declaration() -> None:
    """Injected, the key basis at 60 % gives the bits and errors of a bench that declares it, from that pulse on."""
    world = lit(bench_of())
    before = world.prepare("alice", np.arange(100_000))
    world.inject("alice", "key_basis_probability", 0.6, 0)
    bits, errors = sifted(world, 20 * MS)
    rates = sifted_rates(link_model(bench_of({"key_basis_probability": 0.6}), "metro"))
    for basis, (expected, wrong) in enumerate(((rates.key, rates.key_errors), (rates.test, rates.test_errors))):
        for found, rate in ((bits[basis], expected), (errors[basis], wrong)):
            means = np.array(rate) * 0.02
            assert (np.abs(found - means) <= 5.0 * np.sqrt(means) + 2.0).all(), (basis, found, means)
    world.inject("alice", "key_basis_probability", 0.83, 100 * MS)
    after = world.prepare("alice", np.arange(100 * 10**6, 100 * 10**6 + 100_000))
    shares = [part.basis.mean() for part in (before, world.prepare("alice", np.arange(100_000)), after)]
    assert shares == pytest.approx([0.17, 0.4, 0.17], abs=5.0 * sqrt(0.24 / 100_000))


def test_a_black_box_follows_its_source() -> None:
    """Sifted bits of the key basis in its telemetry: as often as both choose it, 0.6 x 0.83 instead of 0.83 x 0.83."""
    world = lit(load("metro-25km-black-box"))
    usual = world.telemetry("bob", 2_000 * MS).sifted_bits
    world.inject("alice", "key_basis_probability", 0.6, 2_000 * MS)
    fewer = world.telemetry("bob", 3_000 * MS).sifted_bits
    assert fewer / usual == pytest.approx(0.6 / 0.83, rel=5.0 * sqrt(1.0 / usual + 1.0 / fewer))


def test_a_generator_that_stutters_repeats_settings_and_changes_no_rate() -> None:
    """Equal neighbours: a fifth by stuttering, of the rest as many as chance has; clicks are those of the declaration."""
    bench = bench_of()
    world = lit(bench)
    world.inject("alice", "repeat_probability", 0.2, 0)
    sent = world.prepare("alice", np.arange(400_000))
    code = sent.intensity * 4 + sent.basis * 2 + sent.bit
    joint = np.outer(np.outer([0.4, 0.4, 0.2], [0.83, 0.17]), [0.5, 0.5]).ravel()
    expected = 0.2 + 0.8 * float((joint**2).sum())
    assert (code[1:] == code[:-1]).mean() == pytest.approx(expected, abs=5.0 * sqrt(expected / 400_000))
    # runs of equal settings: 1.5 times as much variance
    spread = 5.0 * 1.5 * np.sqrt(joint / 400_000)
    assert (np.abs(np.bincount(code, minlength=12) / 400_000 - joint) <= spread).all()
    bits, _ = sifted(world, 20 * MS)
    means = np.array(sifted_rates(link_model(bench, "metro")).key) * 0.02
    assert (np.abs(bits[0] - means) <= 5.0 * 1.5 * np.sqrt(means) + 2.0).all()


@pytest.mark.parametrize(("detuning_nm", "left"), [(0.0, 1.0), (0.4, 0.5), (-0.8, 1.0 / 16.0)])
def test_a_laser_beside_the_receivers_filter(detuning_nm: float, left: float) -> None:
    """At half the full width of a Gaussian (0.8 nm) half of the light passes, at the whole width a sixteenth."""
    world = lit(bench_of())
    world.inject("alice", "detuning_nm", detuning_nm, 0)
    index, _ = clicks(world, 20 * MS)
    whole, _ = clicks(lit(bench_of()), 20 * MS)
    # of bright pulses that click at several detectors there are fewer when they are dim
    assert index.size / whole.size == pytest.approx(left, rel=0.01 + 5.0 / sqrt(index.size))
