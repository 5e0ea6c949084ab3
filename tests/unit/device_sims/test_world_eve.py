"""An eavesdropper's traces in the clicks against the closed forms; every bound is five sigma, a false alarm in 1.7 million."""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench import load
from hil.device_sims.world.world import World
from hil.errors import UsageError
from hil.physics.decoy_asymptotic import gllp_rate, single_photon_yield_lower
from hil.physics.efficiency_mismatch import arrival_efficiency, time_shift_information
from hil.physics.intercept_resend import qber_with_intercept_resend
from hil.physics.photon_number_splitting import splitting
from hil.physics.single_photon_source import click_probability, photon_probabilities
from hil.pipeline.estimation import Promise, SiftedCounts, estimate
from hil.ports.detections import SourceDeclaration

MS = 1_000_000
SECOND = 1000 * MS
BOB = {
    "efficiency": 0.2,
    "insertion_loss_db": 0.0,
    "dark_count_rate_hz": 0.0,
    "dead_time_s": 0.0,
    "afterpulse_probability": 0.0,
    "misalignment": 0.0,
    "key_basis_probability": 1.0,
    "basis_choice": "active",
}
ALICE = {"intensities": (0.5, 0.2, 0.05), "intensity_probabilities": (0.4, 0.3, 0.3), "key_basis_probability": 1.0}


def lit(loss_db: float = 0.0, alice: dict[str, Any] | None = None, bob: dict[str, Any] | None = None, seed: int = 3) -> World:
    """The shipped bench with an attenuator alone in its path and a clean receiver, light and bias on."""
    bench = load("metro-25km")
    devices = dict(bench.device)
    for name, values in (
        ("alice", {**ALICE, **(alice or {})}),
        ("bob", {**BOB, **(bob or {})}),
        ("voa", {"attenuation_db": loss_db}),
    ):
        devices[name] = msgspec.structs.replace(devices[name], **values)
    link = msgspec.structs.replace(bench.link["metro"], path=("voa",), fibre=None)
    world = World(msgspec.structs.replace(bench, device=devices, link={"metro": link}), seed)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    return world


def block(world: World, length_ns: int, from_ns: int = 0) -> tuple[np.ndarray, np.ndarray]:
    world.start_block("bob", from_ns)
    records = world.stop_block("bob", from_ns + length_ns)
    return records.index, records.detector


def errors_of(world: World, length_ns: int) -> tuple[int, int]:
    """Clicks in the basis they were prepared in, and the wrong ones."""
    index, detector = block(world, length_ns)
    sent = world.prepare("alice", index)
    own = sent.basis == detector >> 1
    return int(own.sum()), int((own & (sent.bit != detector & 1)).sum())


def gains(world: World, length_ns: int) -> list[float]:
    """Pulses of each intensity that clicked at all."""
    pulses = np.unique(block(world, length_ns)[0])
    return np.bincount(world.prepare("alice", pulses).intensity, minlength=3).tolist()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(0.0, 1.0), st.floats(0.0, 0.1), st.floats(0.3, 0.7))
def test_intercepting_costs_errors_and_no_clicks(fraction: float, misalignment: float, key_basis: float) -> None:
    """QBER as Bennett et al. 1992, the gain of every intensity as without her."""
    bases = {"key_basis_probability": key_basis}
    world = lit(10.0, bases, {"misalignment": misalignment, **bases})
    world.inject("metro", "intercept_fraction", fraction, 0)
    bits, wrong = errors_of(world, 4 * MS)
    ratio = qber_with_intercept_resend(fraction, misalignment)
    assert abs(wrong - bits * ratio) <= 5.0 * sqrt(bits * ratio * (1.0 - ratio)) + 2.0
    world.set_biased("bob", 5 * MS, biased=False)
    world.set_biased("bob", 6 * MS, biased=True)
    index, _ = block(world, 4 * MS, 6 * MS)
    found = np.bincount(world.prepare("alice", np.unique(index)).intensity, minlength=3)
    for number, (mu, often) in enumerate(zip((0.5, 0.2, 0.05), (0.4, 0.3, 0.3), strict=True)):
        expected = 4 * MS * often * (1.0 - exp(-0.02 * mu))
        assert abs(found[number] - expected) <= 5.0 * sqrt(expected)


