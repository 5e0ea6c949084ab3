"""Samples a link over days: a short window of clicks every so often, and nothing simulated in between.

Each window has its own seeded stream, so that a result depends neither on which other windows are asked for nor on how many
processes share the work. Detectors enter a window rested. Of pairs, few of which both ends keep, numbers are drawn from the
closed forms of the window's state instead. All of it is simulated: no instrument and no driver takes part.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import UsageError
from hil.seeds import derive, stream

from .cells import Cells, expectations
from .engine import pick
from .expectation import draw_counts
from .scene import Segment
from .windows import Walk
from .world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from hil.bench.model import Bench

    from .engine import Engine

__all__ = ["LIVED", "Change", "Survey", "survey"]

LIVED = ("bb84-decoy", "bbm92", "e91")
"""Protocols of the links that can be surveyed: each click there, and the closed forms of pairs, come of light in this world."""

_CHUNK = 512
_SETTINGS = 256
"""No source has more: a code is one byte."""


@dataclass(frozen=True)
class Change:
    """What is set, or injected, from a time on: an absolute value of a device's setting or parameter."""

    time_s: float
    device: str
    setting: str
    value: float


@dataclass(frozen=True)
class Survey:
    """What n windows gave: when each began, clicks of each detector (n, D), bits in both parties' key basis, and wrong ones."""

    times_s: npt.NDArray[np.float64]
    window_s: float
    counts: npt.NDArray[np.int64]
    sifted: npt.NDArray[np.int64]
    errors: npt.NDArray[np.int64]

    @property
    def qber(self) -> npt.NDArray[np.float64]:
        """Error ratio of each window; nan without any bits."""
        bits = self.sifted
        result: npt.NDArray[np.float64] = np.divide(self.errors, bits, out=np.full(bits.shape, np.nan), where=bits > 0)
        return result


def survey(
    bench: Bench,
    link: str,
    seed: int,
    *,
    duration_s: float = 30 * 86_400.0,
    every_s: float = 60.0,
    window_s: float = 0.01,
    first_s: float = 0.0,
    changes: Sequence[Change] = (),
    workers: int = 1,
) -> Survey:
    """Clicks of a bench's link in a window at ``first_s`` and every ``every_s`` later, emitting and biased from time zero on.

    ``changes`` happen to the bench at their times; of an entangled link the counts are b's and then a's. UsageError for a link
    that the bench has not or whose protocol is none of ``LIVED``, for windows that overlap, and for a change of what the bench
    has not.
    """
    declared = bench.link.get(link)
    if declared is None or declared.protocol not in LIVED:
        raise UsageError(
            f"{link}: no link of bench {bench.bench.name!r} whose light can be skipped through; expected one of protocol"
            f" {', '.join(LIVED)}: {', '.join(name for name, one in bench.link.items() if one.protocol in LIVED) or 'none'}"
        )
    if not 0.0 < window_s <= every_s:
        raise UsageError(f"a window of {window_s} s every {every_s} s: expected windows that do not overlap")
    starts_ns = np.round(np.arange(first_s, duration_s, every_s) * 1e9).astype(np.int64)
    lit = _Lit(bench, link, seed, tuple(sorted(changes, key=lambda one: one.time_s)))
    if declared.entangled:
        counts, sifted, errors = _of_pairs(lit, starts_ns, round(every_s * 1e9), window_s)
        return Survey(starts_ns / 1e9, window_s, counts, sifted, errors)
    chunks = [starts_ns[first : first + _CHUNK] for first in range(0, starts_ns.size, _CHUNK)]
    sampled = (lit, window_s, starts_ns.size / workers)
    if workers > 1:
        with get_context("spawn").Pool(workers, _begin, sampled) as pool:
            rows = list(chain.from_iterable(pool.imap(_windows, chunks)))
    else:
        _begin(*sampled)
        rows = list(chain.from_iterable(map(_windows, chunks)))
    _SAMPLED.clear()
    table = np.array(rows, dtype=np.int64)
    return Survey(starts_ns / 1e9, window_s, table[:, 2:], table[:, 0], table[:, 1])


