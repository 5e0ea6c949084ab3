"""Check bench files, print their JSON schema, list the shipped benches; no device is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hil.bench import json_schema, load, shipped, simulated_devices
from hil.cli._tables import columns

if TYPE_CHECKING:
    import argparse

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
    links = ", ".join(bench.link) or "none"
    print(f"{given}: no mistakes; bench {bench.bench.name}, {len(bench.device)} devices, links: {links}")
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
