"""From candidates to clicks: non-paralysable dead time and cascading afterpulses, in exact order.

Every candidate carries its own draw of whether a click there would leave an afterpulse and after what delay. Which candidates
click is then a matter of order alone. Afterpulses are released by an exponential law from the end of the dead time on, as those
released in it show in no measured afterpulse probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .sampler import Candidates, merged

if TYPE_CHECKING:
    import numpy.typing as npt

    from .reception import Reception

__all__ = ["Carry", "Marks", "draw_marks", "resolve"]

_LANE = 1 << 44
_FOREVER = 1 << 62
_NEVER = -(1 << 42)
_FEW_RUNS = 8


@dataclass(frozen=True)
class Carry:
    """What detectors remember from one window to the next: last click of each (pulse index), afterpulses still to come."""

    last: tuple[int, ...]
    pending: Candidates

    @classmethod
    def idle(cls, detectors: int) -> Carry:
        nothing = Candidates(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8))
        return cls((_NEVER,) * detectors, nothing)


@dataclass(frozen=True)
class Marks:
    """Potential afterpulses of n candidates in lane order (by detector, then index).

    Shape (c,), generation by generation: ``parent`` counts candidates first, then these afterpulses; ``delay`` in pulses.
    """

    parent: npt.NDArray[np.int64]
    delay: npt.NDArray[np.int64]


def draw_marks(rng: np.random.Generator, detector: npt.NDArray[np.uint8], reception: Reception) -> Marks:
    """Which clicks would leave an afterpulse, and when; ``detector`` of each candidate in lane order."""
    probability = reception.afterpulse_probability
    most = float(probability.max(initial=0.0))
    parents, delays = [], []
    generation, offset = detector, 0
    while most > 0.0 and generation.size:
        chosen = _hits(rng, generation.size, most)
        chosen = chosen[rng.random(chosen.size) * most < probability[generation[chosen]]]
        own = generation[chosen]
        wait = rng.standard_exponential(chosen.size) * reception.afterpulse_decay_pulses[own]
        parents.append(chosen + offset)
        delays.append(reception.blind_pulses[own] + 1 + wait.astype(np.int64))
        offset += generation.size
        generation = own
    nothing = np.empty(0, dtype=np.int64)
    return Marks(np.concatenate([nothing, *parents]), np.concatenate([nothing, *delays]))


def resolve(
    rng: np.random.Generator, candidates: Candidates, reception: Reception, carry: Carry, span: tuple[int, int]
) -> tuple[Candidates, Carry]:
    """Clicks of a window of pulses over a span from its start, and what the detectors remember at the span's end.

    ``candidates`` are those of the whole window and the afterpulses pending from before, so that the clicks do not depend on
    where it is cut.
    """
    start, end = span
    detectors = reception.blind_pulses.size
    lanes = [np.flatnonzero(candidates.detector == number) for number in range(detectors)]
    order = np.concatenate(lanes)
    sizes = [lane.size for lane in lanes]
    lane_of = np.repeat(np.arange(detectors), sizes)
    keys = candidates.index.take(order)
    keys -= start
    keys += lane_of * _LANE
    marks = draw_marks(rng, lane_of.astype(np.uint8), reception)
    child_key, child_lane = _children(keys, lane_of, marks)
    # the last click of each detector stands before its lane and has clicked already
    heads = np.array([max(last - start, _NEVER) + number * _LANE for number, last in enumerate(carry.last)])
    clicked, child_clicked, child_active = _clicks(keys, child_key, marks.parent, heads, reception.blind_pulses)
    mask = np.zeros(candidates.index.size, dtype=np.bool_)
    mask[order] = clicked
    kept = np.flatnonzero(mask)
    primary = Candidates(candidates.index.take(kept), candidates.detector.take(kept))
    child_index = child_key - child_lane * _LANE + start
    clicks = merged(primary, _sorted(child_index[child_clicked], child_lane[child_clicked])).within(start, end)
    parent_index = np.concatenate([keys - lane_of * _LANE, child_index - start])[marks.parent] + start
    waiting = child_active & (parent_index < end) & (child_index >= end)
    late = carry.pending.within(end, _FOREVER)
    pending = merged(_sorted(child_index[waiting], child_lane[waiting]), late)
    return clicks, Carry(_last_clicks(clicks, carry.last), pending)


def survivors(keys: npt.NDArray[np.int64], blind: npt.NDArray[np.int64] | int) -> npt.NDArray[np.bool_]:
    """Which of ascending ``keys`` click when each click blinds the next ``blind`` pulses; shape (n,), the first one clicks.

    Only runs of candidates closer than the dead time need a decision; they are walked side by side.
    """
    clicks = np.ones(keys.size, dtype=np.bool_)
    each = blind if isinstance(blind, int) else blind[1:]
    close = np.diff(keys) <= each
    near = np.flatnonzero(close) + 1
    if near.size == 0:
        return clicks
    begins = np.flatnonzero(np.diff(near, prepend=-1) > 1)
    at, stop = near[begins], near[np.append(begins[1:], near.size) - 1] + 1
    last = keys[at - 1]
    while at.size > _FEW_RUNS:
        free = keys[at] - last > (blind if isinstance(blind, int) else blind[at])
        clicks[at] = free
        last = np.where(free, keys[at], last)
        going = at + 1 < stop
        at, stop, last = at[going] + 1, stop[going], last[going]
    for first, end, previous in zip(at.tolist(), stop.tolist(), last.tolist(), strict=True):
        own = blind if isinstance(blind, int) else int(blind[first])
        clicks[first:end] = False
        position = first + int(np.searchsorted(keys[first:end], previous + own, side="right"))
        while position < end:
            clicks[position] = True
            position += int(np.searchsorted(keys[position:end], int(keys[position]) + own, side="right"))
    return clicks


def _clicks(
    keys: npt.NDArray[np.int64],
    child_key: npt.NDArray[np.int64],
    parent: npt.NDArray[np.int64],
    heads: npt.NDArray[np.int64],
    blind_of: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which candidates click, which afterpulses click, and which afterpulses came at all.

    Whether an afterpulse comes depends on an earlier click only: repeating the decision settles one more of them, in order of
    time, in every round, and in practice all within a few.
    """
    count, children = keys.size, child_key.size
    extra_key = np.concatenate([child_key, heads])
    extra_order = np.argsort(extra_key, kind="stable")
    at = np.searchsorted(keys, extra_key[extra_order], side="right")
    every = np.insert(keys, at, extra_key[extra_order])
    is_extra = np.zeros(every.size, dtype=np.bool_)
    extra_place = np.empty(extra_key.size, dtype=np.int64)
    extra_place[extra_order] = at + np.arange(extra_key.size)
    is_extra[extra_place] = True
    child_place = extra_place[:children]
    from_candidate = parent < count
    parent_place = np.where(from_candidate, parent + np.searchsorted(at, parent, side="right"), 0)
    parent_place[~from_candidate] = child_place[parent[~from_candidate] - count]
    blind: npt.NDArray[np.int64] | int = int(blind_of[0])
    if (blind_of != blind_of[0]).any():
        blind = blind_of[(every + _LANE // 2) // _LANE]
    near = np.diff(every) <= (blind if isinstance(blind, int) else blind[1:])
    touched = np.zeros(every.size, dtype=np.bool_)
    touched[1:] |= near
    touched[:-1] |= near
    crowd = np.flatnonzero(touched)
    crowd_keys, crowd_blind = every[crowd], blind if isinstance(blind, int) else blind[crowd]
    active = np.ones(every.size, dtype=np.bool_)
    active[child_place] = False
    clicked = active.copy()
    while True:
        present = active[crowd]
        clicked[crowd] = False
        own = crowd_blind if isinstance(crowd_blind, int) else crowd_blind[present]
        clicked[crowd[present]] = survivors(crowd_keys[present], own)
        came = clicked[parent_place]
        if np.array_equal(came, active[child_place]):
            break
        active[child_place] = came
        clicked[child_place] = came
    return clicked[~is_extra], clicked[child_place], active[child_place]


def _children(
    keys: npt.NDArray[np.int64], lane_of: npt.NDArray[np.int64], marks: Marks
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Key and lane of every potential afterpulse, one generation after the other: ``marks.parent`` ascends."""
    child_key, child_lane = np.empty_like(marks.parent), np.empty_like(marks.parent)
    done, known_key, known_lane = 0, keys, lane_of
    while done < marks.parent.size:
        end = int(np.searchsorted(marks.parent, keys.size + done))
        parent = marks.parent[done:end] - (keys.size + done - known_key.size)
        child_key[done:end] = known_key[parent] + marks.delay[done:end]
        child_lane[done:end] = known_lane[parent]
        known_key, known_lane, done = child_key[done:end], child_lane[done:end], end
    return child_key, child_lane


def _hits(rng: np.random.Generator, size: int, probability: float) -> npt.NDArray[np.int64]:
    """Positions below ``size`` at which independent trials succeed."""
    if probability > 0.1:
        return np.flatnonzero(rng.random(size) < probability)
    expected = size * probability
    gaps = rng.geometric(probability, int(expected + 10.0 * expected**0.5 + 20.0))
    hits = gaps.cumsum() - 1
    return hits[hits < size]


def _sorted(index: npt.NDArray[np.int64], lane: npt.NDArray[np.int64]) -> Candidates:
    order = np.argsort(index, kind="stable")
    return Candidates(index[order], lane[order].astype(np.uint8))


def _last_clicks(clicks: Candidates, before: tuple[int, ...]) -> tuple[int, ...]:
    last = []
    for number, previous in enumerate(before):
        own = np.flatnonzero(clicks.detector == number)
        last.append(int(clicks.index[own[-1]]) if own.size else previous)
    return tuple(last)
