"""The moments of each test in order: faults in, faults healed, the first key afterwards, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.record.model import TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.record.model import BlockEntry, FaultEntry, NoteEntry

__all__ = ["first_key_after", "timeline"]


def timeline(
    faults: Sequence[FaultEntry], blocks: Sequence[BlockEntry], notes: Sequence[NoteEntry]
) -> tuple[TimelineEntry, ...]:
    """Entries by case, then bench time."""
    entries = [entry for fault in faults for entry in _of_fault(fault, blocks)]
    entries += [
        TimelineEntry(time_s=note.time_s, kind="note", text=note.text, link=note.link, case=note.case)
        for note in notes
        if note.time_s is not None
    ]
    unique = dict.fromkeys(entries)  # two faults healed together share their first key
    return tuple(sorted(unique, key=lambda entry: (entry.case, entry.time_s)))


def first_key_after(fault: FaultEntry, blocks: Sequence[BlockEntry]) -> BlockEntry | None:
    """The first block that began after the fault was healed, in the same test and on the same link, and released key."""
    after = [
        block
        for block in blocks
        if block.case == fault.case
        and (not fault.link or not block.link or block.link == fault.link)
        and block.released
        and block.secret_bits > 0
        and block.start_s >= fault.end_s - 1e-9
    ]
    return min(after, key=lambda block: block.end_s, default=None)


def _of_fault(fault: FaultEntry, blocks: Sequence[BlockEntry]) -> list[TimelineEntry]:
    said = f": {fault.evidence}" if fault.evidence else ", without evidence"
    commanded = f" ({fault.commanded})" if fault.commanded else ""
    where = {"link": fault.link, "case": fault.case}
    entries = [
        TimelineEntry(time_s=fault.start_s, kind="inject", text=f"{fault.fault} on {fault.target}{commanded}{said}", **where)
    ]
    if not fault.healed:
        text = f"{fault.fault} on {fault.target}: not seen to be healed"
        return [*entries, TimelineEntry(time_s=fault.end_s, kind="heal", text=text, **where)]
    healing = f": {fault.healing}" if fault.healing else ""
    entries.append(
        TimelineEntry(time_s=fault.end_s, kind="heal", text=f"{fault.fault} on {fault.target} healed{healing}", **where)
    )
    if (block := first_key_after(fault, blocks)) is not None:
        text = f"first key after healing: block {block.sequence}, {block.secret_bits:,} secret bits"
        entries.append(TimelineEntry(time_s=block.end_s, kind="key", text=text, **where))
    return entries
