"""Clicks of a simulated receiver against the closed forms of the papers, at five sigma."""

from __future__ import annotations

from math import exp, sqrt
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from hil.bench import load
from hil.device_sims.world.world import World

if TYPE_CHECKING:
    from hil.bench.model import Bench
    from hil.ports.detections import DetectionRecords

SECOND = 1_000_000_000
MS = 1_000_000


def bench_with(
    alice: dict[str, Any] | None = None, bob: dict[str, Any] | None = None, path: tuple[str, ...] | None = None
) -> Bench:
    """The shipped bench with some declarations replaced."""
    bench = load("metro-25km")
    devices = dict(bench.device)
    devices["alice"] = msgspec.structs.replace(devices["alice"], **(alice or {}))
    devices["bob"] = msgspec.structs.replace(devices["bob"], **(bob or {}))
    link = bench.link["metro"]
    if path is not None:
        link = msgspec.structs.replace(link, path=path, fibre=link.fibre if "fibre" in path else None)
    return msgspec.structs.replace(bench, device=devices, link={"metro": link})


IDEAL = {
    "efficiency": 0.2,
    "insertion_loss_db": 0.0,
    "dark_count_rate_hz": 0.0,
    "dead_time_s": 0.0,
    "afterpulse_probability": 0.0,
    "misalignment": 0.0,
}
"""A receiver with efficiency 0.2 and no other flaw; the path is empty beside it."""


def lit(bench: Bench, seed: int = 3) -> World:
    """Emitting and biased from time zero on."""
    world = World(bench, seed)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    return world


def block(world: World, from_ns: int, to_ns: int) -> DetectionRecords:
    """A block between two times."""
    world.start_block("bob", from_ns)
    return world.stop_block("bob", to_ns)


def within(count: float, expected: float, sigma: float) -> bool:
    """Five-sigma bound."""
    return abs(count - expected) <= 5.0 * sigma


@pytest.mark.parametrize("basis_choice", ["passive", "active"])
def test_click_probability_is_poissonian_for_every_intensity(basis_choice: str) -> None:
    """A pulse of mean photon number mu clicks at the right detector with 1 - exp(-eta mu), for each intensity and bit."""
    world = lit(bench_with(bob={**IDEAL, "basis_choice": basis_choice, "key_basis_probability": 1.0}, path=()))
    records = block(world, 0, 2 * MS)
    sent = world.prepare("alice", np.arange(2 * MS))
    got = world.prepare("alice", records.index)
    for number, intensity in enumerate((0.55, 0.25, 2e-4)):
        for bit in (0, 1):
            pulses = int(((sent.intensity == number) & (sent.basis == 0) & (sent.bit == bit)).sum())
            clicks = (got.intensity == number) & (got.basis == 0) & (got.bit == bit)
            chance = 1.0 - exp(-0.2 * intensity)
            assert within(int((clicks & (records.detector == bit)).sum()), pulses * chance, sqrt(pulses * chance))
            assert not (clicks & (records.detector != bit)).any()


def test_mismatched_bases_give_even_bits_and_passive_choice_splits() -> None:
    """Photons go to the key basis with its probability; in the other basis than prepared, bits are even."""
    world = lit(bench_with(bob={**IDEAL, "efficiency": 0.02}, path=()))
    records = block(world, 0, 20 * MS)
    sent = world.prepare("alice", records.index)
    total = records.index.size
    assert within(int((records.detector < 2).sum()), 0.83 * total, sqrt(total * 0.83 * 0.17))
    crossed = (records.detector < 2) & (sent.basis == 1)
    count = int(crossed.sum())
    assert within(int((records.detector[crossed] == sent.bit[crossed]).sum()), count / 2, sqrt(count) / 2)


