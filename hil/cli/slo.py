"""Objectives and error budgets: export a bench's as OpenSLO documents, read such a file, work out the budgets of a run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hil.cli._budget_tables import budget_lines, objective_rows
from hil.cli._tables import columns
from hil.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hil.operations.objective import ServiceObjective
    from hil.operations.windows import Window

__all__ = ["HELP", "declare", "execute", "objectives_from", "window_options"]

HELP = "objectives as OpenSLO documents, and error budgets"


def declare(parser: argparse.ArgumentParser) -> None:
    """Three actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    export = actions.add_parser("export", help="print a bench's objectives as OpenSLO v1 documents")
    export.add_argument("bench", metavar="NAME|FILE")
    export.add_argument("--out", metavar="FILE", help="write them to a file instead")
    window_options(export)
    read = actions.add_parser("import", help="read a file of OpenSLO v1 documents and show what was understood")
    read.add_argument("file", metavar="FILE")
    budget = actions.add_parser("budget", help="error budgets and burn rates of a run, from its record")
    budget.add_argument(
        "run", nargs="?", default="latest", metavar="RECORD", help="folder, record.json or id of a run; default the last one"
    )
    budget.add_argument("--bench", metavar="NAME|FILE", help="bench whose objectives count; default the run's own, if shipped")
    budget.add_argument("--slo", metavar="FILE", help="OpenSLO documents to take the objectives from instead")
    window_options(budget)


def window_options(parser: argparse.ArgumentParser) -> None:
    """Rolling or calendar; the rolling 30 days are usual."""
    parser.add_argument("--window", default="30d", metavar="DURATION", help="30d, 4w, 1M, 1Q, ...; default 30d")
    parser.add_argument("--calendar", metavar="START", help="a calendar window, whose first period began then: 2026-01-01")
    parser.add_argument("--zone", default="UTC", metavar="ZONE", help="time zone of a calendar window; default UTC")


def execute(arguments: argparse.Namespace) -> int:
    """Do it; 0 unless the file or the record is wrong, whatever is left of a budget."""
    if arguments.action == "export":
        _export(arguments)
    elif arguments.action == "import":
        from hil.operations.openslo_read import read

        objectives = read(Path(arguments.file))
        print(f"{arguments.file}: {len(objectives)} objectives")
        print(columns(objective_rows(objectives)))
    else:
        _budget(arguments)
    return 0


def objectives_from(
    bench: str | None, file: str | None, arguments: argparse.Namespace, speed: float = 1.0
) -> tuple[ServiceObjective, ...]:
    """Of a file of OpenSLO documents, or of a bench with the window that the options say."""
    if file:
        from hil.operations.openslo_read import read

        return read(Path(file))
    from hil.bench import load
    from hil.operations.standing import objectives_of

    assert bench is not None
    window = _window(arguments)
    return objectives_of(load(bench, simulate=True), window, speed=speed)


def _window(arguments: argparse.Namespace) -> Window:
    from hil.operations.windows import Calendar, Duration, Rolling, time_zone

    duration = Duration.parse(arguments.window)
    if arguments.calendar is None:
        return Rolling(duration)
    try:
        start = datetime.fromisoformat(arguments.calendar)
    except ValueError:
        raise UsageError(f"--calendar {arguments.calendar}: expected a local date or time, such as 2026-01-01") from None
    time_zone(arguments.zone)
    return Calendar(duration, start.replace(tzinfo=None), arguments.zone)


def _export(arguments: argparse.Namespace) -> None:
    from hil.operations.openslo_write import dump

    text = dump(objectives_from(arguments.bench, None, arguments))
    if arguments.out:
        Path(arguments.out).write_text(text, encoding="utf-8")
        print(arguments.out)
    else:
        print(text, end="")


def _budget(arguments: argparse.Namespace) -> None:
    from hil.bench import shipped
    from hil.operations.from_record import history_of
    from hil.record.reader import find_run, read_record

    folder = find_run(arguments.run)
    record = read_record(folder)
    bench = arguments.bench or record.bench
    if not arguments.slo and not arguments.bench and bench not in shipped():
        raise UsageError(f"{folder}: ran on {bench}, which is no shipped bench; say --bench FILE, or --slo FILE")
    kind = "SIMULATED, it says nothing about a device" if record.simulated else "measured"
    print(f"error budgets of run {record.run_id} on {record.bench}: {kind}")
    for objective in objectives_from(bench, arguments.slo, arguments):
        print("\n".join(budget_lines(objective, history_of(folder, record, objective))))
