"""The sampled repeater chain against SeQUeNCe's swapping of the same one; and how many of its pairs the world makes a second.

SeQUeNCe (X. Wu et al., Quantum Sci. Technol. 6, 045027 (2021)) stores, swaps and signals by itself; its elementary pairs appear
after geometric numbers of periods, drawn for it. ``HIL_BENCHMARK_PEERS`` names the interpreter that has it;
``ci/benchmark`` makes one.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.device_sims.world.world import World
from hil.physics.repeater_prediction import predict_repeater

SIGMAS = 6.0
ROUNDS = 6_000
COHERENCE_S = (0.1, 0.06, 0.2)
NODES = ("west", "middle", "east")
BENCH = load("repeater-2")
"""With memories that lose much while they wait, each node its own."""
BENCH = msgspec.structs.replace(
    BENCH,
    device={
        name: msgspec.structs.replace(BENCH.device[name], coherence_time_s=kept)
        for name, kept in zip(NODES, COHERENCE_S, strict=True)
    },
)


def world() -> World:
    made = World(BENCH, 1)
    for name in NODES:
        made.set_repeating(name, 0, repeating=True)
    return made


@pytest.fixture(scope="module")
def sequence() -> dict[str, Any] | str:
    """What SeQUeNCe found, or why it could not be asked."""
    if not (python := os.environ.get("HIL_BENCHMARK_PEERS")):
        return "not installed: HIL_BENCHMARK_PEERS names no interpreter that has it"
    single = 0.091**2 * 10**-0.5  # both photons caught, 25 km at 0.2 dB/km
    said = {
        "seed": 3, "rounds": ROUNDS, "segment_success": [1 - (1 - single) ** 10] * 2, "period_ps": 200_000_000,
        "crossing_ps": 122_417_000, "signal_ps": 122_417_000, "fidelity": 0.92, "gate_fid": (4 * 0.97 - 1) / 3,
        "swap_success": 0.9, "coherence_s": COHERENCE_S,
    }  # fmt: skip
    script = Path(__file__).with_name("peer_sequence_swapping.py")
    command = [python, "-W", "ignore", str(script), json.dumps(said)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    if done.returncode:
        return f"does not run here: {done.stderr.strip().splitlines()[-1]}"
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_swapped_pairs_are_those_of_sequence(sequence: dict[str, Any] | str) -> None:
    """Round, swap success and mean fidelity within six standard errors of both the closed forms and the sampled chain."""
    if isinstance(sequence, str):
        pytest.skip(f"SeQUeNCe {sequence}")
    expected = predict_repeater(BENCH, "backbone")
    assert sequence["rounds"] == ROUNDS
    success = sequence["pairs"] / ROUNDS
    assert abs(success - expected.swap_success) < SIGMAS * math.sqrt(0.9 * 0.1 / ROUNDS)
    # a round's length spreads by less than its mean
    assert abs(sequence["lasted_s"] / ROUNDS - expected.round_s) < SIGMAS * expected.round_s / math.sqrt(ROUNDS)
    error = sequence["fidelity_deviation"] / math.sqrt(sequence["pairs"])
    assert abs(sequence["fidelity"] - expected.fidelity) < SIGMAS * error
    made, now_ns = world(), 10**9 * round(100_000 / expected.rate_hz)
    west, east = (made.pairs(end, 0, 10**6, now_ns) for end in ("west", "east"))
    wrong = float(((west.outcomes != east.outcomes) ^ (np.arange(west.made) % 3 == 2)).mean())
    sampled, deviation = 1.0 - 1.5 * wrong, 1.5 * math.sqrt(wrong * (1.0 - wrong) / west.made)
    assert abs(sequence["fidelity"] - sampled) < SIGMAS * math.hypot(error, deviation)


def test_pairs_per_second(figure: Any, seconds: Any) -> None:
    """An hour of the chain: 0.9 pairs a round of 11.66 ms."""
    pairs = 0

    def hour() -> None:
        nonlocal pairs
        pairs = world().pairs("west", 0, 1, 3_600 * 10**9).made

    taken = seconds(hour)
    expected = 3_600 * predict_repeater(BENCH, "backbone").rate_hz
    assert abs(pairs - expected) < SIGMAS * math.sqrt(expected)
    figure("world.repeater_pairs_per_s", [pairs / one for one in taken], "pairs/s")
