"""Clicks of both receivers of an entangled link against closed forms that share no formula with the sampler.

Bounds hold for a false alarm of 1e-6 a test (4.9 standard deviations), with seeds fixed beforehand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.device_sims.world.world import World
from hil.physics.chsh import QUANTUM_BOUND
from hil.physics.pair_coincidences import PairEnd, PairPulse, chsh_value, click_probability, coincidences
from hil.physics.pair_prediction import pair_rates
from hil.physics.pair_source import PairArm, coincidence_gain
from hil.seeds import stream

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import Bench

SIGMAS = 4.9
MS = 1_000_000
E91 = {
    "detectors": ("z0", "z1", "x0", "x1", "u0", "u1", "v0", "v1"),
    "angles_deg": (0.0, 45.0, 22.5, 67.5),
    "angle_probabilities": (0.4, 0.2, 0.2, 0.2),
}
IDEAL = {"insertion_loss_db": 0.0, "dark_count_rate_hz": 0.0, "dead_time_s": 0.0, "misalignment": 0.0, "efficiency": 1.0}


def bench_with(source: dict[str, Any], alice: dict[str, Any], bob: dict[str, Any], protocol: str = "bbm92") -> Bench:
    """The shipped bench with empty arms and other declarations."""
    bench = load("entangled-metro")
    devices = dict(bench.device)
    for name, values in (("source", source), ("alice", {**IDEAL, **alice}), ("bob", {**IDEAL, **bob})):
        devices[name] = msgspec.structs.replace(devices[name], **values)
    link = msgspec.structs.replace(bench.link["pairs"], arm={}, protocol=protocol)
    return msgspec.structs.replace(bench, device=devices, link={"pairs": link})


@dataclass(frozen=True)
class Events:
    """By pulse that clicked: setting, and bit (2: both detectors); pulses with clicks in two settings are left out."""

    index: npt.NDArray[np.int64]
    setting: npt.NDArray[np.int64]
    bit: npt.NDArray[np.int64]


def lit(bench: Bench, seed: int = 5) -> World:
    world = World(bench, seed)
    for end in ("alice", "bob"):
        world.set_biased(end, 0, biased=True)
    world.set_emitting("source", 0, emitting=True)
    return world


def clicks(world: World, from_ns: int, to_ns: int) -> dict[str, Any]:
    """Both receivers' records of the same time."""
    for end in ("alice", "bob"):
        world.start_block(end, from_ns)
    return {end: world.stop_block(end, to_ns) for end in ("alice", "bob")}


def events(records: Any) -> Events:
    setting, bit = records.detector // 2, (records.detector % 2).astype(np.int64)
    index, first = np.unique(records.index, return_index=True)
    last = np.append(first[1:], records.index.size) - 1
    low, high = (np.minimum.reduceat(setting, first), np.maximum.reduceat(setting, first))
    some = [np.bincount(np.searchsorted(index, records.index[bit == value]), minlength=index.size) > 0 for value in (0, 1)]
    value = np.where(some[0] & some[1], 2, np.where(some[1], 1, 0))
    assert last.size == index.size
    kept = low == high
    return Events(index[kept], low[kept].astype(np.int64), value[kept])


def matched(found: dict[str, Any], setting_a: int, setting_b: int) -> tuple[int, float]:
    """Coincidences of two settings, and how many of them differ on average over the random bits of double clicks."""
    a, b = events(found["alice"]), events(found["bob"])
    _, of_a, of_b = np.intersect1d(a.index, b.index, assume_unique=True, return_indices=True)
    both = (a.setting[of_a] == setting_a) & (b.setting[of_b] == setting_b)
    bit_a, bit_b = a.bit[of_a][both], b.bit[of_b][both]
    random = (bit_a == 2) | (bit_b == 2)
    return int(both.sum()), float(np.where(random, 0.5, bit_a != bit_b).sum())


