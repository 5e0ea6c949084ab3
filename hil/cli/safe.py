"""Put every device of a bench in its safe state: light blocked, bias off, temperatures held; cold on request.

A run that hangs with one of its devices is ended first, and what an earlier run left broken is healed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench import load, simulated_devices

if TYPE_CHECKING:
    import argparse

__all__ = ["HELP", "declare", "execute"]

HELP = "put every device of a bench in its safe state"


def declare(parser: argparse.ArgumentParser) -> None:
    """Which bench, and how far."""
    parser.add_argument("--bench", required=True, metavar="NAME|FILE", help="bench to park")
    parser.add_argument("--cold", action="store_true", help="then lead temperatures to those of the room, and switch off")
    parser.add_argument("--clear", action="store_true", help="give it back after a quarantine, once everything is parked")
    parser.add_argument("--force", action="store_true", help="end a run that has it, also one that is alive")


def execute(arguments: argparse.Namespace) -> int:
    """Free it, heal it, park it, leave it; a device in trouble keeps no other from being parked, and is told at the end."""
    bench = load(arguments.bench)
    twins = simulated_devices(bench)
    from hil.testbed.guard.cold import cool_down
    from hil.testbed.guard.ending import end_holders
    from hil.testbed.guard.safe import park_all
    from hil.testbed.guard.ward import guarded
    from hil.testbed.opening import several
    from hil.testbed.testbed import Testbed

    for words in end_holders(guarded(bench, twins), force=arguments.force):
        print(words, flush=True)
    troubles: list[tuple[str, Exception]] = []
    with Testbed.open(bench, seed=0, clear=arguments.clear, in_trouble=troubles) as testbed:
        for words in testbed.guardian.tidings if testbed.guardian is not None else ():
            print(words)
        parking = park_all(bench, testbed.devices, boxed=not testbed.clock.virtual)
        for name in testbed.devices:
            if name not in dict(parking):
                print(f"{name}: parked{' (a twin)' if name in twins else ''}", flush=True)
        if arguments.cold:
            parking += cool_down(bench, testbed.devices, testbed.clock, print)
        if troubles := [*troubles, *parking]:
            raise several(f"bench {testbed.name}: {len(troubles)} troubles; see to these devices by hand", troubles)
        if arguments.clear and testbed.guardian is not None:
            testbed.guardian.clear()
            print(f"bench {testbed.name}: no quarantine is left")
    return 0
