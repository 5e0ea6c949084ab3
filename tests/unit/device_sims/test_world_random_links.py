"""Links at random with their imperfections together: sampler against the predictions of ``hil.physics``.

Sources, encodings, fibres and receivers of every declared kind are drawn at once: dispersion with jitter and gates, scattered
light with gates, recovery and prolonged dead time with afterpulses, warm detectors by either law, unsteady and wrongly prepared
pulses. A comparison rejects beyond 6 standard deviations (2e-9 each, below 1e-6 for the file) and what the closed forms leave
out: `SINGLES` and `SIFTED`, relative.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hil.bench import load
from hil.bench.model import Bench, Dispersion, Fibre, Traffic
from hil.device_sims.world.world import World
from hil.physics.dark_counts import activated_rate, rate_at_temperature
from hil.physics.link_model import link_model
from hil.physics.pair_prediction import pair_counts_hz, pair_rates
from hil.physics.receiver_rates import click_rates_hz, sifted_rates

SIGMAS = 6.0
SINGLES = 3e-3
"""Two photons of a pulse in one detector, afterpulses in recovery and in gates."""
SIFTED = 1e-2
"""Besides: detectors that one pulse makes click, or one click's afterpulse, are not dead independently."""
CLICKS = 2e5
WARMER_C = 8.0
SHARES = st.floats(0.1, 0.9)


@st.composite
def sources(draw: st.DrawFn) -> dict[str, Any]:
    """Any encoding and kind of light, with every flaw of a transmitter."""
    found: dict[str, Any] = {
        "encoding": draw(st.sampled_from(["polarisation", "time-bin"])),
        "extinction_db": draw(st.floats(15.0, 35.0)),
        "intensity_fluctuation": draw(st.floats(0.0, 0.25)),
        "intensity_correlation": draw(st.floats(-0.4, 0.4)),
        "preparation_error": tuple(draw(st.lists(st.floats(0.0, 0.08), min_size=4, max_size=4))),
        "bit_one_probability": draw(st.floats(0.3, 0.7)),
        "key_basis_probability": draw(SHARES),
    }
    if draw(st.booleans()):
        found |= {"source": "single-photon", "g2": draw(st.floats(0.0, 0.3)), "intensities": (0.5,)}
        found |= {"intensity_probabilities": (1.0,), "intensity_correlation": 0.0}
    return found


@st.composite
def receivers(draw: st.DrawFn) -> dict[str, Any]:
    """Any kind of dead time, afterpulses, jitter and gates; dead for some per cent of the time at most."""
    found: dict[str, Any] = {
        "efficiency": draw(st.floats(0.1, 0.9)),
        "dark_count_rate_hz": 10.0 ** draw(st.floats(2.0, 5.0)),
        "misalignment": draw(st.floats(0.0, 0.2)),
        "key_basis_probability": draw(SHARES),
        "basis_choice": draw(st.sampled_from(["active", "passive"])),
        "dead_time_s": draw(st.floats(5e-9, 5e-8)),
        "afterpulse_probability": draw(st.floats(0.0, 0.05)),
        "afterpulse_decay_s": draw(st.floats(1e-6, 5e-6)),
        "dark_count_activation_ev": draw(st.sampled_from([0.0, 0.3])),
        "jitter_sigma_s": draw(st.floats(5e-11, 2.5e-10)),
        "jitter_tail_s": draw(st.floats(1e-11, 2e-10)),
        "jitter_tail_share": draw(st.floats(0.0, 0.3)),
    }
    found |= draw(st.sampled_from([{}, {"dead_time_kind": "paralysable"}, {"recovery_time_s": 3e-8}]))
    return found | draw(st.sampled_from([{}, {"gate_width_s": 6e-10}, {"gate_width_s": 4e-10, "gate_period_s": 2e-9}]))


@st.composite
def fibres(draw: st.DrawFn) -> Fibre:
    """A fibre that spreads pulses and scatters traffic."""
    width_s = draw(st.floats(1e-10, 3e-10))
    spread = Dispersion(line_width_nm=draw(st.floats(0.1, 1.0)), pulse_width_s=width_s, window_s=9e-10)
    traffic = Traffic(launch_power_w=draw(st.floats(0.0, 1e-5)), direction=draw(st.sampled_from(["co", "counter"])))
    return Fibre(length_km=draw(st.floats(5.0, 25.0)), dispersion=spread, traffic=traffic)


def warmed(receiver: dict[str, Any], declared_c: float) -> dict[str, Any]:
    """The receiver's dark counts at a higher temperature, by the law it declares."""
    rate_hz, energy_ev = receiver["dark_count_rate_hz"], receiver["dark_count_activation_ev"]
    at_c = declared_c + WARMER_C
    if energy_ev:
        return receiver | {"dark_count_rate_hz": activated_rate(rate_hz, at_c, declared_c, energy_ev)}
    return receiver | {"dark_count_rate_hz": rate_at_temperature(rate_hz, at_c, declared_c, 10.0)}


def hold(what: str, count: float, mean: float, beside: float) -> None:
    assert abs(count - mean) <= SIGMAS * math.sqrt(1.15 * mean + 1.0) + beside * mean, f"{what}: {count} for {mean:.1f}"


pytestmark = pytest.mark.usefixtures("fastest_engine")
AT_RANDOM = settings(max_examples=10, derandomize=True, deadline=None, database=None, phases=[Phase.generate])


