"""The command ``hil``: one module per command; every error in one clear message, never a traceback."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from hil.errors import HilError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "run": "run",
    "gameday": "gameday",
    "list": "list_",
    "analyse": "analyse",
    "bench": "bench",
    "doctor": "doctor",
    "sim": "sim",
    "report": "report",
    "ledger": "ledger",
    "judge": "judge",
    "compare": "compare",
    "slo": "slo",
    "rules": "rules",
    "month": "month",
    "tape": "tape",
    "safe": "safe",
    "guard": "guard",
}
"""Command -> its module; each has ``HELP``, ``declare(parser)`` and ``execute(arguments) -> exit code``."""

USAGE, INTERRUPTED, BROKEN = 4, 2, 10


class _Parser(argparse.ArgumentParser):
    """Ends with the exit code of a usage error, as pytest does."""

    def error(self, message: str) -> None:  # type: ignore[override]  # it does not return either
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    cut = given.index("--") if "--" in given else len(given)
    given, for_pytest = given[:cut], given[cut + 1 :]
    parser = _Parser(prog="hil", description="Hardware-in-the-loop tests of quantum key distribution links.")
    parser.add_argument("--version", action="version", version=f"hil {version('qkd-hil')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules: dict[str, ModuleType] = {}
    for name, module_name in COMMANDS.items():
        modules[name] = import_module(f"hil.cli.{module_name}")
        sub = commands.add_parser(name, help=modules[name].HELP, description=modules[name].__doc__)
        modules[name].declare(sub)
    try:
        arguments = parser.parse_args(given)
        if for_pytest and arguments.command not in {"run", "gameday"}:
            raise UsageError(f"hil {arguments.command} takes no arguments after --; only `hil run` and `hil gameday` do")
        arguments.pytest = for_pytest
        return int(modules[arguments.command].execute(arguments))
    except HilError as error:
        sys.stdout.flush()
        print(f"hil: {error}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else BROKEN
    except KeyboardInterrupt:
        print("hil: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `hil list | head`
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        print(f"hil: {error.filename}: {error.strerror}; expected a path that can be used so", file=sys.stderr)
        return USAGE
