"""What every fault of a classical channel shares: settings of a channel are moved, and a probe over it shows the fault."""

from __future__ import annotations

import dataclasses
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hil.errors import Mistake
from hil.faults._refusal import refuse
from hil.ports.spec import FaultSpec, Finding, Move, Span, Undo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hil.ports.spec import FaultBench, Range, Readings

__all__ = ["CHANNEL", "KME_CHANNEL", "WAYS", "checked", "classical"]

WAYS: Mapping[str, tuple[float, float]] = {"both": (1.0, 1.0), "a->b": (1.0, 0.0), "b->a": (0.0, 1.0)}
"""Shares of a fault from a (who calls: Alice, or an application) to b, and back, by what a setting says."""

CHANNEL, KME_CHANNEL = "classical-channel", "kme-channel"
_LOOK_S = 0.05
_PATIENCE_S = 0.5
_NOTHING = 1e-12


def checked(settings: Any, also: Iterable[Mistake] = ()) -> None:
    """FaultUseError for settings that are negative or no numbers, ratios above one, no way, and what else was found wrong."""
    refuse(settings, [*_impossible(settings), *also])


def _impossible(settings: Any) -> Iterator[Mistake]:
    for info in dataclasses.fields(settings):
        value = getattr(settings, info.name)
        if info.name.endswith("_way"):
            if value not in WAYS:
                yield Mistake(info.name, repr(value), ", ".join(WAYS))
            continue
        if not (math.isfinite(value) and value >= 0.0) or (info.name.endswith("_ratio") and value > 1.0):
            yield Mistake(info.name, f"{value:g}", "a ratio from 0 to 1" if info.name.endswith("_ratio") else "zero or more")


def _everything_came(_settings: Any, _during: Readings, after: Readings) -> Finding:
    """Healed: every message of the probe came back once, unchanged, in order."""
    good = after["echoed"] == after["sent"] and not (
        after["changed"] or after["repeated"] or after["swapped"] or after["resets"]
    )
    return Finding(good, f"{after['echoed']:.0f} of {after['sent']:.0f} messages came back as they went out")


def classical(
    *,
    name: str,
    title: str,
    settings: type,
    zero: str,
    acts_on: str,
    moves: Callable[[Any], Mapping[str, float]],
    shown: Callable[[Any, Readings, Readings], Finding],
    healed: Callable[[Any, Readings, Readings], Finding] = _everything_came,
    target_role: str = CHANNEL,
    ranges: Mapping[str, Range] = MappingProxyType({}),
    magnitude: tuple[str, ...] = (),
) -> FaultSpec:
    """The SPEC of one: ``moves`` gives settings of the channel by name, all of them zero for a fault of zero.

    ``shown(settings, before, now)`` and ``healed(settings, during, now)`` judge readings of the probe. While another fault of
    the channel is in, the probe shows that one, so healing is then judged by what the settings read back.
    """

    def plan(bench: FaultBench, target: str, chosen: Any) -> tuple[Undo, ...]:
        return tuple(Undo(target, setting, bench.read(target, setting)) for setting in moves(chosen))

    def to_move(_bench: FaultBench, target: str, chosen: Any, _stood: tuple[Undo, ...]) -> tuple[Move, ...]:
        return tuple(Move(target, setting, value) for setting, value in moves(chosen).items() if value)

    def read(bench: FaultBench, target: str, chosen: Any) -> Readings:
        return {**bench.probe(target), **{f"setting.{name}": bench.read(target, name) for name in moves(chosen)}}

    def is_shown(_bench: FaultBench, target: str, chosen: Any, before: Span, during: Span) -> Finding:
        wanted = moves(chosen)
        if not any(wanted.values()):
            return Finding(shown=True, words=f"zero: nothing of {target} was changed")
        stands = all(abs(during.last[f"setting.{name}"] - value) < _NOTHING for name, value in wanted.items() if value)
        found = shown(chosen, before.last, during.last)
        return Finding(stands and found.shown, f"{target}: {found.words}")

    def is_healed(_bench: FaultBench, target: str, chosen: Any, during: Span, after: Span) -> Finding:
        if not any(moves(chosen).values()):
            return Finding(shown=True, words=f"zero: nothing of {target} was changed")
        if others := after.last["set"]:
            return Finding(shown=True, words=f"{target}: taken back; {others:.0f} settings of other faults are still in")
        found = healed(chosen, during.last, after.last)
        return Finding(found.shown, f"{target}: {found.words}")

    return FaultSpec(
        name=name,
        title=title,
        settings=settings,
        zero=zero,
        target_role=target_role,
        acts_on=acts_on,
        plan=plan,
        moves=to_move,
        read=read,
        shown=is_shown,
        healed=is_healed,
        patience_s=lambda _bench, _target: _PATIENCE_S,
        look_s=_LOOK_S,
        spoils_detections=False,
        ranges=ranges,
        magnitude=magnitude,
    )
