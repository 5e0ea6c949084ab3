"""What a fault would move, as data: asked of the fault, carried out by nobody here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hil.bench.wording import nearest
from hil.discovery import find, names
from hil.errors import FaultUseError, Mistake, UnknownNameError
from hil.testbed.injection._fault_settings import in_words, settings_of, together
from hil.testbed.injection.chaos import Chaos
from hil.testbed.injection.fault_target import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hil.ports.spec import Move, Undo
    from hil.testbed.link import Link

__all__ = ["PlannedFault", "plan_fault", "wrong_in_plan"]


@dataclass(frozen=True)
class PlannedFault:
    """A fault on its target: ``moves`` make it, ``undos`` say what stood before; ``words`` are its name and settings."""

    target: str
    words: str
    undos: tuple[Undo, ...]
    moves: tuple[Move, ...]


def wrong_in_plan(name: str, settings: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong with a fault's name (``fault``) and settings (``settings.rate_hz``) on whatever bench."""
    try:
        spec = find("fault", name.replace("_", "-"))
    except UnknownNameError:
        yield Mistake("fault", repr(name), nearest(name, names("fault")))
        return
    try:
        settings_of(spec, settings)
    except FaultUseError as error:
        yield from (replace(mistake, where=f"settings.{mistake.where}") for mistake in error.mistakes)


def plan_fault(link: Link, name: str, target: str, settings: Mapping[str, Any]) -> PlannedFault:
    """Read what stands, and ask the fault what it would move; nothing is moved.

    Raises as the fault itself would: UnknownNameError, UsageError for target and settings, MissingCapabilityError.
    """
    spec = find("fault", name)
    chaos = Chaos(link.testbed, link)
    chosen, own = together(spec, partial(settings_of, spec, settings), partial(target_of, chaos, spec, target or None))
    undos = spec.plan(chaos.bench, own, chosen)
    words = " ".join(filter(None, [spec.name, in_words(chosen)]))
    return PlannedFault(own, words, undos, spec.moves(chaos.bench, own, chosen, undos))
