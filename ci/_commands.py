"""What the checkout's three commands do: ``ci/conformance``, ``ci/test`` and ``ci/benchmark``."""

from __future__ import annotations

import argparse
import subprocess
from typing import TYPE_CHECKING

from ._environment import CHECKOUT, Environment, PythonNotFoundError, find_python, prepare
from ._progress import StepFailedError
from ._steps import STEPS, run_steps, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["benchmark", "conformance", "test"]


def conformance(arguments: Sequence[str]) -> int:
    """Run the conformance suite on the simulated bench metro-25km, in an environment without any development tool."""
    parser = _parser("ci/conformance", conformance)
    options, to_pytest = parser.parse_known_args(arguments)

    def run() -> int:
        environment = prepare("conformance", find_python(options.python))
        return _pytest(environment, "--hil-bench", "metro-25km", "--pyargs", "hil.suites.conformance", *to_pytest)

    return _guarded(run)


def test(arguments: Sequence[str]) -> int:
    """Run the project's tests, each step even after one failed, and show at the end what became of them."""
    parser = _parser("ci/test", test)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; default: all, in this order")
    options, to_pytest = parser.parse_known_args(arguments)
    if unknown := [step for step in options.steps if step not in STEPS]:
        parser.error(f"no step named {', '.join(unknown)}; there are {', '.join(STEPS)}")

    def run() -> int:
        environment = prepare("test", find_python(options.python), extra="dev")
        results = run_steps(environment, options.steps or list(STEPS), to_pytest)
        print(f"\n{table(results)}", flush=True)
        return 0 if all(result.passed for result in results) else 1

    return _guarded(run)


def benchmark(arguments: Sequence[str]) -> int:
    """Measure throughput and the cost of the unused plugin, with the wheel installed as users have it."""
    parser = _parser("ci/benchmark", benchmark)
    options, to_pytest = parser.parse_known_args(arguments)

    def run() -> int:
        environment = prepare("benchmark", find_python(options.python), extra="dev", editable=False)
        return _pytest(environment, "tests/benchmarks", "--benchmark-only", "-p", "no:xdist", *to_pytest)

    return _guarded(run)


def _parser(name: str, command: Callable[[Sequence[str]], int]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name, description=command.__doc__, epilog="Every other option goes to pytest.", allow_abbrev=False
    )
    parser.add_argument("--python", default="", help="version (3.12) or path; default: the running one, if 3.11 or later")
    return parser


def _pytest(environment: Environment, *arguments: str) -> int:
    command = [str(environment.python), "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=environment.variables(), check=False).returncode


def _guarded(run: Callable[[], int]) -> int:
    """What a person can act on, instead of a traceback; 4 is the exit code for a wrong use."""
    try:
        return run()
    except PythonNotFoundError as error:
        print(error, flush=True)
        return 4
    except StepFailedError as error:
        print(error, flush=True)
        return 10
    except KeyboardInterrupt:
        return 130