@pytest.mark.parametrize(("fraction", "caught"), [(1.0, False), (0.99, True)])
def test_a_fraction_wrong_by_one_percent_is_caught(fraction: float, caught: bool) -> None:
    """A quarter of 2.6 million bits: 24.75 % lies nine sigma off 25 %. Dim, as bright pulses click twice to err."""
    world = lit(14.0, {"intensities": (0.5, 0.4, 0.3)})
    world.inject("metro", "intercept_fraction", fraction, 0)
    bits, wrong = errors_of(world, 800 * MS)
    assert bits > 2_500_000
    assert bool(abs(wrong / bits - 0.25) > 5.0 * sqrt(0.25 * 0.75 / bits)) is caught


@pytest.mark.parametrize("loss_db", [6.0, 20.0])
def test_splitting_keeps_the_signal_and_moves_the_decoys(loss_db: float) -> None:
    """Gains by Brassard et al. 2000, with single photons partly let through (6 dB) and all blocked (20 dB)."""
    world = lit(loss_db)
    world.inject("metro", "splitting_fraction", 1.0, 0)
    length = 40 * MS
    found = gains(world, length)
    attack = splitting(0.5, 0.2 * 10.0 ** (-loss_db / 10.0), 0.2)
    assert (attack.single_share > 0.0) is (loss_db == 6.0)
    for count, mu, often in zip(found, (0.5, 0.2, 0.05), (0.4, 0.3, 0.3), strict=True):
        expected = length * often * attack.gain(mu)
        assert abs(count - expected) <= 5.0 * sqrt(expected)
    untouched = length * 0.4 * (1.0 - exp(-0.5 * 0.2 * 10.0 ** (-loss_db / 10.0)))
    assert abs(found[0] - untouched) <= 5.0 * sqrt(untouched)


def test_decoys_betray_splitting_where_a_bound_without_them_would_not() -> None:
    """At 15 dB the signal's counts and errors are as ever, and the estimate of single photons falls to nothing."""
    source = SourceDeclaration(1e9, (0.5, 0.2, 0.001), (0.4, 0.3, 0.3), 0.5)
    promise = Promise(source, 1e-9, 1e-15)
    found = []
    for fraction in (0.0, 1.0):
        bases = {"key_basis_probability": 0.5}
        world = lit(15.0, {"intensities": source.intensities, **bases}, bases)
        world.inject("metro", "splitting_fraction", fraction, 0)
        index, detector = block(world, 300 * MS)
        sent = world.prepare("alice", index)
        counts = []
        for basis in (0, 1):
            own = (sent.basis == basis) & (detector >> 1 == basis)
            counts.append(tuple(float(n) for n in np.bincount(sent.intensity[own], minlength=3)))
        found.append((counts[0], estimate(SiftedCounts(counts[0], counts[1], (0.0, 0.0, 0.0)), promise)))
    (before, honest), (after, betrayed) = found
    assert abs(after[0] - before[0]) <= 5.0 * sqrt(2.0 * before[0])
    assert honest.single_photons > 0.4 * sum(before)
    assert betrayed.single_photons == 0.0
    # a bound without decoys takes the line for a lossy one, whose single photons click as the signal's counts say
    gain = after[0] / (300 * MS * 0.4 * 0.5 * 0.5)
    assert gllp_rate(0.5, gain, 0.0, gain / 0.5, 0.0) > 0.2 * gain
    decoy_gain, vacuum = (count / (300 * MS * 0.3 * 0.5 * 0.5) for count in after[1:])
    assert single_photon_yield_lower(0.5, 0.2, gain, decoy_gain, vacuum) <= 0.0


@pytest.mark.parametrize("g2", [0.0, 0.1, 0.5])
def test_single_photons_click_as_their_statistics_say(g2: float) -> None:
    """Gain by brightness and g2; of the pulses with both photons detected, half make both detectors click."""
    world = lit(
        0.0,
        {"source": "single-photon", "intensities": (0.5,), "intensity_probabilities": (1.0,), "g2": g2},
        {"misalignment": 0.5},
    )
    length = 2 * MS
    pulses, counts = np.unique(block(world, length)[0], return_counts=True)
    expected = length * click_probability(0.5, g2, 0.2)
    assert abs(pulses.size - expected) <= 5.0 * sqrt(expected)
    both = length * photon_probabilities(0.5, g2)[2] * 0.2**2 / 2.0
    assert abs(int((counts > 1).sum()) - both) <= 5.0 * sqrt(both)


def test_splitting_needs_two_photons() -> None:
    """A perfect single-photon source has nothing to split: all she can do is let its photons through."""
    world = lit(6.0, {"source": "single-photon", "intensities": (0.5,), "intensity_probabilities": (1.0,)})
    world.inject("metro", "splitting_fraction", 1.0, 0)
    expected = 2 * MS * 0.5 * 0.2 * 10.0**-0.6
    assert abs(block(world, 2 * MS)[0].size - expected) <= 5.0 * sqrt(expected)


