"""Samples a link over days: a short window of clicks every so often, and nothing simulated in between.

Each window has its own seeded stream, so that a result depends neither on which other windows are asked for nor on how many
processes share the work. Detectors enter a window rested. All of it is simulated: no instrument and no driver takes part.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import UsageError
from hil.seeds import derive

from .engine import pick
from .scene import Segment
from .windows import Walk
from .world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from hil.bench.model import Bench

    from .engine import Engine

__all__ = ["Change", "Survey", "survey"]

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

    ``changes`` happen to the bench at their times. UsageError for a link that the bench has not or that has no path of pulses,
    for windows that overlap, and for a change of what the bench has not.
    """
    declared = bench.link.get(link)
    if declared is None or declared.protocol != "bb84-decoy":
        raise UsageError(f"{link}: no bb84-decoy link of bench {bench.bench.name!r}; it has {', '.join(bench.link) or 'none'}")
    if not 0.0 < window_s <= every_s:
        raise UsageError(f"a window of {window_s} s every {every_s} s: expected windows that do not overlap")
    starts_ns = np.round(np.arange(first_s, duration_s, every_s) * 1e9).astype(np.int64)
    ordered = tuple(sorted(changes, key=lambda one: one.time_s))
    chunks = [starts_ns[first : first + _CHUNK] for first in range(0, starts_ns.size, _CHUNK)]
    share = starts_ns.size / workers
    tasks = [(_Lit(bench, link, seed, ordered), chunk, (window_s, share)) for chunk in chunks]
    if workers > 1:
        with get_context("spawn").Pool(workers) as pool:
            rows = list(chain.from_iterable(pool.starmap(_windows, tasks, chunksize=1)))
    else:
        rows = list(chain.from_iterable(_windows(*task) for task in tasks))
    table = np.array(rows, dtype=np.int64)
    return Survey(starts_ns / 1e9, window_s, table[:, 2:], table[:, 0], table[:, 1])


@dataclass(frozen=True)
class _Lit:
    """A link from time zero on, and what happens to its bench."""

    bench: Bench
    link: str
    seed: int
    changes: tuple[Change, ...]


def _windows(lit: _Lit, starts_ns: npt.NDArray[np.int64], window: tuple[float, float]) -> list[list[int]]:
    """Sifted bits, errors and counts of each window; ``window``: its length in s, and how many this process takes."""
    parties, (window_s, share) = lit.bench.link[lit.link].parties, window
    world = World(lit.bench, lit.seed)
    world.set_emitting(parties["a"], 0, emitting=True)
    world.set_biased(parties["b"], 0, biased=True)
    for change in lit.changes:
        _make(world, change)
    scene = world.scene(parties["b"])
    reception = scene.reception(scene.segment_at(0).number)
    assert reception is not None
    engine = pick(share * window_s * scene.pulses.rate_hz * reception.candidates_per_pulse)
    walk = Walk(scene, derive(lit.seed, "survey"), 0)
    return [_window(walk, engine, int(start_ns), window_s) for start_ns in starts_ns]


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
