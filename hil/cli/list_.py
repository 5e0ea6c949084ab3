"""List what there is to use: drivers, simulators, faults, indicators, suites, game days, calendars, reporters, benches, ..."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hil.bench import load, shipped
from hil.bench.wording import nearest
from hil.cli._fault_listing import described, fault_lines
from hil.cli._suites import suites
from hil.cli._tables import columns, line_width
from hil.discovery import find, names
from hil.errors import UnknownNameError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

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

_WIDTH = 128
"""Of explanations, where no terminal says how wide it is."""


def declare(parser: argparse.ArgumentParser) -> None:
    """One kind, or all; one name of it."""
    parser.add_argument("kind", nargs="?", choices=list(KINDS), metavar="KIND", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this one, as its kind lists it")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Print name and title of each; of faults, where they alone are asked for, what they take."""
    kinds = [arguments.kind] if arguments.kind else list(KINDS)
    rows = {kind: _rows(kind) for kind in kinds}
    if arguments.name:
        rows = {arguments.kind: [_named(arguments.kind, arguments.name, rows[arguments.kind])]}
    if arguments.json:
        print(json.dumps({kind: [_plain(kind, row) for row in rows[kind]] for kind in kinds}, indent=2, ensure_ascii=False))
    elif arguments.kind == "faults":
        print("\n".join(_with_settings(rows["faults"])))
    elif arguments.kind:
        print(columns(rows[arguments.kind], indent="", width=line_width()))
    else:
        for kind in kinds:
            print(f"{kind}\n{columns(rows[kind], width=line_width()) or '  none'}\n")
    return 0


def _named(kind: str, name: str, rows: list[list[str]]) -> list[str]:
    found = [row for row in rows if row[0] == name.replace("_", "-")] or [row for row in rows if row[0] == name]
    if not found:
        raise UnknownNameError(f"{kind}: no {name!r}; expected {nearest(name, [row[0] for row in rows])}")
    return found[0]


def _plain(kind: str, row: list[str]) -> dict[str, Any]:
    """A row, and of a fault all that it takes."""
    plain: dict[str, Any] = {"name": row[0], "title": row[1]}
    spec = _spec(kind, row[0]) if kind == "faults" else None
    return plain if spec is None else plain | described(spec)


def _with_settings(rows: list[list[str]]) -> Iterator[str]:
    for name, title in rows:
        yield f"{name}  {title}"
        if (spec := _spec("faults", name)) is not None:
            yield from fault_lines(spec, line_width() or _WIDTH)


def _spec(kind: str, name: str) -> Any:
    """None for one that cannot be loaded, which its title says."""
    try:
        return find(KINDS[kind], name)
    except Exception:  # noqa: BLE001  (a stranger's broken plugin must not hide the rest)
        return None


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
