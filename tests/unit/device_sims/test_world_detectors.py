"""Dead time and afterpulses against a plain event-by-event simulation of the same draws."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from hil.device_sims.world.detectors import Carry, draw_marks, resolve, survivors
from hil.device_sims.world.reception import Reception
from hil.device_sims.world.sampler import Candidates

NOTHING = Candidates(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8))


def _reception(blind: list[int], again: float, decay: float) -> Reception:
    count = len(blind)
    nothing = np.zeros((1, count))
    return Reception(
        proposals_per_pulse=0.0,
        straight=nothing,
        tilt=nothing,
        dark_per_pulse=np.zeros(count),
        blind_pulses=np.array(blind),
        afterpulse_probability=np.full(count, again),
        afterpulse_decay_pulses=np.full(count, decay),
        misalignment=0.0,
        misalignment_per_k=0.0,
    )


def _one_by_one(
    candidates: Candidates, reception: Reception, seed: int, last: dict[int, int]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Clicks in order of time from a queue of events, and the afterpulses that came, with the marks that ``resolve`` draws."""
    detectors = reception.blind_pulses.size
    order = np.concatenate([np.flatnonzero(candidates.detector == number) for number in range(detectors)])
    marks = draw_marks(np.random.default_rng(seed), candidates.detector[order], reception)
    children: dict[int, list[tuple[int, int]]] = {}
    for number, (parent, delay) in enumerate(zip(marks.parent.tolist(), marks.delay.tolist(), strict=True)):
        children.setdefault(parent, []).append((len(order) + number, delay))
    queue = [(int(candidates.index[place]), 0, rank, int(candidates.detector[place])) for rank, place in enumerate(order)]
    heapq.heapify(queue)
    clicks, came = [], []
    while queue:
        index, _, event, detector = heapq.heappop(queue)
        if event >= len(order):
            came.append((index, detector))
        if detector in last and index - last[detector] <= int(reception.blind_pulses[detector]):
            continue
        last[detector] = index
        clicks.append((index, detector))
        for child, delay in children.get(event, []):
            heapq.heappush(queue, (index + delay, 1, child, detector))
    return sorted(clicks), sorted(came)


@pytest.mark.parametrize("blind", [0, 1, 50, 5000])
@pytest.mark.parametrize("spacing", [3.0, 60.0, 2000.0])
def test_survivors_are_those_of_a_counter_read_one_by_one(blind: int, spacing: float) -> None:
    """Which candidates click equals a plain loop over them, from rare candidates to full saturation."""
    keys = np.cumsum(np.random.default_rng(int(spacing)).geometric(1 / spacing, 4000)) - 1
    expected, last = [], None
    for key in keys.tolist():
        expected.append(last is None or key - last > blind)
        last = key if expected[-1] else last
    assert survivors(keys, blind).tolist() == expected


@pytest.mark.parametrize(("blind", "again", "decay", "spacing"), [
    ([50, 50, 50, 50], 0.01, 1000.0, 80.0),
    ([50, 50, 50, 50], 0.45, 30.0, 20.0),
    ([0, 7, 200, 50], 0.3, 100.0, 40.0),
    ([3, 3], 0.5, 1.0, 2.0),
])  # fmt: skip
def test_afterpulses_and_dead_time_resolve_in_exact_order(blind: list[int], again: float, decay: float, spacing: float) -> None:
    """Clicks equal an event-by-event simulation, with cascades, dead time of every detector, and a click carried in."""
    reception = _reception(blind, again, decay)
    rng = np.random.default_rng(3)
    start = 10**13
    index = start + np.cumsum(rng.geometric(1 / spacing, 3000)) - 1
    candidates = Candidates(index, rng.integers(0, len(blind), index.size).astype(np.uint8))
    carry = Carry((start - 2,) + (start - 10**9,) * (len(blind) - 1), NOTHING)
    end = start + int(spacing * 2500)
    clicks, after = resolve(np.random.default_rng(5), candidates, reception, carry, (start, end))
    expected, came = _one_by_one(candidates, reception, 5, dict(enumerate(carry.last)))
    in_span = [click for click in expected if click[0] < end]
    assert sorted(zip(clicks.index.tolist(), clicks.detector.tolist(), strict=True)) == in_span
    assert (np.diff(clicks.index) >= 0).all()
    for number in range(len(blind)):
        own = [index for index, detector in in_span if detector == number]
        assert after.last[number] == own[-1]
    assert set(zip(after.pending.index.tolist(), after.pending.detector.tolist(), strict=True)) <= set(came)
    assert (after.pending.index >= end).all()


def test_what_is_carried_over_a_cut_blinds_and_clicks() -> None:
    """A window cut in two gives the clicks of the whole: dead time and pending afterpulses pass the cut."""
    reception = _reception([50], 0.5, 400.0)
    index = np.arange(0, 100_000, 200)
    candidates = Candidates(index, np.zeros(index.size, dtype=np.uint8))
    whole, _ = resolve(np.random.default_rng(1), candidates, reception, Carry.idle(1), (0, 100_000))
    first, carry = resolve(np.random.default_rng(1), candidates, reception, Carry.idle(1), (0, 50_010))
    assert first.index.tolist() == whole.index[whole.index < 50_010].tolist()
    pending = carry.pending.index.tolist()
    assert pending
    late, _ = resolve(np.random.default_rng(2), carry.pending, _reception([50], 0.0, 1.0), carry, (50_010, 100_000))
    assert late.index.tolist()[0] == pending[0]
    blinded = Candidates(np.array([carry.last[0] + 50, carry.last[0] + 51]), np.zeros(2, dtype=np.uint8))
    seen, _ = resolve(np.random.default_rng(2), blinded, _reception([50], 0.0, 1.0), carry, (50_010, 100_000))
    assert carry.last[0] + 50 not in seen.index.tolist()
