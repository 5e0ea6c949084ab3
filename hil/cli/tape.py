"""Show a tape, or where two tapes differ: what was said to an instrument, and what it answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.transports.tape_format import read_tape, read_tapes

if TYPE_CHECKING:
    import argparse

    from hil.transports.tape_format import Tape

__all__ = ["HELP", "declare", "execute"]

HELP = "show a tape, or where two tapes differ"
_DIFFERENT = 1


def declare(parser: argparse.ArgumentParser) -> None:
    """``show FILE|DIR`` and ``diff A B``."""
    actions = parser.add_subparsers(dest="action", metavar="show|diff", required=True)
    shown = actions.add_parser("show", help="everything that was said, in order")
    shown.add_argument(
        "tape", type=Path, metavar="FILE|DIR", help="one instrument's tape, a bench's folder of them, or a run's"
    )
    compared = actions.add_parser("diff", help="what changed from one recording to another, and at which position")
    compared.add_argument("a", type=Path, metavar="A", help="the earlier tape or folder")
    compared.add_argument("b", type=Path, metavar="B", help="the later one")


def execute(arguments: argparse.Namespace) -> int:
    """``diff`` ends with 1 where there is a difference."""
    from hil.cli._tape_tables import differences, show

    if arguments.action == "show":
        show(_read(arguments.tape))
        return 0
    lines = differences(_read(arguments.a), _read(arguments.b))
    print("\n".join(lines) or "no difference but in times")
    return _DIFFERENT if lines else 0


def _read(path: Path) -> dict[str, Tape]:
    """A tape alone, those of a folder, or those of a run of one bench."""
    if not path.is_dir():
        tape = read_tape(path)
        return {tape.header.device: tape}
    if any(path.glob("*.jsonl")) and not (path / "tapes").is_dir():
        return read_tapes(path)
    inside = sorted(folder for folder in (path / "tapes" if (path / "tapes").is_dir() else path).glob("*/") if folder.is_dir())
    if len(inside) != 1:
        names = ", ".join(map(str, inside)) or "none"
        raise UsageError(f"{path}: expected a tape, or the folder of one bench's tapes; folders in it: {names}")
    return read_tapes(inside[0])
