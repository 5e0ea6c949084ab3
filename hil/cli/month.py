"""Let a virtual month pass on a simulated link, with a calendar of faults: availability, budget, alerts, and a record of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hil.cli._budget_tables import budget_lines
from hil.cli._tables import columns
from hil.cli._together import Together
from hil.discovery import find, names
from hil.errors import UsageError
from hil.verdict import exit_code

if TYPE_CHECKING:
    import argparse

    from hil.bench.model import Bench
    from hil.operations.month_record import Lived

__all__ = ["HELP", "declare", "execute"]

HELP = "a virtual month of a link with a calendar of faults"
_DAY_S = 86_400


def declare(parser: argparse.ArgumentParser) -> None:
    """The calendar, the bench, and where the record goes."""
    parser.add_argument(
        "calendar",
        nargs="?",
        default="ordinary",
        metavar="NAME|FILE",
        help="calendar of faults; default ordinary, a shipped one",
    )
    parser.add_argument("--bench", default="metro-25km", metavar="NAME|FILE", help="default metro-25km")
    parser.add_argument("--link", metavar="LINK", help="link of the bench; default the first")
    parser.add_argument("--seed", type=int, metavar="N", help="of dates and photons; default the calendar's, else drawn")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the work; default 1")
    parser.add_argument("--record", metavar="DIR", help="folder for the run record; default .hil/runs/<run id>")


def execute(arguments: argparse.Namespace) -> int:
    """The exit code of the verdict: 0 demonstrated, 1 missed, 11 undecided."""
    from hil.bench import load
    from hil.operations.fault_calendar import load_calendar
    from hil.operations.month_record import live_month
    from hil.record.writer import RunFolder
    from hil.seeds import draw_seed

    together = Together()
    calendar = together.ask(load_calendar, arguments.calendar)
    bench = together.ask(partial(load, simulate=True), arguments.bench)
    link = None if bench is None else together.ask(_link, bench, arguments.link)
    together.ask(_workers, arguments.workers)
    together.settle()
    assert calendar is not None
    assert bench is not None
    assert link is not None
    seed = arguments.seed if arguments.seed is not None else calendar.month.seed
    seed = draw_seed() if seed is None else seed
    folder = RunFolder.create(Path(".hil"), exact=Path(arguments.record) if arguments.record else None)
    lived = live_month(bench, link, calendar, folder, seed=seed, workers=arguments.workers)
    for name in names("reporter"):
        find("reporter", name).write(folder.path)
    print("\n".join(_lines(lived, calendar.month.name, seed)))
    print(f"report: {folder.path / 'report.html'}")
    return exit_code([lived.verdict.outcome])


def _link(bench: Bench, given: str | None) -> str:
    link = given or next(iter(bench.link), "")
    if link not in bench.link:
        raise UsageError(f"--link {link}: bench {bench.bench.name} has {', '.join(bench.link) or 'no link'}")
    return link


def _workers(number: int) -> None:
    if number < 1:
        raise UsageError(f"--workers {number}: expected one process or more")


def _lines(lived: Lived, name: str, seed: int) -> list[str]:
    month, verdict = lived.month, lived.verdict
    days = month.up.size * month.slice_s / _DAY_S
    rows = [["class", "what", "times", "down", "expected", "source"]]
    rows += [
        [one.name, one.words, f"{one.times}", f"{one.down:,}", f"{one.expected:.3g}", one.source or "not said"]
        for one in month.shares
    ]
    return [
        f"{days:g} virtual days of {month.link}, calendar {name}, seed {seed}: SIMULATED, it says nothing about a device",
        columns(rows),
        f"{verdict.outcome.value}: {verdict.reason} (simulated)",
        *budget_lines(lived.objective, month.history(), _moment),
    ]


def _moment(seconds: float) -> str:
    """``day 12, 03:05``: a virtual month has no date."""
    minutes = round(seconds / 60.0)
    return f"day {minutes // 1440 + 1}, {minutes // 60 % 24:02}:{minutes % 60:02}"
