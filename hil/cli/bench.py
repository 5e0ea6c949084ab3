"""Check bench files, print their JSON schema, list the shipped benches; no device is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hil import discovery
from hil.bench import json_schema, load, shipped, simulated_devices
from hil.bench.model import KmeDevice, RecordingDevice
from hil.cli._tables import columns
from hil.errors import BenchFileError, Mistake

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterator

    from hil.bench.model import Bench

__all__ = ["HELP", "declare", "execute"]

HELP = "check a bench file, print the schema, list shipped benches"


def declare(parser: argparse.ArgumentParser) -> None:
    """Three actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="read a bench file and report every mistake in it")
    check.add_argument("bench", metavar="NAME|FILE")
    check.add_argument("--simulate", action="store_true", help="check it as under --hil-simulate, where no address is needed")
    actions.add_parser("schema", help="print the JSON schema of bench files, for editors")
    actions.add_parser("list", help="list the shipped benches with their files")


def execute(arguments: argparse.Namespace) -> int:
    """Do it; a bench file with mistakes is a usage error that lists them all."""
    if arguments.action == "schema":
        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    elif arguments.action == "list":
        print(columns([[name, str(path)] for name, path in shipped().items()], indent=""))
    else:
        _check(arguments.bench, simulate=arguments.simulate)
    return 0


def _check(given: str, *, simulate: bool) -> None:
    bench = load(given, simulate=simulate)
    twins = simulated_devices(bench, simulate=simulate)
    if mistakes := [*_without_a_spec(bench, twins)]:
        raise BenchFileError(given, tuple(mistakes))
    links = ", ".join(bench.link) or "none"
    things = "device" if len(bench.device) == 1 else "devices"
    print(f"{given}: no mistakes; bench {bench.bench.name}, {len(bench.device)} {things}, links: {links}")
    rows = [
        [
            name,
            str(device.__struct_config__.tag),
            device.driver,
            "simulated" if name in twins else device.address or "no address",
        ]
        for name, device in bench.device.items()
    ]
    print(columns(rows))


def _without_a_spec(bench: Bench, twins: Collection[str]) -> Iterator[Mistake]:
    """Drivers and twins that cannot be imported, or play another role: names are known by now, what is behind them is not."""
    for name, device in bench.device.items():
        if isinstance(device, KmeDevice):
            continue
        role = str(device.__struct_config__.tag)
        wanted = [("driver", device.driver)]
        if name in twins and not isinstance(device, RecordingDevice):
            wanted.append(("twin", device.twin or device.driver))
        for kind, named in wanted:
            where = f"device.{name}.{kind}"
            try:
                spec = discovery.find(kind, named)
            except Exception as error:  # noqa: BLE001  (whatever a module of somebody's raises while it is imported)
                yield Mistake(where, repr(named), f"a {kind} that can be imported ({type(error).__name__}: {error})")
                continue
            plays = getattr(spec, "roles", ()) or (getattr(spec, "role", ""),)
            if role not in plays:
                yield Mistake(where, f"{named!r}, a {' or '.join(plays)}", f"a {kind} of the role {role}")
