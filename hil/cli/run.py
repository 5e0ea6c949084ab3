"""Run suites on a bench, as a pytest process of its own; arguments after -- go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from hil.bench.wording import nearest
from hil.cli._suites import suites
from hil.errors import UnknownNameError

if TYPE_CHECKING:
    import argparse

__all__ = ["DEFAULT_BENCH", "HELP", "arguments_for_pytest", "declare", "declare_bench", "execute"]

HELP = "run suites on a bench"
DEFAULT_BENCH = "metro-25km"
_VALUES = ("seed", "recording", "record", "tape", "tape_dir", "tape_mode", "guard", "guard_token", "lease")


def declare(parser: argparse.ArgumentParser) -> None:
    """Options as pytest's own, without their prefix."""
    parser.add_argument("suites", nargs="+", metavar="SUITE", help="suites to run, as `hil list suites` names them")
    parser.add_argument(
        "--gameday",
        action="append",
        default=[],
        metavar="NAME|FILE",
        help="game day of the suite chaos; default every shipped one",
    )
    declare_bench(parser)


def declare_bench(
    parser: argparse.ArgumentParser, bench: str = DEFAULT_BENCH, seed: str = "drawn and shown when not given"
) -> None:
    """What every command says of the bench it runs on, and of the run; which bench and seed it takes where none is given."""
    parser.add_argument("--bench", action="append", default=[], metavar="NAME|FILE", help=f"bench; default {bench}")
    parser.add_argument("--simulate", action="store_true", help="replace every device by its simulated twin")
    parser.add_argument(
        "--chaos-plan",
        action="store_true",
        help="rehearse on twins: list what faults would move, when and how far; nothing real is opened or moved",
    )
    parser.add_argument("--seed", metavar="N", help=f"seed of the run; {seed}")
    parser.add_argument("--recording", metavar="FILE", help="time-tag file for a bench that is a recording")
    parser.add_argument("--record", metavar="DIR", help="folder for the run record; default .hil/runs/<run id>")
    parser.add_argument("--tape", choices=("record", "replay"), help="record what the devices say, or replay it without them")
    parser.add_argument(
        "--tape-dir", metavar="DIR", help="folder of tapes; default tapes/ of the run, to replay of the last run"
    )
    parser.add_argument("--guard", metavar="ADDRESS", help="guardian of real devices, as `hil guard --listen` says it")
    parser.add_argument("--guard-token", metavar="FILE", help="file with that guardian's token")
    parser.add_argument("--lease", metavar="TIME", help="how long a test may do nothing with a real bench; default 120 s")
    parser.add_argument("--tape-mode", choices=("strict", "keyed"), help="replay in the recorded order, or request by request")


def execute(arguments: argparse.Namespace) -> int:
    """Become pytest (POSIX), so that signals reach it and nothing else is left; elsewhere wait for it.

    ``-P``: in a checkout the folder ./hil is half of the package, and must not be taken for the installed one.
    """
    command = [sys.executable, "-P", "-m", "pytest", *arguments_for_pytest(arguments)]
    if not arguments.bench and not os.environ.get("HIL_BENCH"):
        os.environ["HIL_BENCH"] = DEFAULT_BENCH  # an ini file's hil_bench still goes before it
        print(f"hil run: no --bench given, so {DEFAULT_BENCH} unless the project's pytest settings name one", flush=True)
    if os.name == "posix":
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(command[0], command)  # noqa: S606  (no shell wanted)
    return subprocess.run(command, check=False).returncode  # noqa: S603  (our own arguments)


def arguments_for_pytest(arguments: argparse.Namespace) -> list[str]:
    """What pytest is called with; UnknownNameError for a suite that is none, with the nearest that is."""
    known = suites()
    for name in arguments.suites:
        if name not in known:
            raise UnknownNameError(f"no suite named {name!r}; expected {nearest(name, known)}")
    # joined by "=": pytest takes a path that stands alone for one of tests, and its folder for the project's
    given = [f"--hil-bench={bench}" for bench in arguments.bench]
    given += ["--hil-simulate"] if arguments.simulate else []
    given += ["--hil-chaos-plan"] if arguments.chaos_plan else []
    given += [f"--hil-gameday={day}" for day in arguments.gameday]
    for name in _VALUES:
        value = getattr(arguments, name)
        given += [f"--hil-{name.replace('_', '-')}={value}"] if value is not None else []
    return [*given, *arguments.pytest, "--pyargs", *(f"hil.suites.{name}" for name in dict.fromkeys(arguments.suites))]
