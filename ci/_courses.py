"""Thousands of measurements at once, each looked at after every block: where each stops, and with which answer.

The evidence is that of :mod:`hil.statistics.sequential`, added up block by block for all runs together; a naive course re-tests
the interval of one look instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.special import betaincinv, gammaincinv, ndtr, stdtrit

from hil.statistics.sequential import proportions, quantiles, rates
from hil.statistics.sequential.evidence import ABOVE, BELOW, log_held, log_mean, log_wealth
from hil.statistics.sequential.means import log_t_wealth
from hil.statistics.sequential.pooling import FEWEST, scales

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Pair = tuple[Floats, Floats]

__all__ = [
    "ALPHA",
    "Course",
    "Walk",
    "gates",
    "looked_at",
    "means",
    "naive_gates",
    "naive_means",
    "naive_proportions",
    "proportions_of",
    "shares_of",
]

ALPHA = 0.05
_ENOUGH = -math.log(ALPHA)


@dataclass(frozen=True)
class Course:
    """Of each run (n,): -1 answered below the limit, 1 above, 0 undecided; and the blocks it took."""

    answers: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.int64]

    def share(self, answer: int) -> float:
        """Of the runs that ended so."""
        return float((self.answers == answer).mean())


class Walk(Protocol):
    """Evidence of all runs after one block more, (n,) each: that they are below, that they are above the limit."""

    def __call__(self) -> Iterator[Pair]: ...


def looked_at(walk: Walk, runs: int, enough: float = _ENOUGH) -> Course:
    """Stop each run at its first look with enough evidence for an answer."""
    answers, blocks = np.zeros(runs, dtype=np.int64), np.zeros(runs, dtype=np.int64)
    for block, (below, above) in enumerate(walk(), start=1):
        left = answers == 0
        blocks[left] = block
        answers[left & (below >= enough)] = -1
        answers[left & (answers == 0) & (above >= enough)] = 1
    return Course(answers, blocks)


def proportions_of(errors: Floats, trials: int, limit: float) -> Walk:
    """Blocks (runs, blocks) of so many trials each."""
    return _proportions(errors, trials, limit, proportions.correlations, proportions.caution)


def shares_of(slow: Floats, allowed: float) -> Walk:
    """Slow ones in batches (runs, batches) of times, against the share that is allowed."""

    def grid(trials: float, limit: float) -> Floats:
        return proportions.correlations(trials, limit, quantiles.WIDEST)

    return _proportions(slow, quantiles.BATCH, allowed, grid, lambda _: quantiles.CAUTION)


def _proportions(
    errors: Floats,
    trials: int,
    limit: float,
    grid_of: Callable[[float, float], Floats],
    caution_of: Callable[[float], float],
) -> Walk:

    def views(length: int) -> tuple[Floats, Floats, float]:
        grid, events = grid_of(trials * length, limit), trials * length * limit
        return grid, proportions.prior(events, grid.size), caution_of(events)

    def each(counts: Floats, length: int, grid: Floats) -> Floats:
        kinds, place = np.unique(counts, return_inverse=True)
        return proportions.log_likelihoods(kinds, np.full(kinds.size, float(trials * length)), _values(limit), grid)[place]

    return _mixture(errors, trials * limit, views, each)


def gates(counts: Floats, gate_s: float, limit_hz: float) -> Walk:
    """Gates (runs, gates) of clicks."""
    mean = gate_s * limit_hz

    def views(length: int) -> tuple[Floats, Floats, float]:
        grid = rates.spreads(mean * length)
        return grid, proportions.prior(mean * length, grid.size), proportions.caution(mean * length)

    def each(clicks: Floats, length: int, grid: Floats) -> Floats:
        kinds, place = np.unique(clicks, return_inverse=True)
        return rates.log_likelihoods(kinds, _values(mean * length), grid)[place]

    return _mixture(counts, mean, views, each)


def means(values: Floats, limit: float) -> Walk:
    """Values (runs, blocks)."""

    def walk() -> Iterator[Pair]:
        sums = np.cumsum(values - limit, axis=1)
        runs, blocks = values.shape
        latest: dict[int, Pair] = {}
        squares: dict[int, Floats] = {}
        for block in range(1, blocks + 1):
            for length in scales(blocks):
                if block % length:
                    continue
                group = sums[:, block - 1] - (sums[:, block - 1 - length] if block > length else 0.0)
                squares[length] = squares.get(length, np.zeros(runs)) + group**2
                n = block // length
                if n >= (2 if length == 1 else FEWEST):
                    tau = sums[:, block - 1] / np.sqrt(squares[length])
                    latest[length] = _t_wealth(n, -tau), _t_wealth(n, tau)
            yield _least(latest, runs)

    return walk


def _t_wealth(n: int, tau: Floats) -> Floats:
    """As log_t_wealth, by interpolation: what matters of tau is Student's t, on a scale that has room for the largest."""
    grid = np.linspace(-14.0, 14.0, 1401)
    known = _known_wealth(n)
    found: Floats = np.interp(np.arcsinh(tau / np.sqrt(np.maximum(n - tau**2, 1e-20))), grid, known)
    return found


