"""Blocks with their ledger lines, as the events files of a run hold them; a run that never finished can be read too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hil.ports.run import LedgerEntry  # noqa: TC001  (msgspec resolves annotations at run time)
from hil.record.events import read_events
from hil.record.folder import RunFolder
from hil.record.model import BlockEntry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["LedgerBlock", "read_blocks"]

Intensity = tuple[int, int, int, int | None]


class LedgerBlock(BlockEntry, frozen=True, kw_only=True):
    """A block's numbers, its counts by intensity (number, basis, sifted, errors) and its ledger."""

    by_intensity: tuple[Intensity, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()

    def line(self, stage: str, beginning: str) -> LedgerEntry | None:
        """The first line of that stage whose words begin so; None where the block did not get that far."""
        found = (entry for entry in self.ledger if entry.stage == stage and entry.what.startswith(beginning))
        return next(found, None)

    def value(self, stage: str, beginning: str) -> float | None:
        """That line's number."""
        entry = self.line(stage, beginning)
        return None if entry is None else entry.value

    def sum(self, basis: int, *, errors: bool = False) -> int | None:
        """Sifted bits of a basis over all intensities, or their errors; None where they were not counted."""
        cells = [row[3] if errors else row[2] for row in self.by_intensity if row[1] == basis]
        counted = [cell for cell in cells if cell is not None]
        return sum(counted) if cells and len(counted) == len(cells) else None


def read_blocks(folder: Path) -> tuple[Sequence[LedgerBlock], Sequence[str]]:
    """Every block in the order it was written, file by file, and in words what could not be read."""
    blocks: list[LedgerBlock] = []
    problems: list[str] = []
    for file in RunFolder(folder).events_files():
        events, unread = read_events(file)
        problems += unread
        for event in events:
            if event.kind != "block":
                continue
            try:
                blocks.append(msgspec.convert({**event.data, "case": event.case}, LedgerBlock))
            except msgspec.ValidationError as error:
                problems.append(f"{file.name}: the block of event {event.seq} cannot be read ({error})")
    return blocks, problems
