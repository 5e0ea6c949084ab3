"""List what there is to use: drivers, simulators, faults, indicators, suites, game days, calendars, reporters, benches, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.bench import load, shipped
from hil.cli._suites import suites
from hil.cli._tables import columns
from hil.discovery import find, names

if TYPE_CHECKING:
    import argparse

__all__ = ["HELP", "KINDS", "declare", "execute"]

HELP = "list drivers, simulators, faults, indicators, suites, game days, calendars, reporters, keystores, benches"
KINDS = {
    "benches": "",
    "suites": "",
    "gamedays": "",
    "calendars": "",
    "drivers": "driver",
    "simulators": "twin",
    "faults": "fault",
    "indicators": "indicator",
    "reporters": "reporter",
    "keystores": "keystore",
}
"""Word -> the kind that discovery knows it by; empty where it is not a SPEC."""


def declare(parser: argparse.ArgumentParser) -> None:
    """One kind, or all."""
    parser.add_argument("kind", nargs="?", choices=list(KINDS), metavar="KIND", help=f"one of {', '.join(KINDS)}")


def execute(arguments: argparse.Namespace) -> int:
    """Print name and title of each."""
    if arguments.kind:
        print(columns(_rows(arguments.kind), indent=""))
        return 0
    for kind in KINDS:
        print(f"{kind}\n{columns(_rows(kind)) or '  none'}\n")
    return 0


def _rows(kind: str) -> list[list[str]]:
    if kind == "benches":
        return [[name, load(name, simulate=True).bench.description] for name in shipped()]
    if kind == "suites":
        return [[name, title] for name, title in suites().items()]
    if kind == "gamedays":
        from hil.testbed.gamedays.gameday_file import load_gameday, shipped_gamedays

        return [[name, load_gameday(name).gameday.title] for name in shipped_gamedays()]
    if kind == "calendars":
        from hil.operations.fault_calendar import load_calendar, shipped_calendars

        return [[name, load_calendar(name).month.description] for name in shipped_calendars()]
    return [[name, _title(KINDS[kind], name)] for name in names(KINDS[kind])]


def _title(kind: str, name: str) -> str:
    try:
        spec: Any = find(kind, name)
    except Exception as error:  # noqa: BLE001  (a stranger's broken plugin must not hide the rest)
        return f"(cannot be loaded: {type(error).__name__}: {error})"
    role = getattr(spec, "role", "")
    return f"{spec.title} ({role})" if role else str(spec.title)
