"""Memory of a run in a stream does not grow with its length: what is kept of a block is its report, not its clicks or keys."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from hil.testbed.delivery import KeyDelivery

if TYPE_CHECKING:
    from hil.testbed.link import Link

BLOCK_S = 0.2
CLICKS_OF_A_BLOCK = 600_000
BYTES_OF_A_CLICK = 9
"""Pulse index and detector: what one block's records take."""


def peak_bytes(link: Link, blocks: int) -> tuple[int, int]:
    """Above where it stood: the most that a run of so many blocks took, and what is left after it."""
    with KeyDelivery(link) as stores:
        link.run(2 * BLOCK_S, deliver_to=stores)  # caches fill, compilers load
        gc.collect()
        tracemalloc.start()
        try:
            run = link.run(blocks * BLOCK_S, deliver_to=stores)
            gc.collect()
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(run.blocks) == blocks
    assert link.released() == ()
    return peak, left


@pytest.mark.slow
def test_twenty_blocks_take_no_more_than_four(link: Link) -> None:
    """Sixteen blocks more would be 86 MB if their records stayed; one block's worth is what the peaks may differ by.

    What is left is a block that the simulated receiver keeps for whoever asks again, and less than another.
    """
    block = CLICKS_OF_A_BLOCK * BYTES_OF_A_CLICK
    short, _ = peak_bytes(link, 4)
    long, left = peak_bytes(link, 20)
    assert long - short < block
    assert left < 2 * block
