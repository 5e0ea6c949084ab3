"""Pulses per second of the world against those of SeQUeNCe's BB84 on the same link, one core each, in the same run.

The link is that of metro-25km: 1 GHz, 0.32 photons a pulse on average, 20 dB from the transmitter to a click, 60 cps, 50 ns
dead time. SeQUeNCe (X. Wu et al., Quantum Sci. Technol. 6, 045027 (2021)) has one intensity, two detectors and no
afterpulses, so it has the smaller work. ``HIL_BENCHMARK_PEERS`` names the interpreter that has it; ``ci/benchmark`` makes one.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hil.bench import load
from hil.device_sims.world.world import World

PULSE_RATE_HZ, MEAN_PHOTONS, LOSS_DB, EFFICIENCY = 1e9, 0.4 * 0.55 + 0.4 * 0.25 + 0.2 * 2e-4, 13.01, 0.2
LIVE_NS = 100_000_000
PEER = {
    "pulse_rate_hz": PULSE_RATE_HZ, "mean_photons": MEAN_PHOTONS, "loss_db": LOSS_DB, "efficiency": EFFICIENCY,
    "dark_count_rate_hz": 60.0, "dead_time_s": 50e-9, "pulses": 500_000, "rounds": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def sequence() -> dict[str, Any] | str:
    """What SeQUeNCe took, or why it could not be asked."""
    if not (python := os.environ.get("HIL_BENCHMARK_PEERS")):
        return "not installed: HIL_BENCHMARK_PEERS names no interpreter that has it"
    script = Path(__file__).with_name("peer_sequence.py")
    command = [python, "-W", "ignore", str(script), json.dumps(PEER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    if done.returncode:
        return f"does not run here: {done.stderr.strip().splitlines()[-1]}"
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_pulses_per_second_against_sequence(figure: Any, seconds: Any, sequence: dict[str, Any] | str) -> None:
    """Both count the clicks that the link is to give."""
    world = World(load("metro-25km"), 1)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    at_ns, clicks = 0, 0

    def block() -> None:
        nonlocal at_ns, clicks
        world.start_block("bob", at_ns)
        at_ns += LIVE_NS
        clicks = world.stop_block("bob", at_ns).index.size

    taken = seconds(block)
    pulses_per_s = [PULSE_RATE_HZ * LIVE_NS / 1e9 / one for one in taken]
    # 3.2 million photon clicks a second less 4 to 6 % of dead time, and 1 % of afterpulses
    assert clicks == pytest.approx(PULSE_RATE_HZ * LIVE_NS / 1e9 * MEAN_PHOTONS * 0.01, rel=0.08)
    if isinstance(sequence, str):
        figure("world.vs_sequence", pulses_per_s, "pulses/s", peer="SeQUeNCe BB84", reason=sequence)
        return
    photons, sifted = PEER["pulses"] * MEAN_PHOTONS, PEER["pulses"] * MEAN_PHOTONS * 0.01 / 2
    assert abs(sequence["photons"] - photons) < 6 * math.sqrt(photons)
    # the last of ten stretches of light is still under way, and two detectors lose 8 % of their clicks to dead time
    assert abs(sequence["sifted"] - 0.9 * 0.92 * sifted) < 6 * math.sqrt(sifted)
    of_peer = [sequence["pulses"] / one for one in sequence["taken_s"]]
    figure("world.vs_sequence", pulses_per_s, "pulses/s", peer=f"SeQUeNCe {sequence['version']} BB84", peer_runs=of_peer)
