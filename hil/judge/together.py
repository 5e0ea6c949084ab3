"""What the blocks of one file are held to among each other: no time, no counters and no key that is told twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.judge.deciding import Limit, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.judge.counters import VendorBlock
    from hil.judge.deciding import Judgement

__all__ = ["judge_all"]

_ROUNDED_S = 1e-6
_TELLING = 1000
"""So many sifted bits, in all their parts, do not come up twice by chance."""


def judge_all(blocks: Sequence[VendorBlock], *, epsilon_secrecy: float | None = None) -> tuple[Judgement, ...]:
    """Every block by itself and among the others, in their order."""
    overlaps, copies = _overlaps(blocks), _copies(blocks)
    return tuple(
        judge(block, epsilon_secrecy=epsilon_secrecy, among=(*overlaps.get(block.block, ()), *copies.get(block.block, ())))
        for block in blocks
    )


def _overlaps(blocks: Sequence[VendorBlock]) -> dict[str, list[Limit]]:
    """Blocks that begin before an earlier one ended count its pulses again."""
    found: dict[str, list[Limit]] = {}
    timed = sorted(((block.start_s, block) for block in blocks if block.start_s is not None), key=lambda pair: pair[0])
    latest, name = float("-inf"), ""
    for start_s, block in timed:
        words = f"begins {latest - start_s:.6g} s before block {name} ends: its pulses are counted twice"
        if latest - start_s > _ROUNDED_S:
            found.setdefault(block.block, []).append(Limit("time of its own", latest - start_s, _ROUNDED_S, words))
        if start_s + block.duration_s > latest:
            latest, name = start_s + block.duration_s, block.block
    return found


def _copies(blocks: Sequence[VendorBlock]) -> dict[str, list[Limit]]:
    """Blocks with all the counters of another are that one under a second name."""
    first: dict[VendorBlock, str] = {}
    found: dict[str, list[Limit]] = {}
    for block in blocks:
        if block.key_counts is None or block.test_counts is None or sum(block.key_counts) < _TELLING:
            continue
        nameless = replace(block, block="", start_s=None)
        if nameless in first:
            words = f"has every counter of block {first[nameless]}: one block told twice"
            found.setdefault(block.block, []).append(Limit("counters of its own", 1.0, 0.0, words))
        first.setdefault(nameless, block.block)
    return found
