"""Which candidates click: one by one, or with vector operations where a fixed dead time decides, as only crowds need one."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Indices = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]
    Reals = npt.NDArray[np.float64]
    Small = npt.NDArray[np.uint8]

__all__ = ["NEVER", "settled", "survivors", "walked"]

NEVER = -(1 << 52)
"""A time, in ticks, too long ago to matter."""
_LANE = 1 << 54
_FEW_RUNS = 8


def settled(
    main: tuple[Indices, npt.NDArray[np.uint8]],
    extra: tuple[Indices, npt.NDArray[np.uint8], Indices],
    blind: Indices,
    last: Indices,
) -> Flags:
    """Which candidates click: ``main`` first, then ``extra``.

    Arguments are those of :func:`walked`. Each detector's candidates are laid out on a lane of their own. Whether an
    afterpulse comes depends on an earlier click only: repeating the decision settles one more of them, in order of time, in
    every round, and in practice all within a few.
    """
    mains, extras = main[0].size, extra[0].size
    lanes = [np.flatnonzero(main[1] == number) for number in range(blind.size)]
    order = np.concatenate(lanes)
    keys = main[0].take(order) + np.repeat(np.arange(blind.size) * _LANE, [lane.size for lane in lanes])
    # the last click of each detector stands before its lane and has clicked already
    heads = np.maximum(last, NEVER) + np.arange(blind.size) * _LANE
    extra_keys = np.concatenate([extra[0] + extra[1].astype(np.int64) * _LANE, heads])
    extra_order = np.argsort(extra_keys, kind="stable")
    at = np.searchsorted(keys, extra_keys[extra_order], side="right")
    every = np.insert(keys, at, extra_keys[extra_order])
    place = np.empty(mains + extras + blind.size, dtype=np.int64)
    is_extra = np.zeros(every.size, dtype=np.bool_)
    place[mains + extra_order] = at + np.arange(extra_keys.size)
    is_extra[place[mains:]] = True
    place[order] = np.flatnonzero(~is_extra)
    child = np.flatnonzero(extra[2] >= 0)
    child_place, parent_place = place[mains + child], place[extra[2][child]]
    own = np.repeat(blind, np.diff(np.searchsorted(every, np.arange(blind.size + 1) * _LANE - _LANE // 2)))
    active = np.ones(every.size, dtype=np.bool_)
    active[child_place] = False
    clicked = active.copy()
    crowd = _crowd(every, own)
    while True:
        present = active[crowd]
        clicked[crowd] = False
        clicked[crowd[present]] = survivors(every[crowd[present]], own[crowd[present]])
        came = clicked[parent_place]
        if np.array_equal(came, active[child_place]):
            break
        active[child_place] = came
        clicked[child_place] = came
    return clicked[place[: mains + extras]]


def survivors(keys: Indices, blind: Indices) -> Flags:
    """Which of ascending ``keys`` click when each click blinds its detector for ``blind`` ticks; shape (n,), the first clicks.

    Only runs of candidates closer than the dead time need a decision; they are walked side by side.
    """
    clicks = np.ones(keys.size, dtype=np.bool_)
    near = np.flatnonzero(np.diff(keys) <= blind[1:]) + 1
    if near.size == 0:
        return clicks
    begins = np.flatnonzero(np.diff(near, prepend=-1) > 1)
    at, stop = near[begins], near[np.append(begins[1:], near.size) - 1] + 1
    last = keys[at - 1]
    while at.size > _FEW_RUNS:
        free = keys[at] - last > blind[at]
        clicks[at] = free
        last = np.where(free, keys[at], last)
        going = at + 1 < stop
        at, stop, last = at[going] + 1, stop[going], last[going]
    for first, end, previous in zip(at.tolist(), stop.tolist(), last.tolist(), strict=True):
        own = int(blind[first])
        clicks[first:end] = False
        position = first + int(np.searchsorted(keys[first:end], previous + own, side="right"))
        while position < end:
            clicks[position] = True
            position += int(np.searchsorted(keys[position:end], int(keys[position]) + own, side="right"))
    return clicks


def _crowd(every: Indices, own: Indices) -> Indices:
    """Places of candidates that stand closer to a neighbour than the dead time."""
    near = np.diff(every) <= own[1:]
    touched = np.zeros(every.size, dtype=np.bool_)
    touched[1:] |= near
    touched[:-1] |= near
    return np.flatnonzero(touched)


def walked(
    main: tuple[Indices, Small],
    extra: tuple[Indices, Small, Indices],
    rules: tuple[Indices, Reals, tuple[Indices, Indices], bool],
    chance: tuple[Reals, Reals],
    memory: tuple[Indices, Indices],
) -> tuple[Indices, Small, Flags]:
    """Go through candidates in order of time: time and detector of each click, and which candidates clicked.

    ``main`` are time and detector, ``extra`` the same with the number of the candidate without whose click it never comes
    (main first, then extra; -1: it comes anyway). ``rules`` are dead time, recovery time, (gap, reset time) of latching, and
    whether what is not seen prolongs the dead time. ``chance`` is each candidate's luck while its detector recovers, or empty.
    ``memory`` holds each detector's last event and the end of its silence, and is updated.
    """
    main_time, main_detector = main
    extra_time, extra_detector, parent = extra
    blind, recovery, latching, paralysable = rules
    latch_gap, latch_reset = latching
    main_chance, extra_chance = chance
    last, silent = memory
    mains, extras = len(main_time), len(extra_time)
    time, detector = np.empty(mains + extras, dtype=np.int64), np.empty(mains + extras, dtype=np.uint8)
    clicked = np.zeros(mains + extras, dtype=np.bool_)
    i, j, found = 0, 0, 0
    while i < mains or j < extras:
        if j == extras or (i < mains and main_time[i] <= extra_time[j]):
            t, d, event = main_time[i], main_detector[i], i
            i += 1
        else:
            t, d, event = extra_time[j], extra_detector[j], mains + j
            j += 1
            if parent[j - 1] >= 0 and not clicked[parent[j - 1]]:
                continue
        gap = t - last[d]
        if gap <= blind[d]:
            if paralysable:
                last[d] = t
            continue
        if t < silent[d]:
            continue
        if len(main_chance) + len(extra_chance) > 0 and recovery[d] > 0.0:
            luck = main_chance[event] if event < mains else extra_chance[event - mains]
            if luck >= 1.0 - exp(-(gap - blind[d]) / recovery[d]):
                continue
        last[d] = t
        if gap < latch_gap[d]:
            silent[d] = t + latch_reset[d]
        clicked[event] = True
        time[found] = t
        detector[found] = d
        found += 1
    return time[:found], detector[:found], clicked