@cache
def _known_wealth(n: int) -> Floats:
    t = np.sinh(np.linspace(-14.0, 14.0, 1401))
    return log_t_wealth(n, math.sqrt(n) * t / np.sqrt(1.0 + t**2))


def _values(limit: float) -> Floats:
    return np.array([*(factor * limit for factor, _ in BELOW), limit, *(factor * limit for factor, _ in ABOVE)])


def _least(latest: dict[int, Pair], runs: int) -> Pair:
    """What all lengths of groups agree on; nothing before there is any."""
    if not latest:
        return np.full(runs, -math.inf), np.full(runs, -math.inf)
    below, above = zip(*latest.values(), strict=True)
    return np.minimum.reduce(below), np.minimum.reduce(above)


def _mixture(
    counts: Floats,
    events: float,
    views: Callable[[int], tuple[Floats, Floats, float]],
    each: Callable[[Floats, int, Floats], Floats],
) -> Walk:
    """Log likelihoods of single and grouped blocks, added up; ``views`` gives grid, weights and caution of a length."""

    def walk() -> Iterator[Pair]:
        runs, blocks = counts.shape
        sums = np.concatenate([np.zeros((runs, 1)), np.cumsum(counts, axis=1)], axis=1)
        lengths = scales(blocks, events)
        known = {length: views(length) for length in lengths}
        logs = {length: np.zeros((runs, len(BELOW) + 1 + len(ABOVE), 1 + known[length][0].size)) for length in lengths}
        latest: dict[int, Pair] = {}
        for block in range(1, blocks + 1):
            for length in lengths:
                if block % length:
                    continue
                grid, weights, caution = known[length]
                logs[length] += each(sums[:, block] - sums[:, block - length], length, grid)
                if length == 1 or block // length >= FEWEST:
                    held = log_held(logs[length][:, len(BELOW)], weights, caution)
                    marginal = log_mean(logs[length], weights)
                    below, _, above = np.split(marginal, [len(BELOW), len(BELOW) + 1], axis=1)
                    latest[length] = log_wealth(below, held, BELOW), log_wealth(above, held, ABOVE)
            yield _least(latest, runs)

    return walk


def naive_proportions(errors: Floats, trials: int, limit: float) -> Walk:
    """Clopper-Pearson after every block."""

    def walk() -> Iterator[Pair]:
        for block, wrong in enumerate(np.cumsum(errors, axis=1).T, start=1):
            n = float(block * trials)
            high = np.where(wrong < n, betaincinv(wrong + 1.0, np.maximum(n - wrong, 1e-9), 1.0 - ALPHA), 1.0)
            low = np.where(wrong > 0, betaincinv(np.maximum(wrong, 1e-9), n - wrong + 1.0, ALPHA), 0.0)
            yield _refuted(low, high, limit)

    return walk


def naive_gates(counts: Floats, gate_s: float, limit_hz: float) -> Walk:
    """The quasi-Poisson interval with the measured Fano factor, from two gates on: hil.statistics.counts.gated_rate."""

    def walk() -> Iterator[Pair]:
        sums, squares = np.cumsum(counts, axis=1), np.cumsum(counts**2, axis=1)
        yield _refuted(np.full(len(counts), -math.inf), np.full(len(counts), math.inf), limit_hz)
        for n in range(2, counts.shape[1] + 1):
            total = sums[:, n - 1]
            variance = (squares[:, n - 1] - total**2 / n) / (n - 1)
            fano = np.maximum(variance / np.maximum(total / n, 1e-12), 1.0 if limit_hz * gate_s < 25 else 1e-6)
            alpha = float(ndtr(-stdtrit(n - 1, 1.0 - ALPHA)))
            scale = fano / (n * gate_s)
            low = np.where(total > 0, gammaincinv(np.maximum(total / fano, 1e-9), alpha), 0.0) * scale
            yield _refuted(low, gammaincinv(total / fano + 1.0, 1.0 - alpha) * scale, limit_hz)

    return walk


def naive_means(values: Floats, limit: float) -> Walk:
    """Student's t after every block."""

    def walk() -> Iterator[Pair]:
        yield _refuted(np.full(len(values), -math.inf), np.full(len(values), math.inf), limit)
        for n in range(2, values.shape[1] + 1):
            seen = values[:, :n]
            half = float(stdtrit(n - 1, 1.0 - ALPHA)) * seen.std(axis=1, ddof=1) / math.sqrt(n)
            yield _refuted(seen.mean(axis=1) - half, seen.mean(axis=1) + half, limit)

    return walk


def _refuted(low: Floats, high: Floats, limit: float) -> Pair:
    """All the evidence there can be where the limit lies outside."""
    return np.where(high < limit, math.inf, -math.inf), np.where(low >= limit, math.inf, -math.inf)