@dataclass(frozen=True)
class _Lit:
    """A link from time zero on, and what happens to its bench."""

    bench: Bench
    link: str
    seed: int
    changes: tuple[Change, ...]

    def world(self) -> World:
        """The world of all of it."""
        world, declared = World(self.bench, self.seed), self.bench.link[self.link]
        world.set_emitting(declared.source if declared.entangled else declared.parties["a"], 0, emitting=True)
        for party in declared.parties.values() if declared.entangled else (declared.parties["b"],):
            world.set_biased(party, 0, biased=True)
        for change in self.changes:
            _make(world, change)
        return world


_SAMPLED: list[tuple[Walk, Engine, float]] = []


def _begin(lit: _Lit, window_s: float, windows: float) -> None:
    """Keep what this process samples: so many windows, of one world."""
    scene = lit.world().scene(lit.bench.link[lit.link].parties["b"])
    reception = scene.reception(scene.segment_at(0).number)
    assert reception is not None
    engine = pick(windows * window_s * scene.pulses.rate_hz * reception.candidates_per_pulse)
    _SAMPLED[:] = [(Walk(scene, derive(lit.seed, "survey"), 0), engine, window_s)]


def _windows(starts_ns: npt.NDArray[np.int64]) -> list[list[int]]:
    """Sifted bits, errors and counts of each window."""
    walk, engine, window_s = _SAMPLED[0]
    return [_window(walk, engine, int(start_ns), window_s) for start_ns in starts_ns]


def _of_pairs(
    lit: _Lit, starts_ns: npt.NDArray[np.int64], every_ns: int, window_s: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Counts of b's detectors and then of a's, pairs that both keep in the key basis, and wrong ones, as the states expect.

    Drift and weather are those of the grid cell ``every_ns`` in which a window begins, on average.
    """
    world, rng = lit.world(), stream(lit.seed, "survey", "pairs")
    declared = lit.bench.link[lit.link]
    columns, sifted, errors = [], np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for party in ("b", "a"):
        scene = world.scene(declared.parties[party])
        state = np.maximum(np.searchsorted(scene.timeline.times_ns, starts_ns, side="right") - 1, 0).astype(np.int64)
        pieces = Cells(starts_ns, starts_ns + round(window_s * 1e9), state, starts_ns // every_ns)
        found, which = expectations(scene, pieces, every_ns, declared.proof.qber_limit)
        pulses = scene.pulses.rate_hz * window_s
        clicks, fano = (np.array([part.clicks for part in found]), np.array([part.fano for part in found]))
        columns.append(draw_counts(rng, clicks[which] * pulses, fano[which]))
        if party == "b":
            kept = np.array([part.sifted for part in found])[which] * pulses
            ratio = np.nan_to_num(np.array([part.qber for part in found]), nan=0.5)[which]
            sifted = rng.poisson(kept).astype(np.int64)
            errors = rng.binomial(sifted, np.clip(ratio, 0.0, 1.0)).astype(np.int64)
    return np.concatenate(columns, axis=1), sifted, errors


def _make(world: World, change: Change) -> None:
    """Settings of devices are set, everything else is injected."""
    time_ns = round(change.time_s * 1e9)
    try:
        world.standing(change.device, change.setting)
    except KeyError:
        world.inject(change.device, change.setting, change.value, time_ns)
    else:
        world.change(change.device, change.setting, change.value, time_ns)


def _window(walk: Walk, engine: Engine, start_ns: int, window_s: float) -> list[int]:
    scene, receiver, source = walk.scene, walk.scene.receiver, walk.scene.receiver.source
    assert source is not None
    first, end = scene.pulses.index_at(start_ns), scene.pulses.index_at(start_ns + round(window_s * 1e9))
    clicks = walk.alone(engine, Segment(scene.segment_at(first).number, first, end))
    detectors = len(receiver.device.detectors)
    joint = engine.codes(source, clicks.index) + _SETTINGS * clicks.detector.astype(np.int64)
    table = np.bincount(joint, minlength=_SETTINGS * detectors).reshape(detectors, _SETTINGS)
    basis, bit = (np.array(roles)[:, np.newaxis] for roles in (receiver.roles.basis, receiver.roles.bit))
    sent = np.arange(_SETTINGS)
    both_key = (basis == 0) & (sent >> 1 & 1 == 0)
    wrong = both_key & (bit != sent & 1)
    return [int(table[both_key].sum()), int(table[wrong].sum()), *table.sum(axis=1).tolist()]