def test_active_choice_is_made_once_a_pulse() -> None:
    """With bright light every pulse's clicks lie in one basis, which is the key basis with its probability."""
    world = lit(bench_with(alice={"intensities": (40.0, 30.0, 5.0)}, bob={**IDEAL, "basis_choice": "active"}, path=()))
    records = block(world, 0, MS // 10)
    basis = records.detector >> 1
    same_pulse = np.diff(records.index) == 0
    assert same_pulse.sum() > 1000
    assert (np.diff(basis.astype(int))[same_pulse] == 0).all()
    pulses, first = np.unique(records.index, return_index=True)
    assert within(int((basis[first] == 0).sum()), 0.83 * pulses.size, sqrt(pulses.size * 0.83 * 0.17))


def test_qber_follows_the_standard_model() -> None:
    """Error ratio per intensity e = (p_d + e_mis (1 - exp(-eta mu))) / (1 - (1 - 2 p_d) exp(-eta mu)): Lim et al. 2014."""
    flaws = {**IDEAL, "efficiency": 0.01, "dark_count_rate_hz": 20_000.0, "misalignment": 0.03, "key_basis_probability": 1.0}
    world = lit(bench_with(bob=flaws, path=()))
    records = block(world, 0, 150 * MS)
    sent = world.prepare("alice", records.index)
    for number, intensity in enumerate((0.55, 0.25, 2e-4)):
        mine = (sent.intensity == number) & (sent.basis == 0) & (records.detector < 2)
        count = int(mine.sum())
        wrong = int((records.detector[mine] != sent.bit[mine]).sum())
        seen, dark = 1.0 - exp(-0.01 * intensity), 2e-5
        ratio = (dark + 0.03 * seen) / (1.0 - (1.0 - 2.0 * dark) * exp(-0.01 * intensity))
        assert within(wrong, count * ratio, sqrt(count * ratio * (1.0 - ratio)))


def test_per_detector_efficiency_scales_its_clicks() -> None:
    """A detector with half the efficiency has half the clicks, the others keep theirs."""
    world = lit(bench_with(bob={**IDEAL, "efficiency": 0.02}, path=()))
    world.inject("bob", "z1.efficiency", 0.01, 0)
    counts = np.bincount(block(world, 0, 20 * MS).detector, minlength=4)
    assert within(counts[1], counts[0] / 2, sqrt(counts[1] + counts[0] / 4))
    assert within(counts[3], counts[2], sqrt(counts[2] + counts[3]))


def test_rate_under_dead_time_is_non_paralysable() -> None:
    """Per pulse slot p / (1 + k p) with k = 50 blind slots, variance factor 1 / (1 + k p)^2 (Müller 1973)."""
    world = lit(bench_with(bob={**IDEAL, "efficiency": 0.05, "dead_time_s": 50e-9, "key_basis_probability": 1.0}, path=()))
    records = block(world, 0, 20 * MS)
    # either bit and mismatched preparation average to the same at z0: bit 0, bit 1 dark, and half of the light in basis 1
    probability = sum(
        often * (0.83 / 2 * (1 - exp(-0.05 * mu)) + 0.17 * (1 - exp(-0.05 * mu / 2)))
        for often, mu in ((0.4, 0.55), (0.4, 0.25), (0.2, 2e-4))
    )
    expected = 20 * MS * probability / (1 + 50 * probability)
    own = records.index[records.detector == 0]
    assert within(own.size, expected, sqrt(expected) / (1 + 50 * probability))
    assert int(np.diff(own).min()) == 51


def test_dark_counts_are_poissonian() -> None:
    """Without light each detector clicks at its dark rate: mean, even spread over time (chi-square) and exponential gaps."""
    world = World(bench_with(bob={**IDEAL, "dark_count_rate_hz": 10_000.0}), seed=5)
    world.set_biased("bob", 0, biased=True)
    records = block(world, 0, 5 * SECOND)
    for detector in range(4):
        own = records.index[records.detector == detector]
        assert within(own.size, 50_000, sqrt(50_000))
        gates = np.bincount(own // (5 * MS), minlength=1000)
        assert stats.chisquare(gates).pvalue > 5.7e-7
        assert stats.kstest(np.diff(own) / 1e5, "expon").pvalue > 5.7e-7


def test_dark_counts_double_with_every_ten_kelvin() -> None:
    """Detectors 20 K warmer than declared have four times the dark counts."""
    world = World(bench_with(bob={**IDEAL, "dark_count_rate_hz": 1000.0}), seed=5)
    world.set_biased("bob", 0, biased=True)
    world.inject("bob", "detector_temperature_c", -20.0, 0)
    count = block(world, 0, 5 * SECOND).index.size
    assert within(count, 80_000, sqrt(80_000))


def test_afterpulses_branch_and_decay() -> None:
    """Clicks are primaries / (1 - p) with variance factor (1 + p) / (1 - p); delays are exponential from the recovery on."""
    flaws = {
        **IDEAL,
        "dark_count_rate_hz": 2000.0,
        "dead_time_s": 50e-9,
        "afterpulse_probability": 0.2,
        "afterpulse_decay_s": 1e-6,
    }
    world = World(bench_with(bob=flaws), seed=6)
    world.set_biased("bob", 0, biased=True)
    records = block(world, 0, 20 * SECOND)
    primaries = 4 * 2000.0 * 20
    expected = primaries / 0.8
    assert within(records.index.size, expected, sqrt(expected * 1.2 / 0.8))
    gaps = np.concatenate([np.diff(records.index[records.detector == number]) for number in range(4)])
    early = int((gaps <= 51 + 1000).sum())
    # an afterpulse within one decay time, or a chance neighbour
    chance = 0.2 * (1 - exp(-1)) + (1 - 0.2 * (1 - exp(-1))) * 2000.0 * 1e-6
    assert within(early, gaps.size * chance, sqrt(gaps.size * chance))
    assert int(gaps.min()) >= 51


def test_stage_off_its_setpoint_misaligns() -> None:
    """Settled 10 K above the set point of the bench file, the error ratio has grown by 10 x 0.0015."""
    world = lit(bench_with(bob={**IDEAL, "misalignment": 0.008, "efficiency": 0.02}, path=()))
    world.set_setpoint_c("stage", 40.0, 0)
    assert error_ratio(world, block(world, 1000 * SECOND, 1000 * SECOND + 30 * MS)) == pytest.approx(0.023, rel=0.1)


def test_drift_is_followed_within_a_window() -> None:
    """In dim light one window spans the drift: errors before and after follow the relaxing stage."""
    bob = {**IDEAL, "misalignment": 0.0, "misalignment_per_k": 0.02, "insertion_loss_db": 33.0}
    world = lit(bench_with(bob=bob, path=()))
    world.set_setpoint_c("stage", 45.0, 0)
    records = block(world, 0, 60 * SECOND)
    sent = world.prepare("alice", records.index)
    mine = (records.detector < 2) & (sent.basis == 0)
    wrong, time_s = records.detector[mine] != sent.bit[mine], records.index[mine] / 1e9
    for low, high in ((0.0, 5.0), (10.0, 20.0), (40.0, 60.0)):
        inside = (time_s >= low) & (time_s < high)
        mean_k = 15.0 - 15.0 * 20.0 / (high - low) * (exp(-low / 20.0) - exp(-high / 20.0))
        expected = 0.02 * mean_k * inside.sum()
        assert within(int(wrong[inside].sum()), expected, sqrt(expected))


def error_ratio(world: World, records: DetectionRecords) -> float:
    """Errors among the clicks of the key basis at both ends."""
    sent = world.prepare("alice", records.index)
    mine = (records.detector < 2) & (sent.basis == 0)
    return float((records.detector[mine] != sent.bit[mine]).mean())


def test_headline_numbers_of_the_shipped_bench() -> None:
    """20 dB and 50 ns dead time: every detector clicks as p / (1 + k p) says, at a QBER of about 1.3 %."""
    world = lit(load("metro-25km"))
    records = block(world, SECOND, SECOND + 100 * MS)
    counts = np.bincount(records.detector, minlength=4) * 10
    mean_photons = (0.4 * 0.55 + 0.4 * 0.25 + 0.2 * 2e-4) * 10**-2.0
    for detector, share in enumerate((0.83, 0.83, 0.17, 0.17)):
        offered = mean_photons * share / 2 * 1e9 + 60
        offered += 0.01 * offered / (1 + offered * 50e-9)
        # the pulse is weak but not infinitely so: 1 - exp(-x) costs less than 0.3 %
        expected = offered / (1 + offered * 50e-9)
        assert abs(counts[detector] - expected) < 0.003 * expected + 5.0 * sqrt(10.0 * expected)
    assert error_ratio(world, records) == pytest.approx(0.0128, abs=0.0015)
    assert records.live_s == 0.1
    assert (records.first, records.end) == (SECOND, SECOND + 100 * MS)


def test_no_bias_no_clicks() -> None:
    """Without bias nothing clicks, and only the time with bias is live."""
    world = lit(load("metro-25km"))
    world.start_block("bob", SECOND)
    world.set_biased("bob", SECOND + 2 * MS, biased=False)
    records = world.stop_block("bob", SECOND + 10 * MS)
    assert records.live_s == 0.002
    assert records.index.size > 0
    assert records.index[-1] < SECOND + 2 * MS


def test_fibre_cut_in_the_middle_of_a_block_takes_effect_at_its_pulse() -> None:
    """Before the cut the full rate, after it the dark counts and a leak of -50 dB; the cut is exact to the pulse."""
    world = lit(bench_with(bob={"dark_count_rate_hz": 0.0, "afterpulse_probability": 0.0}))
    world.start_block("bob", 10 * SECOND)
    cut = 10 * SECOND + 12_345_678
    world.set_switch_channel("switch", 4, cut)
    records = world.stop_block("bob", 30 * SECOND)
    before = int((records.index < cut).sum())
    assert before == pytest.approx(3.051e6 * 0.012345678, rel=0.03)
    assert records.index[before - 1] > cut - 5000
    leak = records.index.size - before
    expected = (0.4 * 0.55 + 0.4 * 0.25 + 0.2 * 2e-4) * 1e9 * 10**-2.0 * 1e-5 * 19.98765
    assert within(leak, expected, sqrt(expected))
