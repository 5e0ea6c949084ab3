"""Run a game day on a bench, as a pytest process of its own: faults at their times, and how soon the link reacts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hil.cli import run

if TYPE_CHECKING:
    import argparse

__all__ = ["HELP", "declare", "execute"]

HELP = "run a game day: break a bench by a timeline, and measure how it reacts"


def declare(parser: argparse.ArgumentParser) -> None:
    """The game day, and the bench as for `hil run`."""
    parser.add_argument("gameday", metavar="NAME|FILE", help="game day, as `hil list gamedays` names them, or a file")
    run.declare_bench(parser, bench="the game day's own", seed="the game day's own where it names one")


def execute(arguments: argparse.Namespace) -> int:
    """As `hil run chaos`, on the bench and with the seed that the game day names, unless others are given."""
    from hil.testbed.gamedays.gameday_file import load_gameday

    info = load_gameday(arguments.gameday).gameday
    if info.bench and not arguments.bench and not os.environ.get("HIL_BENCH"):
        arguments.bench = [info.bench]
    if info.seed is not None and arguments.seed is None:
        arguments.seed = str(info.seed)
    arguments.suites, arguments.gameday = ["chaos"], [arguments.gameday]
    return run.execute(arguments)
