"""Dead time and afterpulses against a plain event-by-event simulation of the same draws."""

from __future__ import annotations

import heapq
from dataclasses import replace
from math import exp

import numpy as np
import pytest

from hil.device_sims.world.carry import Carry
from hil.device_sims.world.crowds import survivors
from hil.device_sims.world.detectors import afterpulses
from hil.device_sims.world.dynamics import TICKS, Afterpulses, Dynamics
from hil.device_sims.world.engine import pick
from hil.device_sims.world.sampler import Events, no_events
from hil.device_sims.world.vectors import NumpyEngine

START = 10**13


def _dynamics(blind: list[int], again: float, decay: float) -> Dynamics:
    """Detectors with dead times in pulses."""
    traps = Afterpulses(np.full(len(blind), again), np.full(len(blind), decay * TICKS))
    return Dynamics(np.array(blind) * TICKS, (traps,))


def _events(spacing: float, detectors: int, count: int = 3000, seed: int = 3) -> Events:
    rng = np.random.default_rng(seed)
    time = (np.cumsum(rng.geometric(1 / spacing, count)) - 1) * TICKS
    detector = rng.integers(0, detectors, count).astype(np.uint8)
    return Events(time, detector, rng.integers(0, 2**64, count, dtype=np.uint64))


def _one_by_one(main: Events, dynamics: Dynamics, horizon: int, last: list[int]) -> list[tuple[int, int]]:
    """Clicks (time, detector) in order of time from a queue of events, and nothing but what a detector does at each."""
    children, parent = afterpulses(main, no_events(), dynamics, (0, horizon))
    # of two that come at once the candidate is first, then the afterpulse with the smaller mark
    heirs: dict[int, list[tuple[int, int, int, int]]] = {}
    for number, (time, mark, of) in enumerate(
        zip(*(part.tolist() for part in (children.time, children.mark, parent)), strict=True)
    ):
        heirs.setdefault(of, []).append((time, 1, mark, main.time.size + number))
    queue = [(time, 0, event, event, int(main.detector[event])) for event, time in enumerate(main.time.tolist())]
    clicks, silent = [], [-(10**18)] * dynamics.blind_ticks.size
    hasty, reset = (ticks.tolist() for ticks in dynamics.latching)
    while queue:
        time, _, _, event, detector = heapq.heappop(queue)
        gap = time - last[detector]
        if gap <= dynamics.blind_ticks[detector]:
            last[detector] = time if dynamics.paralysable else last[detector]
            continue
        if time < silent[detector]:
            continue
        last[detector] = time
        silent[detector] = time + reset[detector] if gap < hasty[detector] else silent[detector]
        clicks.append((time, detector))
        for child in heirs.get(event, []):
            heapq.heappush(queue, (*child, detector))
    return [click for click in clicks if click[0] < horizon]