@AT_RANDOM
@given(alice=sources(), bob=receivers(), fibre=fibres(), seed=st.integers(0, 2**32))
def test_links_with_everything_at_once(alice: dict[str, Any], bob: dict[str, Any], fibre: Fibre, seed: int) -> None:
    """Clicks of each detector, sifted bits and errors of each basis."""
    bench = load("metro-25km")

    def of(receiver: dict[str, Any]) -> Bench:
        devices = dict(bench.device)
        devices["alice"] = replace(devices["alice"], **alice)
        devices["bob"] = replace(devices["bob"], insertion_loss_db=15.0, misalignment_per_k=0.0, **receiver)
        link = replace(bench.link["metro"], fibre=fibre)
        return replace(bench, device=devices, link={"metro": link})

    model = link_model(of(warmed(bob, -40.0)), "metro")
    rates, clicks_hz = sifted_rates(model), click_rates_hz(model)
    seconds = CLICKS / sum(clicks_hz)
    world = World(of(bob), seed)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    world.inject("bob", "detector_temperature_c", -40.0 + WARMER_C, 1)
    world.start_block("bob", 1_000_000_000)
    records = world.stop_block("bob", 1_000_000_000 + math.ceil(seconds * 1e9))
    for number, count in enumerate(np.bincount(records.detector, minlength=4)):
        hold(f"singles of {number}", count, clicks_hz[number] * seconds, SINGLES)
    starts = np.flatnonzero(np.diff(records.index, prepend=-1))
    pattern = np.bitwise_or.reduceat(np.uint8(1) << records.detector, starts)
    pulse = records.index[starts]
    kept = np.diff(pulse, prepend=-1 << 60) > math.floor(model.counting.dead_time_s * model.pulse_rate_hz + 1e-6)
    sent = world.prepare("alice", pulse)
    for basis, (bits, errors) in enumerate(((rates.key, rates.key_errors), (rates.test, rates.test_errors))):
        inside = pattern >> 2 * basis & 3
        mine = kept & (sent.basis == basis) & (inside > 0) & (pattern == inside << 2 * basis)
        wrong = mine & (inside == np.uint8(2) >> sent.bit)
        hold(f"sifted of {basis}", mine.sum(), math.fsum(bits) * seconds, SIFTED)
        hold(f"errors of {basis}", wrong.sum() + 0.5 * (mine & (inside == 3)).sum(), math.fsum(errors) * seconds, SIFTED)


@AT_RANDOM
@given(
    alice=receivers(),
    bob=receivers(),
    mean_pairs=st.floats(1e-3, 8e-3),
    visibility=st.floats(0.6, 1.0),
    seed=st.integers(0, 2**32),
)
def test_pairs_with_everything_at_once(
    alice: dict[str, Any], bob: dict[str, Any], mean_pairs: float, visibility: float, seed: int
) -> None:
    """Singles of each detector, coincidences and errors of each basis."""
    bench = load("entangled-metro")
    devices = dict(bench.device)
    for name, values in (("alice", alice), ("bob", bob)):
        devices[name] = replace(devices[name], insertion_loss_db=3.0, misalignment_per_k=0.0, **values)
    devices["source"] = replace(devices["source"], mean_pairs=mean_pairs, visibility_key=visibility, visibility_test=visibility)
    bench = replace(bench, device=devices, link={"pairs": replace(bench.link["pairs"], arm={})})
    rates, counts_hz = pair_rates(bench, "pairs"), pair_counts_hz(bench, "pairs")
    seconds = CLICKS / sum(counts_hz.values())
    world = World(bench, seed)
    for name in ("alice", "bob"):
        world.set_biased(name, 0, biased=True)
    world.set_emitting("source", 0, emitting=True)
    events = []
    for name, values in (("alice", alice), ("bob", bob)):
        world.start_block(name, 1_000_000_000)
        records = world.stop_block(name, 1_000_000_000 + math.ceil(seconds * 1e9))
        for number, detector in enumerate(("z0", "z1", "x0", "x1")):
            count = np.count_nonzero(records.detector == number)
            hold(f"{name} {detector}", count, counts_hz[f"{name}.{detector}"] * seconds, SINGLES)
        starts = np.flatnonzero(np.diff(records.index, prepend=-1))
        pattern, pulse = np.bitwise_or.reduceat(np.uint8(1) << records.detector, starts), records.index[starts]
        kept = np.diff(pulse, prepend=-1 << 60) > math.floor(values["dead_time_s"] * 1e9 + 1e-6)
        events.append((pulse[kept], pattern[kept]))
    (of_a, pattern_a), (of_b, pattern_b) = events
    _, at_a, at_b = np.intersect1d(of_a, of_b, assume_unique=True, return_indices=True)
    told = ((rates.key_hz, rates.key_errors_hz), (rates.test_hz, rates.test_errors_hz))
    for basis, (pairs_hz, errors_hz) in enumerate(told):
        a, b = pattern_a[at_a] >> 2 * basis & 3, pattern_b[at_b] >> 2 * basis & 3
        mine = (a > 0) & (b > 0) & (pattern_a[at_a] == a << 2 * basis) & (pattern_b[at_b] == b << 2 * basis)
        random = (a == 3) | (b == 3)
        hold(f"coincidences of {basis}", mine.sum(), pairs_hz * seconds, SIFTED)
        hold(f"errors of {basis}", np.where(random, 0.5, a != b)[mine].sum(), errors_hz * seconds, SIFTED)
