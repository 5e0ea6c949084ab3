"""Moves the settings of one fault as its waveform says: absolute values, from what stood before anything moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.errors import BenchError
from hil.testbed.injection._fault_settings import scaled

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, FaultSpec, Undo
    from hil.ports.waveform import Waveform

__all__ = ["Follower"]


class Follower:
    """One fault on its way; ``settings`` are those of the present ``level``, ``levels`` all so far, each from when on."""

    def __init__(self, spec: FaultSpec, bench: FaultBench, target: str, settings: Any, undos: tuple[Undo, ...]) -> None:
        self.settings = settings
        self.level = 0.0
        self.levels: list[tuple[float, float]] = []
        self._spec = spec
        self._bench = bench
        self._target = target
        self._whole = settings
        self.stood_at(undos)
        self._stands = dict(self._stood)

    def stood_at(self, undos: tuple[Undo, ...]) -> None:
        """Where settings stood without the fault, from the next move on."""
        self._undos = undos
        self._stood = {(undo.device, undo.setting): undo.value for undo in undos}

    def follow(self, waveform: Waveform, time_s: float, now_s: float) -> None:
        """Move to the level of ``time_s`` seconds after injection, at the bench time ``now_s``; only what differs is sent."""
        level = waveform.level(time_s)
        wanted = dict(self._stood)
        settings = self._whole
        if level:
            settings = scaled(self._spec, self._whole, level)
            moves = self._spec.moves(self._bench, self._target, settings, self._undos)
            wanted |= {(move.device, move.setting): move.value for move in moves}
        if unplanned := sorted(f"{device} {setting}" for device, setting in wanted.keys() - self._stood.keys()):
            raise BenchError(
                f"fault {self._spec.name} would move {', '.join(unplanned)}, which its plan does not say how to undo;"
                " nothing was moved. Mend its plan"
            )
        for (device, setting), value in wanted.items():
            if value != self._stands[device, setting]:
                self._bench.write(device, setting, float(value))
                self._stands[device, setting] = value
        self.level, self.settings = level, settings
        self.levels.append((now_s, level))