def model(bench: Bench) -> tuple[PairPulse, PairEnd, PairEnd]:
    """The same bench as the closed forms' numbers."""
    source: Any = bench.device["source"]
    pulse = PairPulse(source.mean_pairs, source.statistics, source.modes, (source.visibility_key, source.visibility_test))
    ends = []
    for name in ("alice", "bob"):
        device: Any = bench.device[name]
        key = device.key_basis_probability
        ends.append(
            PairEnd(
                transmittance=device.efficiency * 10.0 ** (-device.insertion_loss_db / 10.0),
                background=-math.expm1(-device.dark_count_rate_hz / source.pulse_rate_hz),
                misalignment=device.misalignment,
                angles_deg=device.angles_deg,
                shares=device.angle_probabilities or (key, 1.0 - key),
                active=device.basis_choice == "active",
            )
        )
    return pulse, ends[0], ends[1]


def random_bench(number: int) -> Bench:
    """Anything between dim and bright, quiet and noisy, passive and active."""
    rng = stream(11, "random entangled benches", number)
    ends = [
        {
            "efficiency": float(rng.uniform(0.05, 0.6)),
            "dark_count_rate_hz": float(10.0 ** rng.uniform(3.0, 5.5)),
            "misalignment": float(rng.uniform(0.0, 0.06)),
            "key_basis_probability": float(rng.uniform(0.3, 0.7)),
            "basis_choice": str(rng.choice(["active", "passive"])),
        }
        for _ in range(2)
    ]
    source = {
        "mean_pairs": float(10.0 ** rng.uniform(-2.0, -0.3)),
        "statistics": ("poisson", "thermal")[number % 2],
        "modes": int(rng.integers(1, 4)),
        "visibility_key": float(rng.uniform(0.7, 1.0)),
        "visibility_test": float(rng.uniform(0.7, 1.0)),
    }
    return bench_with(source, *ends)


