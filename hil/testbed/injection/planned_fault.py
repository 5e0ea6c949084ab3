"""What a fault would move, as data: asked of the fault, carried out by nobody here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hil.bench.wording import nearest
from hil.discovery import find, names
from hil.errors import FaultUseError, Mistake, UnknownNameError
from hil.ports.waveform import Step
from hil.testbed.injection._fault_settings import in_words, scaled, settings_of, together
from hil.testbed.injection._fault_waveforms import magnitudes_given, waveform_of
from hil.testbed.injection.chaos import Chaos
from hil.testbed.injection.fault_target import target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hil.ports.spec import Move, Undo
    from hil.ports.waveform import Waveform
    from hil.testbed.link import Link

__all__ = ["PlannedFault", "plan_fault", "wrong_in_plan"]


@dataclass(frozen=True)
class PlannedFault:
    """A fault on its target: ``moves`` make it, ``undos`` say what stood before; ``words`` are its name and settings.

    ``at(level)`` gives the moves at a level of a waveform, ``waveform(seed)`` the one it was planned with.
    """

    target: str
    words: str
    undos: tuple[Undo, ...]
    moves: tuple[Move, ...]
    at: Callable[[float], tuple[Move, ...]] = field(compare=False, repr=False)
    waveform: Callable[[int], Waveform] = field(compare=False, repr=False)


def wrong_in_plan(name: str, settings: Mapping[str, Any], waveform: str) -> Iterator[Mistake]:
    """What is wrong with a fault's name (``fault``), settings (``settings.rate_hz``) and waveform, on whatever bench."""
    try:
        spec = find("fault", name.replace("_", "-"))
    except UnknownNameError:
        yield Mistake("fault", repr(name), nearest(name, names("fault")))
        return
    try:
        settings_of(spec, settings)
    except FaultUseError as error:
        yield from (replace(mistake, where=f"settings.{mistake.where}") for mistake in error.mistakes)
    try:
        waveform_of(spec, waveform, 0)
    except FaultUseError as error:
        yield from error.mistakes


def plan_fault(link: Link, name: str, target: str, settings: Mapping[str, Any], waveform: str = "step") -> PlannedFault:
    """Read what stands, and ask the fault what it would move; nothing is moved.

    Raises as the fault itself would: UnknownNameError, UsageError for target, settings and waveform, MissingCapabilityError.
    """
    spec = find("fault", name)
    chaos = Chaos(link.testbed, link)
    chosen, own, shape = together(
        spec,
        partial(settings_of, spec, settings),
        partial(target_of, chaos, spec, target or None),
        partial(waveform_of, spec, waveform, 0),
    )
    together(spec, partial(magnitudes_given, spec, chosen, shape))
    undos = spec.plan(chaos.bench, own, chosen)
    words = " ".join(filter(None, [spec.name, in_words(chosen)]))

    def at(level: float) -> tuple[Move, ...]:
        return spec.moves(chaos.bench, own, scaled(spec, chosen, level), undos) if level else ()

    return PlannedFault(
        target=own,
        words=words if isinstance(shape, Step) else f"{words}, {shape}",
        undos=undos,
        moves=at(1.0),
        at=at,
        waveform=lambda seed: waveform_of(spec, waveform, seed),
    )
