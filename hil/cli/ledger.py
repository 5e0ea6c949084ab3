"""Explain the key of a run block by block: every line of each block's ledger, and whether it adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.record.reader import find_run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from hil.reports._ledger_blocks import LedgerBlock

__all__ = ["HELP", "declare", "execute"]

HELP = "explain a run's blocks line by line, from bits in to bits out"
_BROKEN = 10


def declare(parser: argparse.ArgumentParser) -> None:
    """The run, and which of its blocks."""
    parser.add_argument(
        "run", nargs="?", default="latest", metavar="RUN", help="folder, record.json or id of a run; default the last one"
    )
    parser.add_argument("--case", default="", metavar="TEXT", help="only blocks of tests whose case id has this in it")
    parser.add_argument("--block", type=int, metavar="N", help="only blocks of this number")


def execute(arguments: argparse.Namespace) -> int:
    """10 where a block does not add up, or a line of the record cannot be read."""
    from hil.reports._ledger_blocks import read_blocks
    from hil.reports._ledger_text import explain

    folder = find_run(arguments.run)
    blocks, problems = read_blocks(folder)
    wrong: list[LedgerBlock] = []
    chosen = _chosen(folder, blocks, problems, arguments)
    for block in chosen:
        text, right = explain(block)
        print(f"{text}\n")
        wrong += [] if right else [block]
    for problem in problems:
        print(f"record: {problem}")
    released = sum(block.released for block in chosen)
    print(f"{len(chosen)} of {len(blocks)} blocks shown, {released} with key, {len(wrong)} that do not add up")
    return _BROKEN if wrong or problems else 0


def _chosen(
    folder: Path, blocks: Sequence[LedgerBlock], problems: Sequence[str], arguments: argparse.Namespace
) -> list[LedgerBlock]:
    chosen = [block for block in blocks if arguments.case in block.case and arguments.block in {None, block.sequence}]
    if chosen:
        return chosen
    if not blocks:
        lost = f" that can be read ({'; '.join(problems)})" if problems else ""
        raise UsageError(f"{folder}: no block{lost} in its events files; expected a run that measured a link's key")
    there = sorted({f"{block.sequence} of {block.case or 'no case'}" for block in blocks})
    raise UsageError(f"{folder}: no block fits --case and --block; there are: {'; '.join(there)}")
