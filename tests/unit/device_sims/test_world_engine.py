"""The same clicks from either engine, any number of processes, and any way of asking; bounded memory; a word before a wait."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.bench import load
from hil.bench.tables.channels import Dispersion, Polarisation
from hil.bench.tables.drift import Drift
from hil.bench.tables.receivers import AfterpulseFamily
from hil.compiled import available
from hil.device_sims.world.engine import pick
from hil.device_sims.world.sampler import Candidates
from hil.device_sims.world.source import Source
from hil.device_sims.world.world import World
from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SECOND = 1_000_000_000
UNTIL = SECOND // 2 + 777

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "active": {"basis_choice": "active"},
    "no dead time": {"dead_time_s": 0.0, "afterpulse_probability": 0.3},
    "jitter": {"jitter_sigma_s": 3e-10, "jitter_tail_s": 1e-10, "jitter_tail_share": 0.1},
    "gate": {"jitter_sigma_s": 1e-10, "gate_width_s": 3e-10, "gate_period_s": 2e-9},
    "hold-off": {"afterpulse_hold_off_s": 2e-7, "further_afterpulses": (AfterpulseFamily(probability=0.1, decay_s=5e-6),)},
    "paralysable": {"dead_time_kind": "paralysable"},
    "recovery": {"recovery_time_s": 3e-8},
    "latching": {"latch_rate_hz": 1.5e7, "latch_reset_s": 1e-5},
    "saturated": {"dead_time_s": 1e-4, "afterpulse_probability": 0.4},
}


def lit(attenuation_db: float = 20.0, seed: int = 3, **bob: Any) -> World:
    """metro-25km with some loss, which changes in the middle of a window."""
    bench = load("metro-25km")
    bob_there = msgspec.structs.replace(bench.device["bob"], **bob)
    world = World(msgspec.structs.replace(bench, device={**bench.device, "bob": bob_there}), seed)
    world.set_attenuation_db("voa", attenuation_db + 1.0, 0)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    world.set_attenuation_db("voa", attenuation_db, SECOND // 4 + 12_345)
    return world


def arrays(parts: Iterable[Candidates]) -> tuple[list[int], list[int], list[int]]:
    clicks = Candidates.chained(list(parts))
    return clicks.index.tolist(), clicks.detector.tolist(), clicks.phases.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_both_engines_give_the_same_clicks(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Bit for bit, index, detector and time in the slot."""
    pytest.importorskip("numba")
    found = []
    for engine in ("numpy", "numba"):
        monkeypatch.setenv("HIL_ENGINE", engine)
        found.append(arrays(lit(**KINDS[kind]).stream_clicks("bob", 500, UNTIL)))
    assert found[0] == found[1]
    assert len(found[0][0]) > 1000


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_has_the_clicks_of_the_stream_however_often_one_looks(kind: str) -> None:
    """Looks at odd times in between decide nothing; another seed gives others."""
    world = lit(**KINDS[kind])
    world.start_block("bob", 500)
    for now_ns in (501, 77_777, SECOND // 4 + 12_345, SECOND // 3):
        world.counters("bob", now_ns)
    block = world.stop_block("bob", UNTIL)
    index, detector, _ = arrays(lit(**KINDS[kind]).stream_clicks("bob", 500, UNTIL))
    assert (block.index.tolist(), block.detector.tolist()) == (index, detector)
    assert world.counters("bob", UNTIL).counts == tuple(
        a + b for a, b in zip(np.bincount(detector, minlength=4), _before(kind), strict=True)
    )
    assert index != arrays(lit(seed=4, **KINDS[kind]).stream_clicks("bob", 500, UNTIL))[0]


def _before(kind: str) -> tuple[int, ...]:
    """Counts between power-up and the block."""
    return lit(**KINDS[kind]).counters("bob", 500).counts


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "jitter", "latching"])
def test_the_number_of_workers_changes_nothing(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """One, two and three processes, with many stretches between them."""
    monkeypatch.setattr("hil.device_sims.world.stretches._WINDOWS", 2)
    parts = [arrays(lit(6.0, **KINDS[kind]).stream_clicks("bob", 500, UNTIL, workers)) for workers in (1, 2, 3)]
    assert parts[0] == parts[1] == parts[2]


def test_a_day_of_little_light_fits_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual day at 1 GHz and 80 dB holds the arrays of one window at a time, less than 64 MiB, and loses nothing."""
    monkeypatch.setenv("HIL_ENGINE", "numpy")
    world = lit(63.0, dark_count_rate_hz=5.0)
    tracemalloc.start()
    try:
        count = sum(clicks.index.size for clicks in world.stream_clicks("bob", 0, 86_400 * SECOND))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20
    # dark counts of four detectors with 1 % of afterpulses, and 3.2 photo-detections a second; five standard deviations
    expected = 86_400 * (20.0 + 3.2) / 0.99
    assert abs(count - expected) < 5.0 * (1.03 * expected) ** 0.5


def test_indices_of_a_month_do_not_overflow() -> None:
    """At 2.6e15 pulses clicks are where they should be."""
    month_ns = 30 * 86_400 * SECOND
    clicks = Candidates.chained(list(lit().stream_clicks("bob", month_ns, month_ns + 10_000_000)))
    assert clicks.index.size > 500
    assert clicks.index[0] >= month_ns
    assert clicks.index[-1] < month_ns + 10_000_000
    assert all(early <= late for early, late in pairwise(clicks.index.tolist()))


def test_unknown_engines_and_idle_workers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both name what is accepted."""
    with pytest.raises(UsageError, match="expected 1 or more"):
        lit().stream_clicks("bob", 0, 10, workers=0)
    monkeypatch.setenv("HIL_ENGINE", "fortran")
    with pytest.raises(UsageError, match="expected numpy or numba"):
        pick(0)


def test_short_looks_do_not_load_numba() -> None:
    """In a fresh process a look of a millisecond is numpy's."""
    code = (
        "import sys; from hil.bench import load; from hil.device_sims.world.world import World\n"
        "world = World(load('metro-25km'), 3); world.set_emitting('alice', 0, emitting=True)\n"
        "world.set_biased('bob', 0, biased=True)\n"
        "print(sum(c.index.size for c in world.stream_clicks('bob', 0, 1_000_000)) > 1000, 'numba' in sys.modules)"
    )
    clean = {name: value for name, value in os.environ.items() if name != "HIL_ENGINE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean)
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.slow
def test_who_waits_for_the_compiler_is_told_once(tmp_path: Path) -> None:
    """With an empty cache a line comes on standard error before the wait; with a full one there is none."""
    pytest.importorskip("numba")
    code = (
        "from hil.device_sims.world.draws import Draws; from hil.device_sims.world.engine import pick\n"
        "print(pick(1).name, pick(1).arrivals(Draws.of(1 << 70), 0, 0.1, 1000).size)"
    )
    environment = {**os.environ, "HIL_ENGINE": "numba", "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        for _ in range(2)
    )
    assert first.stderr.count("compiling fast loops") == 1
    assert second.stderr == ""
    assert first.stdout == second.stdout


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bob=st.fixed_dictionaries(
        {
            "dead_time_s": st.floats(0.0, 3e-7),
            "dead_time_kind": st.sampled_from(["non-paralysable", "paralysable"]),
            "recovery_time_s": st.sampled_from([0.0, 3e-8]),
            "latch_rate_hz": st.sampled_from([0.0, 1.5e7]),
            "latch_reset_s": st.just(1e-6),
            "afterpulse_probability": st.sampled_from([0.0, 5e-324, 1e-12, 0.01, 0.3]),
            "afterpulse_decay_s": st.floats(1e-8, 1e-5),
            "further_afterpulses": st.sampled_from([(), (AfterpulseFamily(probability=0.1, decay_s=5e-6),)]),
            "afterpulse_hold_off_s": st.sampled_from([0.0, 2e-7]),
            "jitter_sigma_s": st.sampled_from([0.0, 3e-10]),
            "jitter_tail_s": st.just(1e-10),
            "jitter_tail_share": st.sampled_from([0.0, 0.1]),
            "gate_width_s": st.sampled_from([0.0, 4e-10]),
            "gate_period_s": st.sampled_from([1e-9, 2e-9]),
            "dark_count_rate_hz": st.sampled_from([0.0, 1e3, 4e6]),
            "basis_choice": st.sampled_from(["passive", "active"]),
        }
    ),
    path=st.fixed_dictionaries(
        {
            "attenuation_db": st.floats(3.0, 20.0),
            "drift_rad": st.sampled_from([0.0, 3.0]),
            "line_nm": st.sampled_from([0.0, 0.5]),
        }
    ),
    drifts=st.booleans(),
)
def test_both_engines_agree_whatever_is_combined(
    monkeypatch: pytest.MonkeyPatch, bob: dict[str, Any], path: dict[str, float], drifts: bool
) -> None:
    """Dead times of every kind, traps, gates, jitter, dispersion and drift at random, all at once: the same bits."""
    pytest.importorskip("numba")
    found = []
    for engine in ("numpy", "numba"):
        monkeypatch.setenv("HIL_ENGINE", engine)
        world = _combined(bob, path, drifts=drifts)
        found.append(arrays(world.stream_clicks("bob", 500, 1_000_777)))
    assert found[0] == found[1]


def _combined(bob: dict[str, Any], path: dict[str, float], *, drifts: bool) -> World:
    """metro-25km with such detectors on such a path, whose state changes after half of the millisecond."""
    bench = load("metro-25km")
    link = bench.link["metro"]
    spread = Dispersion(line_width_nm=path["line_nm"], pulse_width_s=2e-10, window_s=1e-9) if path["line_nm"] else None
    turning = Polarisation(drift_rad_per_s=path["drift_rad"], feedback_every_s=1e-4) if path["drift_rad"] else None
    fibre = msgspec.structs.replace(link.fibre, dispersion=spread, polarisation=turning)
    drift = Drift(misalignment_per_k=5e-4, weather_k=2.0, day_night_k=5.0) if drifts else link.drift
    devices = {**bench.device, "bob": msgspec.structs.replace(bench.device["bob"], **bob)}
    link = msgspec.structs.replace(link, fibre=fibre, drift=drift)
    world = World(msgspec.structs.replace(bench, device=devices, link={**bench.link, "metro": link}), 3)
    world.set_attenuation_db("voa", path["attenuation_db"], 0)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    world.set_attenuation_db("voa", path["attenuation_db"] + 1.0, 500_123)
    return world


@pytest.mark.skipif(not available(), reason="needs numba")
@pytest.mark.parametrize("intensities", [1, 2, 3, 5])
def test_both_engines_read_the_same_settings(intensities: int) -> None:
    """Whatever the number of intensities, and where settings are no plain hash (biased bits)."""
    from hil.device_sims.world.loops import CompiledEngine

    alice = load("metro-25km").device["alice"]
    index = np.random.default_rng(intensities).integers(0, 2**48, 5000)
    means, often = tuple(0.5**n for n in range(intensities)), (1.0 / intensities,) * intensities
    for bias in (0.5, 0.3):
        device = msgspec.structs.replace(alice, intensities=means, intensity_probabilities=often, bit_one_probability=bias)
        source = Source(device, 7, "alice")
        expected = source.codes(index)
        assert np.array_equal(CompiledEngine().codes(source, index), expected)
        assert len(set(expected.tolist())) == 4 * intensities


def test_a_crowd_of_candidates_counts_as_the_effort_it_is() -> None:
    """Light that saturates offers ten photons a dead time, which numpy walks click by click: 25 times as long for each."""
    world = lit()
    scene = world._receiver("bob").scene
    calm = scene.reception(scene.segment_at(UNTIL).number)
    assert calm.effort_per_pulse == calm.candidates_per_pulse
    world.inject("metro", "blinding_power_w", 1e-6, UNTIL)
    crowded = scene.reception(scene.segment_at(2 * UNTIL).number)
    assert crowded.candidates_per_pulse == pytest.approx(4 * 10 / 50, rel=0.01)
    assert crowded.effort_per_pulse == pytest.approx(25 * crowded.candidates_per_pulse)
