"""Thousands of measurements at once, each looked at after every block: where each stops, and with which answer.

The evidence is that of :mod:`hil.statistics.sequential`, added up block by block for all runs together; a naive course re-tests
the interval of one look instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import betaincinv, gammaincinv, ndtr, stdtrit

from hil.statistics.edge import gap_edge, sequential_gap_edge
from hil.statistics.sequential import proportions, quantiles, rates
from hil.statistics.sequential.evidence import bets, log_held, log_mean, log_wealth
from hil.statistics.sequential.means import KINDS, log_drift_wealth, log_t_likelihood
from hil.statistics.sequential.pooling import FEWEST, scales

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from hil.statistics.interval import Interval

    Floats = npt.NDArray[np.float64]
    Pair = tuple[Floats, Floats]
    from hil.statistics.sequential.evidence import Bets

__all__ = [
    "ALPHA",
    "Course",
    "Walk",
    "edges_of",
    "gates",
    "looked_at",
    "means",
    "naive_edges",
    "naive_gates",
    "naive_means",
    "naive_proportions",
    "outages_of",
    "proportions_of",
    "shares_of",
    "wald_gates",
    "wald_proportions",
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


@dataclass(frozen=True)
class _Law:
    """How blocks are taken: grid, weights and caution by size, bets and likelihoods by size."""

    view: Callable[[float], tuple[Floats, Floats, float]]
    spreads: Callable[[float], tuple[Bets, Bets]]
    each: Callable[[Floats, float, Floats, Floats], Floats]


def _trials(limit: float, widest: float | None = None, credit: float | None = None) -> _Law:
    """Blocks of trials, by the number of trials."""

    def view(size: float) -> tuple[Floats, Floats, float]:
        grid = proportions.correlations(size, limit) if widest is None else proportions.correlations(size, limit, widest)
        events = size * limit
        return grid, proportions.prior(events, grid.size), proportions.caution(events) if credit is None else credit

    def each(counts: Floats, size: float, factors: Floats, grid: Floats) -> Floats:
        kinds, place = np.unique(counts, return_inverse=True)
        return proportions.log_likelihoods(kinds, np.full(kinds.size, size), factors * limit, grid)[place]

    return _Law(view, lambda size: bets(size * limit), each)


def proportions_of(errors: Floats, trials: int, limit: float) -> Walk:
    """Blocks (runs, blocks) of so many trials each."""
    return _mixture(errors, float(trials), trials * limit, _trials(limit))


def outages_of(bad: Floats, slices: int, allowed: float, effect: float = 10.0) -> Walk:
    """Bad slices in looks (runs, looks) of so many, with outages of this design effect."""
    law = _trials(allowed)

    def view(size: float) -> tuple[Floats, Floats, float]:
        grid = proportions.up_to(effect, size)
        return grid, proportions.prior(size * allowed, grid.size), 1.0

    return _mixture(bad, float(slices), slices * allowed, replace(law, view=view))


def shares_of(slow: Floats, allowed: float) -> Walk:
    """Slow ones in batches (runs, batches) of times, against the share that is allowed."""
    law = _trials(allowed, quantiles.WIDEST, quantiles.CAUTION)
    batch = float(quantiles.BATCH)
    return _mixture(slow, batch, batch * allowed, replace(law, spreads=lambda size: quantiles.spreads(size * allowed)))


def gates(counts: Floats, gate_s: float, limit_hz: float) -> Walk:
    """Gates (runs, gates) of clicks."""
    mean = gate_s * limit_hz
    return _mixture(counts, mean, mean, _clicks())


def _clicks() -> _Law:
    """Gates of clicks, by the number that the limit lets expect."""

    def view(mean: float) -> tuple[Floats, Floats, float]:
        grid = rates.spreads(mean)
        return grid, proportions.prior(mean, grid.size), proportions.caution(mean)

    def each(clicks: Floats, mean: float, factors: Floats, grid: Floats) -> Floats:
        kinds, place = np.unique(clicks, return_inverse=True)
        return rates.log_likelihoods(kinds, factors * mean, grid)[place]

    return _Law(view, bets, each)


def means(values: Floats, limit: float) -> Walk:
    """Values (runs, blocks); whitened by the inverse of Cholesky's factor, where the product filters."""

    def walk() -> Iterator[Pair]:
        runs, blocks = values.shape
        factors = [_cholesky(share, keeps, blocks) for share, keeps in KINDS]
        whitened = np.stack([(values - limit) @ inverse.T for inverse, _ in factors])
        ones = np.stack([inverse.sum(axis=1) for inverse, _ in factors])
        length, log_det = np.cumsum(ones**2, axis=1), np.stack([np.cumsum(logs) for _, logs in factors])
        both, squares = np.cumsum(whitened * ones[:, None, :], axis=2), np.cumsum(whitened**2, axis=2)
        yield np.full(runs, -math.inf), np.full(runs, -math.inf)
        for n in range(2, blocks + 1):
            exact = squares[..., n - 1] == 0.0  # all values on the limit: they say nothing
            about = np.where(exact, 1.0, squares[..., n - 1])
            tau = np.where(exact, 0.0, both[..., n - 1]) / np.sqrt(about)
            held = (-log_det[:, n - 1, None] - n / 2.0 * np.log(about)).T
            pair = [
                np.stack([_t_likelihood(n, sign * one, float(part)) for one, part in zip(tau, length[:, n - 1], strict=True)])
                for sign in (-1.0, 1.0)
            ]
            yield log_drift_wealth(held, pair[0].T), log_drift_wealth(held, pair[1].T)

    return walk


