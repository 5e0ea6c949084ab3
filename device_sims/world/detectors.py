"""From candidates to clicks: dead time of every kind and cascading afterpulses, in exact order.

Every candidate carries a mark, from which follows whether a click there would leave afterpulses, after what delays and with
what marks of their own. Which candidates click is then a matter of order alone, and so independent of where time is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .crowds import settled, walked
from .draws import CHILD, DELAY, FAMILY, LUCK, negative_log, scrambled, uniform
from .dynamics import TICKS
from .sampler import Candidates, Events, chained, gate_open, joined, no_events

if TYPE_CHECKING:
    import numpy.typing as npt

    from .carry import Carry
    from .dynamics import Dynamics

__all__ = ["afterpulses", "resolve"]

_WORD = 2**64 - 1


def resolve(
    main: Events, extra: Events, *, dynamics: Dynamics, carry: Carry, span: tuple[int, int]
) -> tuple[Candidates, Carry]:
    """Clicks of all that comes before a pulse, and what the detectors remember there; ``span`` is (base, that pulse).

    ``main`` are the many, ``extra`` the few candidates since the last time, in order of time and timed from pulse ``base``.
    """
    base, end = span
    horizon = (end - base) * TICKS
    extra = carry.joining(extra, base)
    late, later = (int(np.searchsorted(part.time, horizon)) for part in (main, extra))
    waiting = [main.part(slice(late, None)), extra.part(slice(later, None))]
    main, extra = main.part(slice(0, late)), extra.part(slice(0, later))
    children, parent = afterpulses(main, extra, dynamics, (base, horizon))
    # in order of time, and of equal times in one that does not depend on where time was cut; parents are renumbered
    few, parent = chained([extra, children]), np.concatenate([np.full(later, -1, dtype=np.int64), parent])
    order = np.lexsort((few.mark, few.detector, few.time))
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    of_few = parent >= late
    parent[of_few] = place[parent[of_few] - late] + late
    few, parent = few.part(order), parent[order]
    now = int(np.searchsorted(few.time, horizon))
    memory = carry.memory(base)
    time, detector, clicked = _settle(main, few.part(slice(0, now)), parent=parent[:now], dynamics=dynamics, memory=memory)
    waiting.append(few.part(now + np.flatnonzero(clicked[parent[now:]])))
    phase = (time & (TICKS - 1)).astype(np.uint16) if dynamics.fine else None
    time >>= 16
    time += base
    clicks = Candidates(time, detector, phase)
    return clicks, carry.after(joined(waiting), memory, dynamics, span)


def afterpulses(main: Events, extra: Events, dynamics: Dynamics, span: tuple[int, int]) -> tuple[Events, npt.NDArray[np.int64]]:
    """Afterpulses that these candidates would leave if they clicked, and each one's parent.

    Parents count ``main`` first, then ``extra``, then these afterpulses; what comes beyond the horizon (``span``: base,
    horizon) has no offspring yet.
    """
    base, horizon = span
    found: list[Events] = []
    parents: list[npt.NDArray[np.int64]] = []
    count = main.time.size + extra.time.size
    generation = [(main, 0), (extra, main.time.size)]
    while generation:
        following: list[tuple[Events, int]] = []
        for parent, offset in generation:
            for family in range(len(dynamics.afterpulses)):
                chosen, child = _offspring(parent, dynamics, family, horizon)
                if dynamics.gate_ticks:
                    kept = gate_open(child.time, dynamics, base)
                    chosen, child = chosen[kept], child.part(kept)
                if chosen.size:
                    found.append(child)
                    parents.append(chosen + offset)
                    following.append((child, count))
                    count += chosen.size
        generation = following
    return chained(found), np.concatenate([np.empty(0, dtype=np.int64), *parents])


def _offspring(parent: Events, dynamics: Dynamics, family: int, horizon: int) -> tuple[npt.NDArray[np.int64], Events]:
    """Which events would leave an afterpulse of one family of traps, and those afterpulses."""
    traps = dynamics.afterpulses[family]
    luck = parent.mark if family == 0 else scrambled(parent.mark ^ np.uint64(FAMILY * family & _WORD))
    if traps.likely == 0:
        return np.empty(0, dtype=np.int64), no_events()
    chosen = np.flatnonzero(luck < np.uint64(traps.likely))
    detector = parent.detector[chosen]
    chosen = chosen[(uniform(luck[chosen]) < traps.probability[detector]) & (parent.time[chosen] < horizon)]
    detector, luck = parent.detector[chosen], luck[chosen]
    wait = negative_log(scrambled(luck ^ np.uint64(DELAY))) * traps.decay_ticks[detector]
    least = 1 if dynamics.fine else TICKS
    delay = ((wait / least).astype(np.int64) + 1) * least + dynamics.blind_ticks[detector]
    return chosen, Events(parent.time[chosen] + delay, detector, scrambled(luck ^ np.uint64(CHILD)))


def _settle(
    main: Events,
    extra: Events,
    *,
    parent: npt.NDArray[np.int64],
    dynamics: Dynamics,
    memory: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Time and detector of each click, and which candidates clicked; ``memory`` is updated."""
    if dynamics.plain:
        last = memory[0]
        extras = (extra.time, extra.detector, parent)
        clicked = settled((main.time, main.detector), extras, dynamics.blind_ticks, last)
        few, many = np.flatnonzero(clicked[main.time.size :]), np.flatnonzero(clicked[: main.time.size])
        at = np.searchsorted(main.time[many], extra.time[few], side="right")
        time = np.insert(main.time[many], at, extra.time[few])
        detector = np.insert(main.detector[many], at, extra.detector[few])
        for number in range(last.size):
            own = np.flatnonzero(detector == number)
            last[number] = time[own[-1]] if own.size else last[number]
        return time, detector, clicked
    recovery = np.zeros(memory[0].size) if dynamics.recovery_ticks is None else dynamics.recovery_ticks
    luck = [np.empty(0), np.empty(0)]
    if dynamics.recovery_ticks is not None:
        luck = [uniform(scrambled(part.mark ^ np.uint64(LUCK))) for part in (main, extra)]
    return walked(
        (main.time, main.detector),
        (extra.time, extra.detector, parent),
        (dynamics.blind_ticks, recovery, dynamics.latching, dynamics.paralysable),
        (luck[0], luck[1]),
        memory,
    )
