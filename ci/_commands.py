"""What the commands of the checkout's ``ci`` do: conformance, test, benchmark, error-rates, chaos and fuzz."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

from ._environment import CHECKOUT, Environment, PythonNotFoundError, find_python, prepare, prepare_peers
from ._machine import prepare_machine
from ._progress import StepFailedError, show
from ._steps import STEPS, run_steps, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["DEFAULT_BENCH", "benchmark", "chaos", "conformance", "error_rates", "fuzz", "test"]

DEFAULT_BENCH = "metro-25km"
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_SAYS_HOW_TO_SPREAD = ("-n", "--numprocesses", "--dist", "--pdb", "--trace", "-pno:xdist", "no:xdist")


def conformance(arguments: Sequence[str]) -> int:
    """Run the conformance suite on the simulated bench metro-25km, in an environment without any development tool."""
    parser = _parser("ci/conformance", conformance, "Every other argument goes to pytest.")
    options, to_pytest = parser.parse_known_args(arguments)

    def run() -> int:
        environment = prepare("conformance", find_python(options.python))
        chosen = any(argument.startswith("--hil-bench") for argument in to_pytest)
        given = ["--", *to_pytest] if chosen else ["--bench", DEFAULT_BENCH, "--", *_workers(to_pytest), *to_pytest]
        return _become(environment, "hil.cli", "run", "conformance", *given)

    return _guarded(run)


def test(arguments: Sequence[str]) -> int:
    """Run the project's tests, each step even after one failed, and show at the end what became of them."""
    parser = _parser("ci/test", test, "Arguments after -- go to pytest.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; default: all, in this order")
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    options, to_pytest = parser.parse_args(arguments[:cut]), arguments[cut + 1 :]
    if unknown := [step for step in options.steps if step not in STEPS]:
        parser.error(f"no step named {', '.join(unknown)}; there are {', '.join(STEPS)}")

    def run() -> int:
        environment = prepare("test", find_python(options.python), extra="dev")
        steps = options.steps or list(STEPS)
        if "system" in steps:
            prepare_machine()
        results = run_steps(environment, steps, to_pytest)
        print(f"\n{table(results)}", flush=True)
        return 0 if all(result.passed for result in results) else 1

    return _guarded(run)


def benchmark(arguments: Sequence[str]) -> int:
    """Measure what tests/benchmarks measures, with the wheel installed as users have it, and write .hil/benchmarks.json."""
    parser = _parser("ci/benchmark", benchmark, "Every other argument goes to pytest; -k NAME measures a part.")
    options, to_pytest = parser.parse_known_args(arguments)

    def run() -> int:
        python = find_python(options.python)
        environment = prepare("benchmark", python, extra="dev", editable=False)
        told = dict.fromkeys(_THREADS, "1") | {"HIL_BENCHMARKS": str(CHECKOUT / ".hil" / "benchmarks.json")}
        if peers := prepare_peers(python):
            told["HIL_BENCHMARK_PEERS"] = str(peers.python)
        arguments = ("tests/benchmarks", "--benchmark-quiet", "-p", "no:xdist", *to_pytest)
        return _become(environment, "pytest", *arguments, variables=told)

    return _guarded(run)


def error_rates(arguments: Sequence[str]) -> int:
    """Measure the error rates of looking after every block, and with --write make docs/reference/error-rates.md anew."""
    parser = _parser("ci/error-rates", error_rates, "--runs N and --write go to the measurement.")
    options, to_measurement = parser.parse_known_args(arguments)

    def run() -> int:
        environment = prepare("conformance", find_python(options.python))
        return _become(environment, "hil.ci.error_rates", *to_measurement, variables=dict.fromkeys(_THREADS, "1"))

    return _guarded(run)


def chaos(arguments: Sequence[str]) -> int:
    """Run random sequences of faults on a simulated bench: no key may be wrong, and no fault may be left behind."""
    parser = _parser("ci/chaos", chaos, "Every other argument goes to pytest. What breaks is shrunk, and says its seed.")
    parser.add_argument("--sequences", type=int, default=1000, help="how many; default 1000")
    parser.add_argument("--seed", type=int, default=1, help="of the first one; the others follow")
    options, to_pytest = parser.parse_known_args(arguments)
    if options.sequences < 1 or options.seed < 0:
        parser.error("--sequences is one or more, --seed zero or more")

    def run() -> int:
        environment = prepare("test", find_python(options.python), extra="dev")
        told = dict.fromkeys(_THREADS, "1") | {
            "HIL_CHAOS_SEQUENCES": str(options.sequences),
            "HIL_CHAOS_SEED": str(options.seed),
        }
        tests = ("tests/system/test_fault_sequences.py", "-k", "no_sequence", "-v")
        return _become(environment, "pytest", *tests, *to_pytest, variables=told)

    return _guarded(run)


def fuzz(arguments: Sequence[str]) -> int:
    """Throw a million inputs at every dialect of the simulated devices; --atheris RUNS lets coverage lead them (Linux)."""
    parser = _parser("ci/fuzz", fuzz, "Every other argument goes to tests/fuzz/fuzz_dialects.py: --inputs, --seed, --only.")
    options, to_fuzz = parser.parse_known_args(arguments)

    def run() -> int:
        led = any(argument.startswith("--atheris") for argument in to_fuzz)
        environment = prepare("fuzz" if led else "test", find_python(options.python), extra="dev,fuzz" if led else "dev")
        return _replaced(environment, [str(CHECKOUT / "tests" / "fuzz" / "fuzz_dialects.py"), *to_fuzz])

    return _guarded(run)


def _parser(name: str, command: Callable[[Sequence[str]], int], epilog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, description=command.__doc__, epilog=epilog, allow_abbrev=False)
    parser.add_argument("--python", default="", help="version (3.12) or path; default: the running one")
    return parser


def _workers(to_pytest: Sequence[str]) -> list[str]:
    """Two workers where there are two cores and the caller says nothing about it; each has a simulated world of its own."""
    told = any(argument.startswith(_SAYS_HOW_TO_SPREAD) for argument in to_pytest)
    return [] if told or (os.cpu_count() or 1) < 2 else ["-n", "2"]


def _become(environment: Environment, module: str, *arguments: str, variables: Mapping[str, str] | None = None) -> int:
    """Run a module in the environment."""
    return _replaced(environment, ["-m", module, *arguments], variables)


def _replaced(environment: Environment, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> int:
    """Be replaced by the run, so that every signal reaches it and its exit code is ours; where that is not to be had, wait."""
    told = environment.variables() | dict(variables or {})
    # -P: the checkout's own folder hil, half of the package, must not come before what is installed
    command = [str(environment.python), "-P", *arguments]
    if os.name == "posix":
        os.chdir(CHECKOUT)
        sys.stdout.flush()
        os.execve(command[0], command, told)  # noqa: S606 - no shell is wanted
    return show(command, cwd=CHECKOUT, env=told)


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _guarded(run: Callable[[], int]) -> int:
    """What a person can act on, instead of a traceback: 4 for a wrong use, 10 for what broke, 130 for an interruption."""
    signal.signal(signal.SIGTERM, _interrupted)
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
