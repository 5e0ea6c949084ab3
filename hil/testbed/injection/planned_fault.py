"""What a fault would move, as data: asked of the fault, carried out by nobody here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hil.discovery import find
from hil.testbed.injection._fault_settings import in_words, settings_of, together
from hil.testbed.injection.chaos import Chaos
from hil.testbed.injection.fault_target import target_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.ports.spec import Move, Undo
    from hil.testbed.link import Link

__all__ = ["PlannedFault", "plan_fault"]


@dataclass(frozen=True)
class PlannedFault:
    """A fault on its target: ``moves`` make it, ``undos`` say what stood before; ``words`` are its name and settings."""

    target: str
    words: str
    undos: tuple[Undo, ...]
    moves: tuple[Move, ...]


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
