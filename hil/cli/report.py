"""Write the reports of a finished run again, from its record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.cli._together import Together
from hil.discovery import find, names
from hil.record.reader import find_run, read_record

if TYPE_CHECKING:
    import argparse

__all__ = ["HELP", "declare", "execute"]

HELP = "write a run's reports again, from its record"


def declare(parser: argparse.ArgumentParser) -> None:
    """The run, and which reports."""
    parser.add_argument(
        "run", nargs="?", default="latest", metavar="RUN", help="folder, record.json or id of a run; default the last one"
    )
    parser.add_argument(
        "--format", action="append", metavar="NAME", help="report to write, as `hil list reporters` names them; default all"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Write them and say where."""
    together = Together()
    folder = together.ask(find_run, arguments.run)
    if folder is not None:
        together.ask(read_record, folder)  # a run that is not finished is said once, not by every report
    reporters = [together.ask(find, "reporter", name) for name in arguments.format or names("reporter")]
    together.settle()
    assert folder is not None
    for reporter in reporters:
        assert reporter is not None
        written = reporter.write(folder)
        if written is not None:
            print(written)
    return 0
