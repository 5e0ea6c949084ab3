"""What a fault would move, as data: asked of the fault, carried out by nobody here."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from hil.discovery import find
from hil.ports.waveform import Step
from hil.testbed.injection._fault_settings import in_words, scaled, settings_of, together
from hil.testbed.injection._fault_waveforms import magnitudes_given, waveform_of
from hil.testbed.injection.chaos import Chaos
from hil.testbed.injection.fault_target import target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.ports.spec import Move, Undo
    from hil.ports.waveform import Waveform
    from hil.testbed.link import Link

__all__ = ["PlannedFault", "plan_fault"]


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
