"""What faults of single detectors share: parameters of a twin or bias of a control unit are moved, and counts follow."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hil.errors import MissingCapabilityError, UsageError
from hil.faults._clicks import compared, darkened, lit_clicks, of_target
from hil.faults._injection import Injection, injection
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.faults._clicks import Change, Counted
    from hil.ports.spec import FaultBench, FaultSpec, Range, Readings, Span

__all__ = ["counting", "units", "whole_receiver"]


def units(bench: FaultBench, target: str, setting: str) -> list[tuple[str, str]]:
    """Control units of all detectors of a target with the setting; empty unless each has one that can be set so."""
    receiver, _, detector = target.partition(".")
    names = [detector] if detector else list(bench.declared(receiver).detectors)
    found = {}
    for unit in bench.devices_of_role("detector"):
        declared = bench.declared(unit)
        if declared.of == receiver:
            with suppress(MissingCapabilityError):
                bench.read(unit, setting)
                found[declared.channel] = unit
    return [(found[name], setting) for name in names] if set(names) <= set(found) else []


def whole_receiver(target: str, word: str) -> str:
    """The target, where it is no single detector; UsageError for one."""
    if "." in target:
        raise UsageError(f"{word}: {target} is one detector, and all of a receiver's are alike in this; expected the receiver")
    return target


def counting(
    how: Injection,
    *,
    due: Callable[[Any], str],
    becomes: Callable[[Any, float, Counted], float],
    name: str,
    title: str,
    settings: type,
    zero: str,
    acts_on: str,
    ranges: Mapping[str, Range],
    magnitude: tuple[str, ...] = (),
) -> FaultSpec:
    """The SPEC of a fault of a receiver's detectors that shows in what they count.

    ``becomes(settings, quiet_hz, who)`` says what a rate becomes, ``due(settings)`` in words why.
    """

    def read(bench: FaultBench, target: str, _chosen: Any) -> Readings:
        return lit_clicks(bench, target)

    def found(bench: FaultBench, target: str, chosen: Any, quiet: Span, noisy: Span) -> Change:
        who = of_target(bench, target, noisy)
        return compared(quiet, noisy, who.names, lambda quiet_hz: becomes(chosen, quiet_hz, who))

    def shown(bench: FaultBench, target: str, chosen: Any, before: Span, during: Span) -> Finding:
        if blind := darkened(during):
            return Finding(shown=False, words=blind)
        change = found(bench, target, chosen, before, during)
        return Finding(change.accordingly, f"{change.words(due(chosen))} than before")

    def healed(bench: FaultBench, target: str, chosen: Any, during: Span, after: Span) -> Finding:
        if blind := darkened(after) or darkened(during):
            return Finding(shown=True, words=blind)
        change = found(bench, target, chosen, after, during)
        return Finding(change.gone, f"{change.words(due(chosen))} than after healing")

    return injection(
        how,
        name=name,
        title=title,
        settings=settings,
        zero=zero,
        target_role="receiver",
        acts_on=acts_on,
        read=read,
        shown=shown,
        healed=healed,
        ranges=ranges,
        magnitude=magnitude,
    )
