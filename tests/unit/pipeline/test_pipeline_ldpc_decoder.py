"""The decoder of the parity checks: against sums over every error pattern, and compiled against numpy."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.pipeline.reconciliation import ldpc_decoder
from hil.pipeline.reconciliation.ldpc_decoder import MOST_LEVEL, UNIT, both_say, decode, group_size
from hil.pipeline.reconciliation.ldpc_graph import Graph, code_of
from hil.seeds import stream

if TYPE_CHECKING:
    import numpy.typing as npt

WAYS = pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "numba"])


def use(monkeypatch: pytest.MonkeyPatch, *, compiled: bool) -> None:
    if compiled:
        pytest.importorskip("numba")
    monkeypatch.setattr(ldpc_decoder, "available", lambda: compiled)


def tree() -> Graph:
    """Three checks without a cycle over eight bits, twice."""
    rows = [[0, 1, 0, -1, -1, -1, -1, -1], [-1, -1, 1, 0, 0, 1, -1, -1], [-1, -1, -1, -1, -1, 0, 1, 0]]
    return Graph(np.array(rows, dtype=np.int64), 2)


def exact_levels(code: Graph, syndrome: npt.NDArray[np.uint8], error_ratio: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ln(p0 / p1) of each bit, by summing over all 2^16 patterns that have this syndrome."""
    patterns = np.array(list(product((0, 1), repeat=16)), dtype=np.uint8).reshape(-1, 8, 2)
    fits = (code.syndromes(patterns, 0, 3) == syndrome).all(axis=(1, 2))
    patterns = patterns[fits]
    chance = np.where(patterns, error_ratio, 1.0 - error_ratio).prod(axis=(1, 2))
    wrong = (chance[:, None, None] * patterns).sum(axis=0)
    levels: npt.NDArray[np.float64] = np.log((chance.sum() - wrong) / wrong)
    return levels


@pytest.mark.parametrize("seed", range(12))
def test_levels_without_cycles_are_the_exact_ones(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Where the graph is a tree, belief propagation ends at the a-posteriori probabilities.

    To 0.6 of a unit: at most six steps lie between two bits, and each is off by at most 3.3 levels of 32.
    """
    use(monkeypatch, compiled=False)
    rng = stream(seed, "tree")
    error_ratio = rng.uniform(0.02, 0.3, (8, 2))
    code = tree()
    syndrome = code.syndromes((rng.random((1, 8, 2)) < error_ratio).astype(np.uint8), 0, 3)
    levels = np.round(UNIT * np.log((1 - error_ratio) / error_ratio)).astype(np.int16)[None]
    # it would stop at the first pattern that fits, before all has been heard
    monkeypatch.setattr(ldpc_decoder, "_unsatisfied", lambda *_: np.array([1]))
    decode(code, syndrome, levels)
    assert levels[0] / UNIT == pytest.approx(exact_levels(code, syndrome[0], error_ratio), abs=0.6)


def test_what_two_bits_say_of_a_third() -> None:
    """2 artanh(tanh(a/2) tanh(b/2)), to 3.3 levels of 32: 1.15 for each of two parabolas, a half for each rounding."""
    levels = np.arange(0, MOST_LEVEL, 7, dtype=np.int16)
    said = both_say(levels[:, None], levels[None, :])
    exact = np.tanh(levels[:, None] / 2 / UNIT) * np.tanh(levels[None, :] / 2 / UNIT)
    assert said == pytest.approx(2 * UNIT * np.arctanh(exact), abs=3.3)


@pytest.mark.parametrize("bits", [1, 2, 4, 5, 9, 10, 75, 10_000])
def test_group_size(bits: int) -> None:
    assert group_size(bits) == math.isqrt(bits - 1) + 1
    ldpc_kernel = pytest.importorskip("hil.pipeline.reconciliation.ldpc_kernel", exc_type=ImportError)
    assert ldpc_kernel.group_size(bits) == group_size(bits)


@pytest.mark.parametrize(("rows", "lifting", "error_ratio"), [(46, 24, 0.0095), (161, 16, 0.04), (20, 9, 0.001)])
def test_compiled_and_numpy_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, rows: int, lifting: int, error_ratio: float
) -> None:
    """Decided bits, levels and iterations, of frames that are corrected and of frames that are not."""
    pytest.importorskip("numba")
    monkeypatch.setattr(ldpc_decoder, "_MOST_ITERATIONS", 8)
    code = code_of(rows, lifting).split(rows + 1)
    wrong = (stream(1, "same", rows).random((6, 512, lifting)) < error_ratio).astype(np.uint8)
    syndromes = code.syndromes(wrong, 0, rows + 1)
    results = []
    for compiled in (False, True):
        use(monkeypatch, compiled=compiled)
        levels = np.full(wrong.shape, round(UNIT * math.log((1 - error_ratio) / error_ratio)), dtype=np.int16)
        results.append((*decode(code, syndromes, levels), levels))
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)
    decided, taken, _ = results[0]
    good = taken > 0
    assert np.array_equal(code.syndromes(decided[good], 0, rows + 1), syndromes[good])


@WAYS
def test_frames_far_beyond_the_code_are_given_up(monkeypatch: pytest.MonkeyPatch, *, compiled: bool) -> None:
    use(monkeypatch, compiled=compiled)
    monkeypatch.setattr(ldpc_decoder, "_MOST_ITERATIONS", 12)
    code = code_of(46, 16).split(46)
    wrong = (stream(1, "far").random((2, 512, 16)) < 0.2).astype(np.uint8)
    _, taken = decode(code, code.syndromes(wrong, 0, 46), np.full(wrong.shape, 100, dtype=np.int16))
    assert (taken < 0).all()
