"""What one fault has to put back: where each setting stood, and which of them a later fault puts back in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.testbed.actuators import stands
from hil.testbed.injection._troubles import TROUBLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.ports.spec import Undo
    from hil.testbed.injection.chaos import Chaos

__all__ = ["Undoing"]


class Undoing:
    """The undos of one fault, which has commanded nothing without having them here."""

    def __init__(self, chaos: Chaos) -> None:
        self.undos: tuple[Undo, ...] = ()
        self._chaos = chaos
        self._handed: set[tuple[str, str]] = set()

    def hand_to(self, later: Iterable[Undo]) -> list[Undo]:
        """Leave to a later fault what it puts back as well, and where this one found it."""
        mine = {(undo.device, undo.setting): undo for undo in self.undos}
        handed = [key for undo in later if (key := (undo.device, undo.setting)) in mine.keys() - self._handed]
        self._handed.update(handed)
        return [mine[key] for key in handed]

    def take_over(self, undos: Iterable[Undo]) -> None:
        """Put these settings back to where they stood before the fault below this one, which is gone."""
        instead = {(undo.device, undo.setting): undo for undo in undos}
        self.undos = tuple(instead.get((undo.device, undo.setting), undo) for undo in self.undos)

    def put_back(self) -> list[tuple[str, Exception | None]]:
        """Carry out every undo, last one first, and read it back; what does not stand as it should, in words, and why."""
        bench = self._chaos.bench
        troubles: list[tuple[str, Exception | None]] = []
        for undo in reversed(self.undos):
            if (undo.device, undo.setting) in self._handed:
                continue
            try:
                bench.write(undo.device, undo.setting, float(undo.value))
                found = bench.read(undo.device, undo.setting)
                if not stands(undo.setting, found, float(undo.value)):
                    troubles.append((f"{undo.device} reads back {undo.setting} {found:g}, expected {undo.value}", None))
            except TROUBLE as error:
                troubles.append((str(error), error))
        return troubles
