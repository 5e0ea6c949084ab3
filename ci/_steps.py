"""The steps of the project's tests: what each runs, and the table at the end."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._environment import CHECKOUT, Environment
from ._progress import StepFailedError, show, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["STEPS", "Result", "check_form", "count_sources", "run_steps", "table"]

FOLDERS = ("hil", "device_sims", "fixtures", "suites", "reports", "ci")
CHECK = CHECKOUT / "build" / "check"


@dataclass(frozen=True)
class Result:
    """What became of a step."""

    name: str
    passed: bool
    taken_s: float


def count_sources(checkout: Path = CHECKOUT) -> int:
    """Number of Python files of the package in the tree; what checks types or layers has to see as many."""
    return sum(1 for folder in FOLDERS for path in (checkout / folder).rglob("*.py") if "__pycache__" not in path.parts)


def check_form(environment: Environment) -> Path:
    """Install the package, and nothing else, into ``build/check``: in the checkout tools see a third of it."""
    for leftover in (CHECK, CHECKOUT / "build" / "lib"):
        shutil.rmtree(leftover, ignore_errors=True)
    quiet = ["--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    pip = [str(environment.python), "-m", "pip", "install", *quiet, "--target", str(CHECK), "."]
    watch("installed form", pip, cwd=CHECKOUT, env=environment.variables())
    shutil.rmtree(CHECKOUT / "build" / "lib", ignore_errors=True)
    return CHECK


def run_steps(environment: Environment, names: Sequence[str], extra: Sequence[str] = ()) -> list[Result]:
    """Run them all in the order of STEPS, also after one failed; extra arguments go to the steps that are pytest's."""
    results = []
    for name in (known for known in STEPS if known in names):
        print(f"\n== {name} ==", flush=True)
        began = time.monotonic()
        try:
            STEPS[name](environment, extra)
            passed = True
        except StepFailedError as error:
            print(error, flush=True)
            passed = False
        results.append(Result(name, passed, time.monotonic() - began))
    return results


def table(results: Sequence[Result]) -> str:
    """Steps with outcome and seconds, for the end of a run."""
    width = max((len(result.name) for result in results), default=4)
    words = {True: "passed", False: "FAILED"}
    lines = [f"{result.name:<{width}}  {words[result.passed]}  {result.taken_s:6.1f} s" for result in results]
    return "\n".join([f"{'step':<{width}}  outcome  seconds", *lines])


def _lint(environment: Environment, _extra: Sequence[str]) -> None:
    _run(environment, "ruff", "check", ".")
    _run(environment, "ruff", "format", "--check", ".")


def _types(environment: Environment, _extra: Sequence[str]) -> None:
    settings = ["--config-file", str(CHECKOUT / "pyproject.toml"), "--cache-dir", str(CHECKOUT / ".mypy_cache")]
    mypy = [str(environment.python), "-m", "mypy", "--strict", *settings, "--python-executable", str(environment.python), "hil"]
    printed = watch("mypy --strict", mypy, cwd=check_form(environment), env=environment.variables())
    _expect_sources(printed, r"in (\d+) source files")


def _layers(environment: Environment, _extra: Sequence[str]) -> None:
    linter = [str(environment.scripts / "lint-imports"), "--config", str(CHECKOUT / "pyproject.toml"), "--no-cache"]
    variables = environment.variables() | {"PYTHONPATH": str(CHECK)}
    check = check_form(environment)
    print(watch("lint-imports", linter, cwd=check, env=variables).partition("Contracts\n")[2])
    reader = [str(environment.python), "-c", "import grimp; print(len(grimp.build_graph('hil').modules), 'files read')"]
    _expect_sources(watch("its reader", reader, cwd=check, env=variables), r"(\d+) files read")


def _expect_sources(printed: str, pattern: str) -> None:
    found = re.search(pattern, printed)
    seen, there = int(found[1]) if found else 0, count_sources()
    if seen != there:
        raise StepFailedError(f"{printed}{seen} files were checked, the tree has {there}: some were not looked at")
    print(f"  {seen} files checked, as many as the tree has", flush=True)


def _pytest(folder: str, workers: int = 2) -> Callable[[Environment, Sequence[str]], None]:
    """Half of the folder to each of two workers, who then take from each other.

    So what a file sets up is set up once, and both seldom wait for the compiler to make the same loop.
    """

    def step(environment: Environment, extra: Sequence[str]) -> None:
        _run(environment, "pytest", "-q", f"tests/{folder}", "-n", str(workers), "--dist", "worksteal", *extra)

    return step


def _run(environment: Environment, module: str, *arguments: str) -> None:
    """A module whose output is its own progress."""
    command = [str(environment.python), "-m", module, *arguments]
    if code := show(command, cwd=CHECKOUT, env=environment.variables()):
        raise StepFailedError(f"exit code {code}: {' '.join(command[1:])}")


# system tests take a free port each and wait for what happens: while two do, two more have the processor
STEPS: dict[str, Callable[[Environment, Sequence[str]], None]] = {
    "lint": _lint,
    "types": _types,
    "layers": _layers,
    "unit": _pytest("unit"),
    "contract": _pytest("contract"),
    "system": _pytest("system", 4),
    "packaging": _pytest("packaging"),
}
