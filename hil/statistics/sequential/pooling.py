"""Blocks put together, for what stays of one block in the next: drift that takes a few blocks to turn.

Evidence from single blocks takes them as exchangeable. Where the quantity wanders from block to block, neighbours err to
the same side. Pairs of blocks, fours, eights and so on see that as a larger spread; a value is refuted only where all of
them refute it, and so the interval holds if one of them is long enough to forget. Drift slower than a quarter of what was
measured shows in none of them: then the interval is about the average over the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["FEWEST", "FEWEST_EVENTS", "pooled", "scales"]

FEWEST = 4
"""Whole groups of blocks, below which their spread says nothing."""

FEWEST_EVENTS = 8.0
"""Events expected in a group at the limit; with fewer, chance hides every drift."""


def scales(blocks: int, events_per_block: float = FEWEST_EVENTS) -> tuple[int, ...]:
    """Lengths of the groups that so many blocks are looked at in: 1, and those powers of two with enough groups and events."""
    longer = [2**power for power in range(1, max(blocks, 1).bit_length()) if blocks // 2**power >= FEWEST]
    return (1, *(length for length in longer if length * events_per_block > FEWEST_EVENTS - 1e-9))


def pooled(values: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.float64]:
    """Sums over whole groups of ``length`` consecutive values along the last axis; what is over at the end waits."""
    groups = values.shape[-1] // length
    summed: npt.NDArray[np.float64] = values[..., : groups * length].reshape(*values.shape[:-1], groups, length).sum(axis=-1)
    return summed