def deviations(found: dict[str, Any], expected: tuple[PairPulse, PairEnd, PairEnd], pulses: int) -> dict[str, float]:
    """Singles, coincidences and errors of both bases against the closed forms, in standard deviations."""
    pulse, *ends = expected
    result = {}
    for end, of_end in zip(("alice", "bob"), ends, strict=True):
        # the sampler lets every candidate click: one pulse counts once
        each = np.unique(found[end].index * 8 + found[end].detector) % 8
        counts = np.bincount(each, minlength=4)
        for detector in range(4):
            chance = click_probability(pulse, of_end, detector // 2)
            result[f"{end} {detector}"] = (counts[detector] - pulses * chance) / math.sqrt(pulses * chance * (1.0 - chance))
    for basis in (0, 1):
        number, different = matched(found, basis, basis)
        closed = coincidences(pulse, ends[0], ends[1], basis, basis)
        mean = pulses * closed.kept
        result[f"coincidences {basis}"] = (number - mean) / math.sqrt(mean)
        ratio = closed.error_ratio
        result[f"errors {basis}"] = (different - number * ratio) / math.sqrt(number * ratio * (1.0 - ratio))
    return result


@pytest.mark.parametrize("number", range(8))
def test_singles_coincidences_and_errors_follow_the_closed_forms(number: int) -> None:
    """Eight random links, Poisson and thermal by turns: 12 figures each, none further off than 4.9 standard deviations."""
    bench = random_bench(number)
    found = deviations(clicks(lit(bench), 0, 6 * MS), model(bench), 6 * MS)
    assert max(map(abs, found.values())) < SIGMAS, found
    assert math.sqrt(sum(value**2 for value in found.values()) / len(found)) < 2.5, found


def test_one_percent_is_noticed() -> None:
    """A mean, a transmittance or a visibility that is off by 1 % shows: 1 % of half a million clicks is seven deviations.

    A visibility of 1 that is really 0.99 makes errors out of 0.5 % of the coincidences.
    """
    bench = bench_with({"mean_pairs": 0.1}, {"efficiency": 0.6}, {"efficiency": 0.6})
    pulse, a, b = model(bench)
    planted = {
        "mean": (PairPulse(0.101, pulse.statistics, pulse.modes, pulse.visibility), a, b),
        "transmittance": (pulse, PairEnd(a.transmittance * 1.01, *list(vars(a).values())[1:]), b),
        "visibility": (PairPulse(0.1, pulse.statistics, pulse.modes, (0.99 * pulse.visibility[0], pulse.visibility[1])), a, b),
    }
    found = clicks(lit(bench), 0, 25 * MS)
    assert max(map(abs, deviations(found, (pulse, a, b), 25 * MS).values())) < SIGMAS
    for wrong, expected in planted.items():
        assert max(map(abs, deviations(found, expected, 25 * MS).values())) > SIGMAS, wrong


@pytest.mark.parametrize("visibility", [1.0, 0.9, 0.6])
def test_chsh_value_of_weak_pairs(visibility: float) -> None:
    """S is 2 sqrt 2 V at the best angles where pairs are rare (Clauser and others 1969), so below 2 for V under 0.707."""
    source = {"mean_pairs": 1e-3, "visibility_key": visibility, "visibility_test": visibility}
    bench = bench_with(source, {}, E91, "e91")
    found = clicks(lit(bench), 0, 200 * MS)
    s, variance = 0.0, 0.0
    for i, j, sign in ((0, 2, 1), (0, 3, -1), (1, 2, 1), (1, 3, 1)):
        number, different = matched(found, i, j)
        correlation = 1.0 - 2.0 * different / number
        s += sign * correlation
        variance += (1.0 - correlation**2) / number
    closed = chsh_value(*model(bench))
    assert abs(s - closed) < SIGMAS * math.sqrt(variance)
    assert closed == pytest.approx(QUANTUM_BOUND * visibility, rel=3e-3)  # accidentals of 0.1 % of the pairs
    assert (s < 2.0) == (visibility < 0.7)


def test_thermal_pairs_in_two_modes_have_the_gain_of_down_conversion() -> None:
    """Ma, Fung, Lo (2007), equation 9: one pair of modes, brightness half the mean, is thermal over two modes."""
    end = PairEnd(0.3, 2e-4, 0.0, (0.0, 45.0), (1.0, 0.0), active=True)
    other = PairEnd(0.1, 1e-4, 0.0, (0.0, 45.0), (1.0, 0.0), active=True)
    found = coincidences(PairPulse(0.2, "thermal", 2, (1.0, 1.0)), end, other, 0, 0).kept
    # their background is that of a whole receiver with two detectors; the idle basis must stay dark here
    arms = [PairArm(one.transmittance, 1.0 - (1.0 - one.background) ** 2) for one in (end, other)]
    quiet = (1.0 - end.background) ** 2 * (1.0 - other.background) ** 2
    assert found == pytest.approx(coincidence_gain(0.1, *arms) * quiet, rel=1e-9)


def test_both_receivers_see_the_same_pairs_however_they_are_asked() -> None:
    """Clicks do not depend on who is asked first, on looks in between, or on where the other one's block begins."""
    bench = bench_with({"mean_pairs": 0.05}, {"efficiency": 0.3}, {"efficiency": 0.01})
    together = clicks(lit(bench), 1000, 3 * MS)
    apart = lit(bench)
    apart.start_block("bob", 1000)
    apart.counters("bob", MS)
    bob = apart.stop_block("bob", 3 * MS)
    apart.start_block("alice", 1000)
    alice = apart.stop_block("alice", 3 * MS)
    assert np.array_equal(together["alice"].index, alice.index)
    assert np.array_equal(together["bob"].index, bob.index)
    assert np.array_equal(together["bob"].detector, bob.detector)
    assert np.isin(bob.index, alice.index).mean() > 0.25


def test_a_cut_arm_leaves_the_other_receiver_its_singles() -> None:
    """With the switch of b's arm dark a counts what it counted, and b its dark counts and a leak of -50 dB."""
    world = lit(load("entangled-metro"))
    before = clicks(world, 0, 100 * MS)
    world.set_switch_channel("switch", 4, 100 * MS)
    after = clicks(world, 100 * MS, 200 * MS)
    a = before["alice"].index.size
    assert abs(after["alice"].index.size - a) < SIGMAS * math.sqrt(2 * a)
    assert after["bob"].index.size < 40 + before["bob"].index.size * 1e-5 + SIGMAS * math.sqrt(41.0)


@pytest.mark.parametrize("statistics", ["poisson", "thermal"])
def test_counters_between_blocks_follow_the_clicks(statistics: str) -> None:
    """The world's own closed form against its sampler: clicks of each end, and the errors its log tells of."""
    ends = {"efficiency": 0.3, "dark_count_rate_hz": 2e4, "misalignment": 0.02, "dead_time_s": 50e-9}
    source = {"mean_pairs": 3e-3, "statistics": statistics, "visibility_key": 0.95}
    bench = bench_with(source, ends, {**ends, "efficiency": 0.1})
    found = clicks(lit(bench), 0, 200 * MS)
    looked = lit(bench)
    for end in ("alice", "bob"):
        counted = sum(looked.counters(end, 10_000 * MS).counts) / 50.0
        assert abs(counted - found[end].index.size) < SIGMAS * math.sqrt(1.1 * found[end].index.size)
    number, different = matched(found, 0, 0)
    told = looked.history("bob", 0.0, 60.0, 60_000 * MS).qber_ratio[0]
    assert abs(different / number - told) < SIGMAS * math.sqrt(told / number + told / 1e5)


JITTER = {"jitter_sigma_s": 5e-10}
GATE = {"gate_width_s": 4e-10, "gate_period_s": 2e-9}


@pytest.mark.parametrize(
    ("alice", "bob"),
    [
        ({}, {}),
        (JITTER, JITTER),
        (JITTER, {"jitter_sigma_s": 8e-10}),
        (GATE, GATE),
        ({**GATE, "jitter_sigma_s": 2e-10}, {**GATE, "jitter_sigma_s": 2e-10}),
        (GATE, {**GATE, "gate_period_s": 3e-9}),
    ],
    ids=["plain", "jitter at both", "more jitter at one", "common gates", "late for common gates", "other gates"],
)
def test_coincidences_of_late_and_gated_photons_follow_the_closed_form(
    monkeypatch: pytest.MonkeyPatch, alice: dict[str, Any], bob: dict[str, Any]
) -> None:
    """Photons of a pair that fall into the same other slot still meet, and common gates open for both at once."""
    from hil.device_sims.world import pairs

    told, expect = [], pairs.expect_pairs

    def heard(*args: Any, **kwargs: Any) -> Any:
        told.append(expect(*args, **kwargs))
        return told[-1]

    monkeypatch.setattr(pairs, "expect_pairs", heard)
    ends = {"dark_count_rate_hz": 2e4, "misalignment": 0.02, "afterpulse_probability": 0.0}
    bench = bench_with(
        {"mean_pairs": 3e-3, "visibility_key": 0.95},
        {**ends, "efficiency": 0.3, **alice},
        {**ends, "efficiency": 0.1, **bob},
    )
    sifted, wrong = matched(clicks(lit(bench), 0, 200 * MS), 0, 0)
    log = lit(bench).history("bob", 0.0, 60.0, 60_000 * MS)
    found = next(each for each in reversed(told) if each.signal > 0.0)
    expected = found.sifted * 200 * MS
    assert abs(sifted - expected) < SIGMAS * math.sqrt(expected)
    rates = pair_rates(bench, "pairs")
    assert abs(sifted - 0.2 * rates.key_hz) < SIGMAS * math.sqrt(0.2 * rates.key_hz)
    assert abs(wrong - 0.2 * rates.key_errors_hz) < SIGMAS * math.sqrt(0.2 * rates.key_errors_hz)
    assert abs(wrong - found.qber * sifted) < SIGMAS * math.sqrt(found.qber * sifted)
    assert log.qber_ratio[0] == pytest.approx(found.qber, abs=0.01)