@cache
def _cholesky(share: float, keeps: float, blocks: int) -> tuple[Floats, Floats]:
    """Inverse of Cholesky's factor of a drift's correlations, and the logarithms of that factor's diagonal."""
    apart = np.abs(np.subtract.outer(np.arange(blocks), np.arange(blocks)))
    lower = np.linalg.cholesky((1.0 - share) * np.eye(blocks) + share * keeps**apart)
    return np.linalg.inv(lower), np.log(np.diag(lower))


def _t_likelihood(n: int, tau: Floats, ones: float) -> Floats:
    """As log_t_likelihood, by a spline: what matters of tau is Student's t, on a scale that has room for the largest."""
    found: Floats = _known(n, ones)(np.arcsinh(tau / np.sqrt(np.maximum(ones - tau**2, 1e-20))))
    return found


@cache
def _known(n: int, ones: float) -> CubicSpline:
    places = np.linspace(-14.0, 14.0, 141)
    t = np.sinh(places)
    return CubicSpline(places, log_t_likelihood(n, math.sqrt(ones) * t / np.sqrt(1.0 + t**2), ones))


def _least(latest: dict[int, Pair], runs: int) -> Pair:
    """What all lengths of groups agree on; nothing before there is any."""
    if not latest:
        return np.full(runs, -math.inf), np.full(runs, -math.inf)
    below, above = zip(*latest.values(), strict=True)
    return np.minimum.reduce(below), np.minimum.reduce(above)


def _mixture(counts: Floats, size: float, events: float, law: _Law) -> Walk:
    """Blocks of so many trials and events, single and grouped."""

    def walk() -> Iterator[Pair]:
        for latest in _added_up(counts, size, events, law):
            yield _least({length: _pair(law, size * length, logs) for length, logs in latest.items()}, len(counts))

    return walk


def _pair(law: _Law, size: float, logs: Floats) -> Pair:
    """Evidence of one length of groups from its log likelihoods (runs, alternatives, correlations)."""
    _, weights, caution = law.view(size)
    less, more = law.spreads(size)
    held = log_held(logs[:, len(less)], weights, caution)
    below, _, above = np.split(log_mean(logs, weights), [len(less), len(less) + 1], axis=1)
    return log_wealth(below, held, less), log_wealth(above, held, more)


def _added_up(counts: Floats, size: float, events: float, law: _Law, at: Floats | None = None) -> Iterator[dict[int, Floats]]:
    """Log likelihoods of single and grouped blocks after every block, of those lengths of which there are enough.

    At the multiples ``at`` of the limit; at those that are bet on and the limit itself, unless told.
    """
    runs, blocks = counts.shape
    sums = np.concatenate([np.zeros((runs, 1)), np.cumsum(counts, axis=1)], axis=1)
    lengths = scales(blocks, events)
    grids = {length: law.view(size * length)[0] for length in lengths}
    factors = {length: _factors(law, size * length) if at is None else at for length in lengths}
    logs = {length: np.zeros((runs, factors[length].size, 1 + grids[length].size)) for length in lengths}
    latest: dict[int, Floats] = {}
    for block in range(1, blocks + 1):
        for length in (one for one in lengths if block % one == 0):
            of_group = sums[:, block] - sums[:, block - length]
            logs[length] += law.each(of_group, size * length, factors[length], grids[length])
            if length == 1 or block // length >= FEWEST:
                latest[length] = logs[length]
        yield latest


def _factors(law: _Law, size: float) -> Floats:
    less, more = law.spreads(size)
    return np.array([*(factor for factor, _ in less), 1.0, *(factor for factor, _ in more)])


def wald_proportions(errors: Floats, trials: int, good: float, bad: float) -> Walk:
    """Wald's test of two error rates, below is good, above is bad."""
    return _wald(errors, float(trials), trials * bad, _trials(bad), good / bad)


def wald_gates(counts: Floats, gate_s: float, good_hz: float, bad_hz: float) -> Walk:
    """The same of two count rates."""
    return _wald(counts, gate_s * bad_hz, gate_s * bad_hz, _clicks(), good_hz / bad_hz)


def _wald(counts: Floats, size: float, events: float, law: _Law, good: float) -> Walk:
    """Each length of groups by itself: an answer takes all of them to say the same."""

    def walk() -> Iterator[Pair]:
        for latest in _added_up(counts, size, events, law, np.array([good, 1.0])):
            ratios = []
            for length, logs in latest.items():
                marginal = log_mean(logs, law.view(size * length)[1])
                ratios.append(marginal[:, 0] - marginal[:, 1])
            yield np.minimum.reduce(ratios), -np.maximum.reduce(ratios)

    return walk


def edges_of(gaps: npt.NDArray[np.int64], blocks: int, limit: float) -> Walk:
    """Gaps (runs, n), looked at in so many blocks: edges below or above the limit."""
    return _edges(gaps, blocks, limit, sequential_gap_edge)


def naive_edges(gaps: npt.NDArray[np.int64], blocks: int, limit: float) -> Walk:
    """The interval of one look after every block."""
    return _edges(gaps, blocks, limit, gap_edge)


def _edges(gaps: npt.NDArray[np.int64], blocks: int, limit: float, interval: Callable[..., Interval]) -> Walk:

    def walk() -> Iterator[Pair]:
        size = gaps.shape[1] // blocks
        for block in range(1, blocks + 1):
            found = [interval(run[: block * size], 1.0 - ALPHA) for run in gaps]
            yield _refuted(np.array([one.low for one in found]), np.array([one.high for one in found]), limit)

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
