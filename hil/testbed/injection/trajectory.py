"""Where a fault would take each setting, and when, computed before anything moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil.bench.queries import envelope_of
from hil.errors import EnvelopeError
from hil.testbed.injection._fault_settings import scaled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.bench.model import Bench
    from hil.ports.spec import FaultBench, FaultSpec, Undo
    from hil.ports.waveform import Waveform

__all__ = ["Leg", "inside_envelopes", "legs"]

_ANY = (-math.inf, math.inf)
_MOST_CHANGES = 1000
"""Of a waveform that never ends."""


@dataclass(frozen=True)
class Leg:
    """One move of a fault: so many seconds after injection, from one value to another."""

    time_s: float
    device: str
    setting: str
    before: float
    after: float


def legs(
    spec: FaultSpec,
    bench: FaultBench,
    target: str,
    settings: Any,
    undos: tuple[Undo, ...],
    *,
    waveform: Waveform,
    duration_s: float | None,
) -> tuple[Leg, ...]:
    """Every move of a fault in order, without its healing; of an endless waveform, the first thousand changes of level."""
    stood = {(undo.device, undo.setting): float(undo.value) for undo in undos}
    stands = dict(stood)
    found: list[Leg] = []
    time_s, changes = 0.0, 0
    while time_s < (math.inf if duration_s is None else duration_s) and changes < _MOST_CHANGES:
        level = waveform.level(time_s)
        wanted = dict(stood)
        if level:
            moves = spec.moves(bench, target, scaled(spec, settings, level), undos)
            wanted |= {(move.device, move.setting): float(move.value) for move in moves}
        for key, value in wanted.items():
            if value != stands.get(key):
                found.append(Leg(time_s, *key, before=stands.get(key, math.nan), after=value))
                stands[key] = value
        time_s, changes = waveform.next_change_s(time_s), changes + 1
    return tuple(found)


def inside_envelopes(bench: Bench, fault: str, way: Sequence[Leg]) -> None:
    """EnvelopeError for the first move that would leave the envelope its bench file allows."""
    for leg in way:
        declared = bench.device.get(leg.device)
        low, high = envelope_of(declared).get(leg.setting, _ANY) if declared is not None else _ANY
        if not low <= leg.after <= high:
            raise EnvelopeError(
                leg.device,
                f"{fault} would take {leg.setting} to {leg.after:g} after {leg.time_s:g} s, outside its envelope of {low:g} to"
                f" {high:g}; nothing was moved",
            )
