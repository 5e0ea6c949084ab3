"""What the faults of a calendar do to a bench in the course of a month: changes of settings by time.

A waveform has, all through a slice of the month, the level of the slice's middle, which is when its clicks are simulated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.device_sims.world.month import Change
from hil.errors import UsageError
from hil.ports.waveform import Step
from hil.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hil.operations.fault_calendar import Occurrence
    from hil.testbed.injection.planned_fault import PlannedFault
    from hil.testbed.link import Link

    Values = dict[tuple[str, str], float]

__all__ = ["changes_of"]


def changes_of(
    link: Link,
    planned: Mapping[str, PlannedFault],
    came: Sequence[Occurrence],
    stops: frozenset[str] = frozenset(),
    *,
    slice_s: float = 60.0,
    seed: int = 0,
) -> list[Change]:
    """What happens to the bench when: of faults that hold the same setting at once the last one counts, as on a real bench.

    UsageError for a fault that moves something which is no part of the simulated light, unless its class is one of those whose
    effect is declared (``stops``). ``seed`` is that of random walks.
    """
    of_light = {*link.device_names, *(f"{link.name}{arm}" for arm in ("", ".a", ".b"))}
    for name, fault in planned.items():
        if name not in stops and (strangers := sorted({move.device for move in fault.moves} - of_light)):
            raise UsageError(
                f"fault.{name}: {fault.words} acts on {', '.join(strangers)}, which the light of {link.name} does not see;"
                " expected a fault of its devices or its fibre, or stops_key = true besides"
            )
    undos = [undo for fault in planned.values() for undo in fault.undos if undo.device in of_light]
    stood = {(undo.device, undo.setting): float(undo.value) for undo in undos}
    # by time, then by occurrence: the values it holds from then on, or None when it is over
    events: list[tuple[float, int, Values | None]] = []
    for number, one in enumerate(came):
        if one.name in planned:
            own = derive(seed, "month", one.name, round(1e9 * one.start_s))
            events += [(time_s, number, values) for time_s, values in _course(planned[one.name], one, of_light, slice_s, own)]
    events.sort(key=lambda event: event[:2])
    found: list[Change] = []
    held: dict[int, Values] = {}
    present, at = dict(stood), 0
    while at < len(events):
        time_s = events[at][0]
        while at < len(events) and events[at][0] == time_s:
            _, number, values = events[at]
            held.pop(number, None)
            if values is not None:
                held[number] = values
            at += 1
        wanted = dict(stood)
        for number in sorted(held):
            wanted |= held[number]
        found += [Change(time_s, *key, value) for key, value in wanted.items() if present[key] != value]
        present = wanted
    return found


def _course(
    fault: PlannedFault, one: Occurrence, of_light: set[str], slice_s: float, seed: int
) -> Iterator[tuple[float, Values | None]]:
    """What one occurrence holds from when on, and None at its end."""
    waveform, level = fault.waveform(seed), -1.0
    if isinstance(waveform, Step):
        yield one.start_s, _values(fault, 1.0, of_light)
        yield one.end_s, None
        return
    first = math.ceil(one.start_s / slice_s - 0.5)
    for number in range(first, math.ceil(one.end_s / slice_s - 0.5)):
        there = waveform.level((number + 0.5) * slice_s - one.start_s)
        if there != level:
            level = there
            yield max(one.start_s, number * slice_s), _values(fault, level, of_light)
    yield one.end_s, None


def _values(fault: PlannedFault, level: float, of_light: set[str]) -> Values:
    return {(move.device, move.setting): float(move.value) for move in fault.at(level) if move.device in of_light}