@pytest.mark.parametrize("blind", [0, 1, 50, 5000])
@pytest.mark.parametrize("spacing", [3.0, 60.0, 2000.0])
def test_survivors_are_those_of_a_counter_read_one_by_one(blind: int, spacing: float) -> None:
    """Which candidates click equals a plain loop over them, from rare candidates to full saturation."""
    keys = np.cumsum(np.random.default_rng(int(spacing)).geometric(1 / spacing, 4000)) - 1
    expected, last = [], None
    for key in keys.tolist():
        expected.append(last is None or key - last > blind)
        last = key if expected[-1] else last
    assert survivors(keys, np.full(keys.size, blind)).tolist() == expected


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("kind", ["plain", "paralysable", "latching"])
@pytest.mark.parametrize(("blind", "again", "decay", "spacing"), [
    ([50, 50, 50, 50], 0.01, 1000.0, 80.0),
    ([50, 50, 50, 50], 0.45, 30.0, 20.0),
    ([0, 7, 200, 50], 0.3, 100.0, 40.0),
    ([3, 3], 0.5, 1.0, 2.0),
])  # fmt: skip
def test_clicks_are_those_of_events_taken_one_by_one(
    monkeypatch: pytest.MonkeyPatch, *, engine: str, kind: str, blind: list[int], again: float, decay: float, spacing: float
) -> None:
    """Cascades, every detector's own dead time, its kinds, and a click carried in; in both engines."""
    if engine == "numba":
        pytest.importorskip("numba")
    monkeypatch.setenv("HIL_ENGINE", engine)
    dynamics = _dynamics(blind, again, decay)
    if kind == "paralysable":
        dynamics = replace(dynamics, paralysable=True)
    elif kind == "latching":
        # the last detector does not latch
        gap = np.linspace(60, 0, dynamics.blind_ticks.size).astype(np.int64) * TICKS
        dynamics = replace(dynamics, latch_gap_ticks=gap, latch_reset_ticks=np.full(gap.shape, 400 * TICKS))
    main = _events(spacing, len(blind))
    pulses = int(spacing * 2500)
    last: list[int | None] = [(START - 2) * TICKS] + [None] * (len(blind) - 1)
    carry = replace(Carry.idle(len(blind)), last=tuple(last))
    clicks, after = pick(0).resolve(main, no_events(), dynamics=dynamics, carry=carry, span=(START, START + pulses))
    seen = [-2 * TICKS] + [-(10**18)] * (len(blind) - 1)
    expected = _one_by_one(main, dynamics, pulses * TICKS, seen)
    got = sorted(zip(((clicks.index - START) * TICKS).tolist(), clicks.detector.tolist(), strict=True))
    assert got == sorted((time, detector) for time, detector in expected)
    assert (np.diff(clicks.index) >= 0).all()
    assert (after.pending.time >= 0).all()
    assert after.base == START + pulses


@pytest.mark.parametrize("cuts", [[50_010], [7, 8, 9, 50_000], list(range(1000, 90_000, 997))])
def test_cuts_change_nothing(cuts: list[int]) -> None:
    """A stretch resolved in pieces gives the clicks of the whole: dead time and pending afterpulses pass the cuts."""
    dynamics, main = _dynamics([50, 20], 0.5, 400.0), _events(60.0, 2, 1600)
    whole, _ = NumpyEngine().resolve(main, no_events(), dynamics=dynamics, carry=Carry.idle(2), span=(0, 100_000))
    carry, index, detector, begin = Carry.idle(2), [], [], 0
    for end in [*cuts, 100_000]:
        some = main.part((main.time >= begin * TICKS) & (main.time < end * TICKS))
        piece = Events(some.time - begin * TICKS, some.detector, some.mark)
        clicks, carry = NumpyEngine().resolve(piece, no_events(), dynamics=dynamics, carry=carry, span=(begin, end))
        index += clicks.index.tolist()
        detector += clicks.detector.tolist()
        begin = end
    assert (index, detector) == (whole.index.tolist(), whole.detector.tolist())


def test_recovery_lets_through_what_its_law_says() -> None:
    """Pairs of candidates one recovery time apart behind the dead time: the second clicks in 1 - 1/e of them."""
    dynamics = replace(_dynamics([10], 0.0, 1.0), recovery_ticks=np.array([100.0 * TICKS]))
    pairs = 2000
    time = (np.arange(pairs)[:, None] * 100_000 + np.array([0, 110])).ravel() * TICKS
    marks = np.random.default_rng(5).integers(0, 2**64, time.size, dtype=np.uint64)
    main = Events(time, np.zeros(time.size, dtype=np.uint8), marks)
    clicks, _ = NumpyEngine().resolve(main, no_events(), dynamics=dynamics, carry=Carry.idle(1), span=(0, pairs * 100_000))
    chance = 1 - exp(-1)
    assert abs(clicks.index.size - pairs * (1 + chance)) < 5 * (pairs * chance * (1 - chance)) ** 0.5
