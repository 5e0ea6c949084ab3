"""What faults share that inject into a twin: parameters of its world are set, and what a user would see shows the fault."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hil.errors import MissingCapabilityError
from hil.ports.spec import FaultSpec, Finding, Move, Span, Undo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hil.ports.spec import FaultBench, Range, Readings

__all__ = ["Injection", "injection", "of_detectors"]

_PATIENCE_S = 3.0
_NOTHING = 1e-9
_SET = "set."


def of_detectors(parameter: str) -> Callable[[FaultBench, str], list[tuple[str, str]]]:
    """Device and name of a parameter of every detector of a target (``bob``, or ``bob.z0`` for one)."""

    def listed(bench: FaultBench, target: str) -> list[tuple[str, str]]:
        device, _, detector = target.partition(".")
        names = [detector] if detector else list(bench.declared(device).detectors)
        return [(device, f"{name}.{parameter}") for name in names]

    return listed


@dataclasses.dataclass(frozen=True)
class Injection:
    """How one fault sets parameters of a twin.

    ``parameters(bench, target)`` lists device and name of each; ``becomes(settings, parameter, stood)`` gives the value it
    takes, from the one that stood. ``unless`` says what hardware would take, for the skip there; ``within`` how closely a
    device tells what it was set to, where a fault moves a real one.
    """

    parameters: Callable[[FaultBench, str], Sequence[tuple[str, str]]]
    becomes: Callable[[Any, str, float], float]
    unless: str
    within: float = 0.0
    above: Callable[[FaultBench, str, str], float] = lambda _bench, _device, _parameter: 0.0
    """From where a setting counts, such as the threshold of a laser's current; ``becomes`` is told what lies above."""

    def value(self, bench: FaultBench, settings: Any, where: tuple[str, str], stood: float) -> float:
        """What a parameter of a device becomes."""
        above = self.above(bench, *where)
        return above + self.becomes(settings, where[1], stood - above)


def injection(
    how: Injection,
    *,
    name: str,
    title: str,
    settings: type,
    zero: str,
    target_role: str,
    acts_on: str,
    read: Callable[[FaultBench, str, Any], Readings],
    shown: Callable[[FaultBench, str, Any, Span, Span], Finding],
    healed: Callable[[FaultBench, str, Any, Span, Span], Finding],
    ranges: Mapping[str, Range],
    magnitude: tuple[str, ...] = (),
    patience_s: float = _PATIENCE_S,
    look_s: float = 1.0,
    spoils_detections: bool = True,
) -> FaultSpec:
    """The SPEC of one: ``shown`` and ``healed`` judge what ``read`` told; that the parameters read back is seen to here.

    Where the settings would change no parameter the fault is one of zero: nothing is moved or looked for.
    """

    def plan(bench: FaultBench, target: str, _chosen: Any) -> tuple[Undo, ...]:
        parameters = how.parameters(bench, target)
        try:
            return tuple(Undo(device, key, bench.read(device, key)) for device, key in parameters)
        except MissingCapabilityError as error:
            word = name.replace("-", "_")
            raise MissingCapabilityError(
                f"{word}: {target} is real, and no command makes it so: {how.unless}. Run it on the twin (--hil-simulate)"
            ) from error

    def moves(bench: FaultBench, _target: str, chosen: Any, stood: tuple[Undo, ...]) -> tuple[Move, ...]:
        wanted = (
            Move(undo.device, undo.setting, how.value(bench, chosen, (undo.device, undo.setting), float(undo.value)))
            for undo in stood
        )
        return tuple(move for move, undo in zip(wanted, stood, strict=True) if move.value != undo.value)

    def look(bench: FaultBench, target: str, chosen: Any) -> Readings:
        set_to = {f"{_SET}{device}/{key}": bench.read(device, key) for device, key in how.parameters(bench, target)}
        return {**read(bench, target, chosen), **set_to}

    def is_shown(bench: FaultBench, target: str, chosen: Any, before: Span, during: Span) -> Finding:
        changed = [key for key in before.last if key.startswith(_SET) and before.last[key] != during.last[key]]
        due = {key: how.value(bench, chosen, _where(key), value) for key, value in before.last.items() if key.startswith(_SET)}
        if all(due[key] == before.last[key] for key in due):
            return Finding(not changed, f"zero: nothing of {target} was changed (0 of {len(due)} parameters)")
        off = [abs(during.last[key] - value) - _NOTHING * max(1.0, abs(value)) for key, value in due.items()]
        stands = max(off) <= how.within
        found = shown(bench, target, chosen, before, during)
        said = "" if stands else f" (but {len(due)} parameters do not read back as set)"
        return Finding(stands and found.shown, f"{target}: {found.words}{said}")

    def is_healed(bench: FaultBench, target: str, chosen: Any, during: Span, after: Span) -> Finding:
        if all(during.last[key] == after.last[key] for key in after.last if key.startswith(_SET)):
            return Finding(shown=True, words=f"zero: nothing of {target} was changed (0 parameters differ)")
        found = healed(bench, target, chosen, during, after)
        return Finding(found.shown, f"{target}: {found.words}")

    return FaultSpec(
        name=name,
        title=title,
        settings=settings,
        zero=zero,
        target_role=target_role,
        acts_on=acts_on,
        plan=plan,
        moves=moves,
        read=look,
        shown=is_shown,
        healed=is_healed,
        patience_s=lambda _bench, _target: patience_s,
        look_s=look_s,
        spoils_detections=spoils_detections,
        ranges=ranges,
        magnitude=magnitude,
    )


def _where(reading: str) -> tuple[str, str]:
    """Device and parameter of a reading of what is set."""
    device, _, parameter = reading.removeprefix(_SET).partition("/")
    return device, parameter
