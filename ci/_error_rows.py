"""The devices whose verdicts ``ci/error-rates`` counts: on the limit, hard cases, slow drift, inside the limit, and Wald's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.statistics.sequential.quantiles import BATCH

from . import _courses as courses
from ._error_samplers import (
    Wander,
    burst_blocks,
    dark_gates,
    gaps_beyond,
    key_rates,
    limit_of_times,
    outages,
    qber_blocks,
    round_trips,
    wrong_shares,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from ._courses import Walk

    Floats = npt.NDArray[np.float64]

__all__ = ["ERRORS", "HARD", "ROWS", "SAVED", "SLOW", "WALD", "Drawn", "Row"]

ERRORS, HARD, SLOW, SAVED, WALD = "on the limit", "bursts", "drift slower than the run", "inside the limit", "two hypotheses"


@dataclass(frozen=True)
class Drawn:
    """Runs of a row: how they are looked at, how naively, and the average that each block was drawn about, over the limit."""

    walk: Walk
    naive: Walk | None = None
    truth: Floats | None = None


@dataclass(frozen=True)
class Row:
    """One line of a table. ``group``: which; ``average``: observations, by Wald's formula."""

    group: str
    indicator: str
    what: str
    blocks: int
    per_block: float
    unit: str
    draw: Callable[[np.random.Generator, tuple[int, int]], Drawn]
    average: float = math.nan


def _qber(bits: int, qber: float, wander: Wander, afterpulse: float = 0.01) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        errors, truth = qber_blocks(rng, shape, bits, qber=qber, afterpulse=afterpulse, wander=wander)
        counts = errors.astype(np.float64)
        return Drawn(courses.proportions_of(counts, bits, 0.02), courses.naive_proportions(counts, bits, 0.02), truth / 0.02)

    return draw


def _bursts(bits: int, effect: float) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        counts = burst_blocks(rng, shape, bits, qber=0.02, effect=effect).astype(np.float64)
        return Drawn(courses.proportions_of(counts, bits, 0.02), courses.naive_proportions(counts, bits, 0.02))

    return draw


def _dark(rate_hz: float, wander: Wander) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        clicks, truth = dark_gates(rng, shape, 0.5, rate_hz=rate_hz, afterpulse=0.1, wander=wander)
        counts = clicks.astype(np.float64)
        return Drawn(courses.gates(counts, 0.5, 100.0), courses.naive_gates(counts, 0.5, 100.0), truth / 100.0)

    return draw


def _photons(wander: Wander) -> Callable[..., Drawn]:
    """10 % more than predicted, in gates of 11,000 clicks."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        clicks, truth = dark_gates(rng, shape, 0.1, rate_hz=1.1e5, afterpulse=0.01, wander=wander)
        values = clicks / 1.1e4
        return Drawn(courses.means(values, 1.0), courses.naive_means(values, 1.0), truth / 1.1e5)

    return draw


def _key(rate: float, wander: Wander) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        values, truth = key_rates(rng, shape, 0.01, wander)
        return Drawn(courses.means(rate * values, 1.0), courses.naive_means(rate * values, 1.0), rate * truth)

    return draw


def _latency(factor: float, wander: Wander, burst: float = 2.0) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        limit_s = limit_of_times(0.95, wander) / factor
        times = round_trips(rng, shape, BATCH, wander, burst)
        slow = (times.reshape(*shape, BATCH) >= limit_s).sum(axis=2).astype(np.float64)
        return Drawn(courses.shares_of(slow, 0.05), courses.naive_proportions(slow, BATCH, 0.05))

    return draw


def _outages(share: float, length: float) -> Callable[..., Drawn]:
    """Looks of an hour, of slices of a minute."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        bad = outages(rng, shape, 60, share=share, length=length).astype(np.float64)
        return Drawn(courses.outages_of(bad, 60, 0.001), courses.naive_proportions(bad, 60, 0.001))

    return draw


def _pairs(pairs: int, shares: tuple[float, ...], per_error: float, limit: float, wander: Wander) -> Callable[..., Drawn]:
    """A value of 1, less ``per_error`` for each share of wrong ones, over its limit."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        wrong, drawn = wrong_shares(rng, shape, pairs, shares=shares, wander=wander)
        values, truth = ((1.0 - per_error * each.sum(axis=0)) / limit for each in (wrong, drawn))
        return Drawn(courses.means(values, 1.0), courses.naive_means(values, 1.0), truth)

    return draw


def _gaps(edge: int) -> Callable[..., Drawn]:
    """Dead time of 51,000 ticks where 50,000 are declared and 1,000 allowed, 20,000 more from click to click; blocks of 100."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        gaps = gaps_beyond(rng, (shape[0], shape[1] * 100), edge=edge, excess=2e4)
        return Drawn(courses.edges_of(gaps, shape[1], 51_000.0), courses.naive_edges(gaps, shape[1], 51_000.0))

    return draw


