"""Privacy amplification against the same product by one plain FFT convolution in double precision, and by randextract.

randextract (PyPI, MIT) is a reference implementation written to check others. ``HIL_BENCHMARK_PEERS`` names the interpreter
that has it; ``ci/benchmark`` makes one.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy
from scipy import fft

from hil.pipeline.amplification import amplify, seed_bits
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]


def plain(bits: Bits, seed: Bits, output: int) -> Bits:
    """The shortest cyclic convolution that holds the product, as one would write it with scipy."""
    size = fft.next_fast_len(seed.size, real=True)
    counts = fft.irfft(fft.rfft(seed.astype(np.float64), size) * fft.rfft(bits.astype(np.float64), size), size)
    whole: Bits = (np.rint(counts[bits.size - 1 : bits.size - 1 + output]).astype(np.int64) & 1).astype(np.uint8)
    return whole


@pytest.mark.parametrize(("length", "name"), [(1_000_000, "1e6"), (10_000_000, "1e7")])
def test_toeplitz(figure: Any, seconds: Callable[..., list[float]], length: int, name: str) -> None:
    """Half as many bits out as in, both exact."""
    rng = stream(1, "benchmark", length)
    bits = rng.integers(0, 2, length, dtype=np.uint8)
    seed = rng.integers(0, 2, seed_bits(length, length // 2), dtype=np.uint8)
    rounds = 5 if length < 5_000_000 else 3
    ours = seconds(lambda: amplify(bits, seed, length // 2), rounds=rounds)
    theirs = seconds(lambda: plain(bits, seed, length // 2), rounds=rounds)
    assert np.array_equal(amplify(bits, seed, length // 2), plain(bits, seed, length // 2))
    figure(
        f"toeplitz.vs_scipy.{name}",
        [length / taken / 1e6 for taken in ours],
        "Mbit/s in",
        peer=f"scipy {scipy.__version__} fft, float64",
        peer_runs=[length / taken / 1e6 for taken in theirs],
    )


@pytest.mark.parametrize("length", [1_000_003, 10_000_000])
def test_toeplitz_of_randextract(figure: Any, seconds: Callable[..., list[float]], length: int, tmp_path: Path) -> None:
    """The same bits out, by its digest; half as many as in."""
    name = "1e6" if length < 5_000_000 else "1e7"
    rng = stream(2, "benchmark", length)
    output = length // 2
    bits = rng.integers(0, 2, length, dtype=np.uint8)
    seed = rng.integers(0, 2, seed_bits(length, output), dtype=np.uint8)
    ours = [length / taken / 1e6 for taken in seconds(lambda: amplify(bits, seed, output), rounds=3)]
    what, peer = f"toeplitz.vs_randextract.{name}", "randextract"
    python = os.environ.get("HIL_BENCHMARK_PEERS")
    if not python:
        figure(what, ours, "Mbit/s in", peer=peer, reason="HIL_BENCHMARK_PEERS names no interpreter that has it")
        return
    for part, content in (("bits", bits), ("seed", seed)):
        (tmp_path / part).write_bytes(np.packbits(content).tobytes())
    script = str(Path(__file__).with_name("peer_randextract.py"))
    command = [python, "-W", "ignore", script, str(tmp_path), str(length), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        figure(what, ours, "Mbit/s in", peer=peer, reason=f"does not run here: {done.stderr.strip().splitlines()[-1]}")
        return
    told = json.loads(done.stdout.splitlines()[-1])
    assert hashlib.sha256(np.packbits(amplify(bits, seed, output)).tobytes()).hexdigest() == told["digest"]
    figure(what, ours, "Mbit/s in", peer=f"randextract {told['version']}", peer_runs=[length / told["taken_s"] / 1e6])


def test_a_hundred_million_bits(figure: Any, seconds: Callable[..., list[float]]) -> None:
    """To a tenth; rows at both ends and some between are right, by the parity of a bitwise and of two big integers."""
    length, output = 100_000_000, 10_000_000
    rng = stream(3, "benchmark", length)
    bits = rng.integers(0, 2, length, dtype=np.uint8)
    seed = rng.integers(0, 2, seed_bits(length, output), dtype=np.uint8)
    products: list[Bits] = []
    tracemalloc.start()
    taken = seconds(lambda: products.append(amplify(bits, seed, output)), rounds=1, warmup=0)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    forward = int.from_bytes(np.packbits(bits).tobytes(), "big")
    for row in [0, 1, output - 1, *rng.integers(0, output, 5).tolist()]:
        backward = int.from_bytes(np.packbits(seed[row : row + length][::-1]).tobytes(), "big")
        assert products[0][row] == (forward & backward).bit_count() & 1
    figure("toeplitz.1e8", [length / one / 1e6 for one in taken], "Mbit/s in")
    figure("toeplitz.memory.1e8", [peak_bytes / length], "bytes a bit in")
