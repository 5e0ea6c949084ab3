"""Reconciliation by parity checks, both parties and their messages on one core, against PyPI ``ldpc``'s decoder on a like code.

``HIL_BENCHMARK_PEERS`` names the interpreter that has the peer; ``ci/benchmark`` makes one.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.pipeline.conversation import Conversation
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Corrected
from hil.pipeline.reconciliation import choice
from hil.pipeline.reconciliation.ldpc_graph import code_of
from hil.pipeline.stepping import run_pair
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hil.pipeline.party import Party

    Bits = npt.NDArray[np.uint8]

pytest.importorskip("numba")

QBER, BITS = 0.05, 1 << 22
PEER = {"error_ratio": QBER, "rounds": 3}
PEER_ROWS, PEER_LIFTING = 162, 256
"""Of the peer's code: one of this family, of 131,072 bits, as it takes any."""


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any] | str:
    """What it took, or why it could not be asked."""
    if not (python := os.environ.get("HIL_BENCHMARK_PEERS")):
        return "not installed: HIL_BENCHMARK_PEERS names no interpreter that has it"
    graph = tmp_path_factory.mktemp("ldpc") / "graph.npz"
    shifts, z = code_of(PEER_ROWS, PEER_LIFTING).told.shifts[:PEER_ROWS], PEER_LIFTING
    row, column = np.nonzero(shifts >= 0)
    r = np.arange(z)
    checks = (row[:, None] * z + r).reshape(-1)
    bits = (column[:, None] * z + (r + shifts[row, column][:, None]) % z).reshape(-1)
    np.savez(graph, row=checks, column=bits, shape=np.array([PEER_ROWS * z, shifts.shape[1] * z]))
    command = [python, str(Path(__file__).with_name("peer_ldpc.py")), str(graph), json.dumps(PEER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        return f"does not run here: {done.stderr.strip().splitlines()[-1]}"
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def correct(alice: Bits, bob: Bits) -> int:
    """Bits disclosed by both, of a correction that has to succeed."""
    ends = Conversation("a"), Conversation("b")

    def bobs() -> Party[Bits]:
        corrected, _ = yield from choice.correct(ends[1], bob, QBER, SeededEntropy(1), "ldpc")
        yield from ends[1].send(Corrected((0, 0, 0)))
        return corrected

    (_, disclosed), corrected = run_pair(choice.answer(ends[0], alice, "ldpc"), bobs())
    assert np.array_equal(corrected, alice)
    return disclosed.by_alice + disclosed.by_bob


def test_speed_and_efficiency(figure: Any, seconds: Callable[..., list[float]], peer: dict[str, Any] | str) -> None:
    """Sifted bits a second at 5 %, and what was disclosed over the limit that the very errors set."""
    rng = stream(1, "benchmark ldpc")
    alice = rng.integers(0, 2, BITS, dtype=np.uint8)
    bob = alice ^ (rng.random(BITS) < QBER).astype(np.uint8)
    speeds = [BITS / 1e6 / one for one in seconds(lambda: correct(alice, bob), rounds=3)]
    q = float((alice != bob).mean())
    f = correct(alice, bob) / (BITS * (-q * math.log2(q) - (1 - q) * math.log2(1 - q)))
    if isinstance(peer, str):
        about: dict[str, Any] = {"peer": "ldpc product_sum", "reason": peer}
    else:
        name = f"ldpc {peer['version']} product_sum, decoder alone, {peer['failed']} of {len(peer['taken_s'])} failed"
        about = {"peer": name, "peer_runs": [peer["bits"] / 1e6 / one for one in peer["taken_s"]]}
    figure("ldpc.mbit_s.5pct", speeds, "Mbit/s", **about)
    figure("ldpc.f.5pct", [f], "disclosed bits over the Slepian-Wolf limit")