def _wald_qber(qber: float, wander: Wander, afterpulse: float, bits: int = 25) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        errors, _ = qber_blocks(rng, shape, bits, qber=qber, afterpulse=afterpulse, wander=wander)
        return Drawn(courses.wald_proportions(errors.astype(np.float64), bits, 0.01, 0.02))

    return draw


def _wald_dark(rate_hz: float, wander: Wander, afterpulse: float) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Drawn:
        clicks, _ = dark_gates(rng, shape, 0.5, rate_hz=rate_hz, afterpulse=afterpulse, wander=wander)
        return Drawn(courses.wald_gates(clicks.astype(np.float64), 0.5, 60.0, 100.0))

    return draw


def _average(information: float) -> float:
    """Wald's average number of observations for errors of 5 % either way: boundary over information of an observation."""
    return (1.0 - 2.0 * courses.ALPHA) * math.log((1.0 - courses.ALPHA) / courses.ALPHA) / information


def _of_bits(true: float, other: float) -> float:
    return true * math.log(true / other) + (1.0 - true) * math.log((1.0 - true) / (1.0 - other))


def _of_clicks(true: float, other: float) -> float:
    return true * math.log(true / other) + other - true


_NONE = Wander(0.0, 1.0)
_DRIFTS = Wander(0.1, 10.0)