def test_a_shift_in_time_favours_one_bit() -> None:
    """Late pulses click at bit 1 with eta1 / (eta0 + eta1), early ones at bit 0; no errors; she learns as by Zhao et al."""
    offset_s, width_s, shift_s = 2e-10, 5e-10, 2e-10
    world = lit(10.0, bob={"efficiency_offset_s": offset_s, "efficiency_width_s": width_s})
    unshifted = block(world, MS)[0]
    world.inject("metro", "time_shift_s", shift_s, 2 * MS)
    index, detector = block(world, 20 * MS, 3 * MS)
    late = world._receiver("bob").scene.receiver.eve.chosen("shift", index, 0.5)
    first, second = (arrival_efficiency(shift_s, centre, width_s) for centre in (-offset_s / 2.0, offset_s / 2.0))
    share = second / (first + second)
    for chosen, expected in ((late, share), (~late, 1.0 - share)):
        count = int(chosen.sum())
        assert abs(int(detector[chosen].sum()) - count * expected) <= 5.0 * sqrt(count * expected * (1.0 - expected))
    assert (world.prepare("alice", index).bit == detector).all()
    assert time_shift_information(shift_s, offset_s, width_s) == pytest.approx(0.1291, abs=1e-4)  # 1 - h(0.2917)
    at_zero = arrival_efficiency(0.0, offset_s / 2.0, width_s)
    expected = unshifted.size * 20 * (first + second) / (2.0 * at_zero)
    assert abs(index.size - expected) <= 5.0 * sqrt(expected * (1.0 + 20.0))


def test_a_shift_beyond_half_a_period_falls_on_other_pulses() -> None:
    """0.7 ns at 1 GHz are the next slot: clicks know nothing of the pulse they are put down to."""
    world = lit(10.0, bob={"efficiency_width_s": 1e-7})
    world.inject("metro", "time_shift_s", 7e-10, 0)
    for late_fraction, step, at in ((1.0, 1, 0), (0.0, -1, 30 * MS)):
        world.inject("metro", "late_fraction", late_fraction, at)
        index, detector = block(world, 20 * MS, at + MS)
        wrong = world.prepare("alice", index).bit != detector & 1
        assert abs(int(wrong.sum()) - index.size / 2.0) <= 5.0 * sqrt(index.size / 4.0)
        assert (world.prepare("alice", index - step).bit == detector & 1).all()


def test_light_that_dazzles_without_blinding_keeps_detectors_busy() -> None:
    """25 nW are 2e11 photons a second, of which 10 in a dead time of 50 slots are taken: 0.2 a slot.

    Each detector then clicks once in 50 + 1 / (1 - exp(-0.2)) slots, sampled and in between.
    """
    world = lit(10.0, bob={"dead_time_s": 5e-8})
    world.inject("metro", "blinding_power_w", 2.5e-8 * 10.0, 0)
    clicks = np.bincount(block(world, MS)[1], minlength=4)
    before = np.array(world.counters("bob", MS).counts)
    between = np.array(world.counters("bob", 11 * MS).counts) - before
    for counted, length_s in ((clicks, 1e-3), (between, 1e-2)):
        expected = length_s * 1e9 / (50.0 + 1.0 / (1.0 - exp(-0.2)))
        assert (np.abs(counted - expected) < 0.005 * expected).all()


def test_blinded_detectors_click_where_her_basis_is_bobs() -> None:
    """Even choice of bases: half of the clicks are left, no dark counts, errors only of her copy of the receiver."""
    bases = {"key_basis_probability": 0.5}
    world = lit(10.0, bases, {**bases, "dark_count_rate_hz": 1e6, "misalignment": 0.02})
    world.inject("bob", "dark_count_rate_hz", 0.0, 0)
    before = block(world, 20 * MS)[0].size
    world.inject("bob", "dark_count_rate_hz", 1e6, 21 * MS)
    world.inject("metro", "blinding_power_w", 0.02, 22 * MS)
    index, detector = block(world, 20 * MS, 23 * MS)
    assert abs(index.size - before / 2) <= 5.0 * sqrt(before)
    sent = world.prepare("alice", index)
    own = sent.basis == detector >> 1
    count, wrong = int(own.sum()), int((sent.bit != detector & 1)[own].sum())
    assert abs(wrong - 0.02 * count) <= 5.0 * sqrt(0.02 * count)
    world.set_emitting("alice", 50 * MS, emitting=False)
    assert block(world, 20 * MS, 60 * MS)[0].size == 0


