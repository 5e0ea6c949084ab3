"""Put every device of a bench in its safe state: light blocked, bias off, temperatures held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench import load, simulated_devices

if TYPE_CHECKING:
    import argparse

__all__ = ["HELP", "declare", "execute"]

HELP = "put every device of a bench in its safe state"


def declare(parser: argparse.ArgumentParser) -> None:
    """Which bench."""
    parser.add_argument("--bench", required=True, metavar="NAME|FILE", help="bench to park")


def execute(arguments: argparse.Namespace) -> int:
    """Open it, park it, leave it."""
    bench = load(arguments.bench)
    twins = simulated_devices(bench)
    from hil.testbed.testbed import Testbed

    with Testbed.open(bench, seed=0) as testbed:
        testbed.park()
        for name in testbed.devices:
            print(f"{name}: parked{' (a twin)' if name in twins else ''}")
    return 0