ROWS = (
    Row(ERRORS, "qber", "2 %, blocks of 25 bits, afterpulses 1 %, drift 10 % over 10 blocks", 300, 25, "bits",
        _qber(25, 0.02, _DRIFTS)),
    Row(ERRORS, "qber", "2 %, blocks of 1,000 bits, afterpulses 1 %, drift 15 % over 5 blocks", 80, 1000, "bits",
        _qber(1000, 0.02, Wander(0.15, 5.0))),
    Row(ERRORS, "dark_counts", "100 cps, gates of 0.5 s, afterpulses 10 %, drift 5 % over 10 gates", 60, 0.5, "s",
        _dark(100.0, Wander(0.05, 10.0))),
    Row(ERRORS, "photon_counts", "10 % above the prediction, afterpulses 1 %, drift 0.5 % over 10 gates of 0.1 s", 60, 0.1, "s",
        _photons(Wander(0.005, 10.0))),
    Row(ERRORS, "key_rate", "at the limit, spread of blocks 1 %, drift 0.5 % over 3 blocks", 60, 1, "blocks",
        _key(1.0, Wander(0.005, 3.0))),
    Row(ERRORS, "key_rate", "at the limit, spread of blocks 1 %, drift 0.5 % over 10 blocks", 60, 1, "blocks",
        _key(1.0, Wander(0.005, 10.0))),
    Row(ERRORS, "key_rate", "at the limit, spread of blocks 1 %, drift 1 % over 10 blocks", 60, 1, "blocks",
        _key(1.0, Wander(0.01, 10.0))),
    Row(ERRORS, "auth_round_trip", "P95 at the limit, bursts of two, load drifts 3 % over 10 batches", 60, BATCH, "samples",
        _latency(1.0, Wander(0.03, 10.0))),
    Row(ERRORS, "auth_round_trip", "P95 at the limit, bursts of three, load drifts 3 % over 10 batches", 60, BATCH, "samples",
        _latency(1.0, Wander(0.03, 10.0), 3.0)),
    Row(ERRORS, "link_availability", "99.9 %, looks of 60 slices, outages of 5 slices", 720, 60, "slices",
        _outages(0.001, 5.0)),
    Row(ERRORS, "entanglement_fidelity", "90 % by two bases, looks of 400 pairs each, drift 10 % over 10 looks", 60, 1, "looks",
        _pairs(400, (0.06, 0.04), 1.0, 0.9, _DRIFTS)),
    Row(ERRORS, "chsh", "S = 2, looks of 200 pairs in each setting, drift 5 % over 10 looks", 60, 1, "looks",
        _pairs(200, (0.25,) * 4, 0.5, 0.5, Wander(0.05, 10.0))),
    Row(ERRORS, "dead_time", "2 % above the declared, 1 gap in 100,000 astray", 40, 100, "gaps", _gaps(51_000)),
    Row(HARD, "qber", "2 %, bursts with a design effect of 2.5 in blocks of 25 bits", 300, 25, "bits", _bursts(25, 2.5)),
    Row(HARD, "qber", "2 %, bursts with a design effect of 2.5 in blocks of 50 bits", 150, 50, "bits", _bursts(50, 2.5)),
    Row(HARD, "qber", "2 %, bursts with a design effect of 5 in blocks of 100 bits", 80, 100, "bits", _bursts(100, 5.0)),
    Row(HARD, "qber", "2 %, bursts with a design effect of 10 in blocks of 1,000 bits", 80, 1000, "bits", _bursts(1000, 10.0)),
    Row(SLOW, "qber", "2 % on average over days, blocks of 5,000 bits, drift 15 % over 1,000 blocks", 100, 5000, "bits",
        _qber(5000, 0.02, Wander(0.15, 1000.0))),
    Row(SLOW, "dark_counts", "100 cps on average over days, drift 30 % over 1,000 gates", 60, 0.5, "s",
        _dark(100.0, Wander(0.3, 1000.0))),
    Row(SLOW, "key_rate", "at the limit on average over days, drift 5 % over 1,000 blocks", 60, 1, "blocks",
        _key(1.0, Wander(0.05, 1000.0))),
    Row(SAVED, "qber", "1 % against 2 %, independent bits, blocks of 25", 300, 25, "bits", _qber(25, 0.01, _NONE, 0.0)),
    Row(SAVED, "qber", "1 % against 2 %, afterpulses 1 %, drift 10 % over 10 blocks of 25", 300, 25, "bits",
        _qber(25, 0.01, _DRIFTS)),
    Row(SAVED, "qber", "1 % against 2 %, independent bits, blocks of 50", 150, 50, "bits", _qber(50, 0.01, _NONE, 0.0)),
    Row(SAVED, "qber", "1.3 % against 2 %, blocks of 20,000, drift 2 % over 10 blocks", 40, 20_000, "bits",
        _qber(20_000, 0.013, Wander(0.02, 10.0))),
    Row(SAVED, "dark_counts", "60 cps against 100, afterpulses 10 %, drift 5 %", 60, 0.5, "s",
        _dark(60.0, Wander(0.05, 10.0))),
    Row(SAVED, "key_rate", "25 % above the limit, spread 1 %, drift 0.5 %", 60, 1, "blocks", _key(1.25, Wander(0.005, 3.0))),
    Row(SAVED, "auth_round_trip", "P95 at a tenth of the limit", 60, BATCH, "samples", _latency(0.1, Wander(0.03, 10.0))),
    Row(SAVED, "link_availability", "99.99 % against 99.9 %, looks of 60 slices, outages of 5", 2880, 60, "slices",
        _outages(0.0001, 5.0)),
    Row(SAVED, "entanglement_fidelity", "95 % against 90 %, looks of 400 pairs, drift 10 %", 60, 1, "looks",
        _pairs(400, (0.03, 0.02), 1.0, 0.9, _DRIFTS)),
    Row(SAVED, "chsh", "S = 2.6 against 2, looks of 200 pairs in each setting", 60, 1, "looks",
        _pairs(200, (0.175,) * 4, 0.5, 0.5, Wander(0.05, 10.0))),
    Row(SAVED, "dead_time", "as declared, tolerance 2 %", 40, 100, "gaps", _gaps(50_000)),
    Row(WALD, "qber", "1 %: good, independent bits", 300, 25, "bits", _wald_qber(0.01, _NONE, 0.0),
        _average(_of_bits(0.01, 0.02))),
    Row(WALD, "qber", "2 %: bad, independent bits", 300, 25, "bits", _wald_qber(0.02, _NONE, 0.0),
        _average(_of_bits(0.02, 0.01))),
    Row(WALD, "qber", "1 %: good, afterpulses 1 %, drift 10 % over 10 blocks", 300, 25, "bits", _wald_qber(0.01, _DRIFTS, 0.01),
        _average(_of_bits(0.01, 0.02))),
    Row(WALD, "qber", "2 %: bad, afterpulses 1 %, drift 10 % over 10 blocks", 300, 25, "bits", _wald_qber(0.02, _DRIFTS, 0.01),
        _average(_of_bits(0.02, 0.01))),
    Row(WALD, "qber", "2 %: bad, drift 15 % over 5 blocks of 1,000", 80, 1000, "bits",
        _wald_qber(0.02, Wander(0.15, 5.0), 0.01, 1000), _average(_of_bits(0.02, 0.01))),
    Row(WALD, "dark_counts", "60 cps: good, afterpulses 10 %, drift 5 % over 10 gates", 60, 0.5, "s",
        _wald_dark(60.0, Wander(0.05, 10.0), 0.1), _average(_of_clicks(60.0, 100.0))),
    Row(WALD, "dark_counts", "100 cps: bad, afterpulses 10 %, drift 5 % over 10 gates", 60, 0.5, "s",
        _wald_dark(100.0, Wander(0.05, 10.0), 0.1), _average(_of_clicks(100.0, 60.0))),
)  # fmt: skip