def test_light_below_the_threshold_is_noise() -> None:
    """1 pW is 7.8 million photons a second: a quarter of them for each detector, a fifth of these counted as dark."""
    world = lit(0.0, bob={"insertion_loss_db": 0.0})
    world.set_emitting("alice", 0, emitting=False)
    world.inject("metro", "blinding_power_w", 1e-12, 0)
    counts = np.bincount(block(world, SECOND // 10)[1], minlength=4)
    expected = 1e-12 / 1.28e-19 * 0.2 / 4 * 0.1
    assert (np.abs(counts - expected) <= 5.0 * sqrt(expected)).all()


def test_a_meter_behind_the_fibre_sees_her_light() -> None:
    """1 mW at the end of the fibre passes switch (0.7 dB) and attenuator (3 dB) to a tap of a tenth."""
    world = World(load("metro-25km"), 3)
    world.inject("metro", "blinding_power_w", 1e-3, 0)
    assert world.tap_power_w("meter", 0) == pytest.approx(1e-4 * 10.0**-0.37)


def test_latched_detectors_wait_for_their_bias() -> None:
    """Light above the threshold latches them; they stay dark when it is gone, until the bias was off."""
    world = lit(10.0, bob={"latching_threshold_w": 1e-6, "blinding_threshold_w": 1.0})
    assert block(world, MS)[0].size > 0
    world.inject("metro", "blinding_power_w", 1e-4, 2 * MS)
    world.inject("metro", "blinding_power_w", 0.0, 3 * MS)
    assert block(world, MS, 4 * MS)[0].size == 0
    world.set_biased("bob", 6 * MS, biased=False)
    world.set_biased("bob", 7 * MS, biased=True)
    assert block(world, MS, 8 * MS)[0].size > 0


def test_an_eve_who_does_nothing_changes_no_click() -> None:
    plain = block(lit(10.0), 2 * MS)
    world = lit(10.0)
    for name in ("intercept_fraction", "splitting_fraction", "time_shift_s", "late_fraction", "blinding_power_w"):
        world.inject("metro", name, 0.0, 0)
    assert all(np.array_equal(one, two) for one, two in zip(plain, block(world, 2 * MS), strict=True))


def test_counters_between_blocks_know_her_too() -> None:
    """Closed forms of the world: clicks of a second under each attack as a block samples them."""
    for name, value in (("intercept_fraction", 0.5), ("splitting_fraction", 1.0), ("blinding_power_w", 0.2)):
        world = lit(20.0, bob={"key_basis_probability": 0.6})
        world.inject("metro", name, value, 0)
        sampled = np.bincount(block(world, SECOND // 10)[1], minlength=4)
        before = np.array(world.counters("bob", SECOND).counts)
        counted = (np.array(world.counters("bob", 11 * SECOND).counts) - before) / 100.0
        assert (np.abs(sampled - counted) <= 5.0 * np.sqrt(np.maximum(counted, 1.0)) + 0.005 * counted).all(), name


def test_parameters_are_named_where_one_is_wrong() -> None:
    with pytest.raises(UsageError, match="intercept_fraction"):
        lit().inject("metro", "interception", 1.0, 0)


@pytest.mark.parametrize(
    "injected",
    [
        {"intercept_fraction": 1.0, "excess_loss_db": 200.0},
        {"splitting_fraction": 1.0, "excess_loss_db": 200.0},
        {"time_shift_s": 5e-9},
    ],
    ids=["intercepted behind a cut", "split behind a cut", "shifted out of every window"],
)
def test_an_attack_on_light_that_does_not_arrive_leaves_dark_counts(injected: dict[str, float]) -> None:
    """Fewer photons than a float tells from none: the clicks of a dark bench, in the counters and one by one."""
    counts = []
    for dark in (False, True):
        world = World(load("metro-25km"), 5)
        world.set_biased("bob", 0, biased=True)
        if not dark:
            world.set_emitting("alice", 0, emitting=True)
            for parameter, value in injected.items():
                world.inject("metro", parameter, value, 0)
        counts.append((sum(world.counters("bob", SECOND).counts), block(world, SECOND, SECOND)[0].size))
    (counted, sampled), (dark_counted, dark_sampled) = counts
    assert dark_counted > 100
    assert dark_sampled > 100
    assert abs(counted - dark_counted) < 5.0 * sqrt(counted + dark_counted)
    assert abs(sampled - dark_sampled) < 5.0 * sqrt(sampled + dark_sampled)
