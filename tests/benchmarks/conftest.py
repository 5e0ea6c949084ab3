"""How a benchmark joins the figures: the fixtures ``figure`` and ``seconds``, one core for each, a table and a file at the end.

``ci/benchmark`` says where the file goes; without it there is the table only. A benchmark asserts that what it computed is
right, and nothing about time.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WHERE = "HIL_BENCHMARKS"
"""Variable that names the file; ``ci/benchmark`` sets it."""
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PACKAGES = ("qkd-hil", "numpy", "scipy", "numba", "pytest")
CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}
FIGURES = pytest.StashKey[dict[str, dict[str, Any]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = {}


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Report one figure: the median of the runs, and its ratio to a peer or a limit, in that order.

    ``runs`` are values, or pytest-benchmark's fixture after it ran: seconds a call. A peer has its own ``peer_runs``, measured
    in the same test, or is a fixed ``peer_value``; one that could not be had needs a ``reason``. ValueError for anything else.
    """
    figures = request.config.stash[FIGURES]

    def report(
        name: str,
        runs: Sequence[float] | Any,
        unit: str,
        *,
        peer: str | None = None,
        peer_runs: Sequence[float] = (),
        peer_value: float | None = None,
        reason: str | None = None,
    ) -> None:
        if hasattr(runs, "stats"):
            # switched off, pytest-benchmark calls once and measures nothing
            if runs.stats is None:
                return
            runs = runs.stats.stats.data
        measured, of_peer = [float(run) for run in runs], [float(run) for run in peer_runs]
        if name in figures or not measured:
            raise ValueError(f"{name}: {'reported twice' if measured else 'no run'}; each figure has one name, and runs")
        ways = [bool(of_peer), peer_value is not None, reason is not None]
        if sum(ways) != (peer is not None):
            raise ValueError(f"{name}: a peer comes with one of peer_runs, peer_value and reason, and these with a peer")
        against = statistics.median(of_peer) if of_peer else peer_value
        value = statistics.median(measured)
        ratio = None if against is None else value / against
        entry = {"name": name, "value": value, "unit": unit, "peer": peer, "peer_value": against, "ratio": ratio}
        more = {"peer_runs": of_peer} if of_peer else {"reason": reason} if reason else {}
        figures[name] = entry | {"runs": measured} | more

    return report


@pytest.fixture
def seconds() -> Callable[..., list[float]]:
    """Seconds that each round of a call took: ``seconds(call, rounds=5, warmup=1, clock="cpu")``.

    ``cpu`` is what this process used, as long as a core of its own would take, whoever else is on it. ``wall`` is for what
    waits, and for what other processes or several cores do.
    """

    def measure(call: Callable[[], object], rounds: int = 5, warmup: int = 1, clock: str = "cpu") -> list[float]:
        for _ in range(warmup):
            call()
        now, taken = CLOCKS[clock], []
        for _ in range(rounds):
            began = now()
            call()
            taken.append(now() - began)
        return taken

    return measure


@pytest.fixture
def all_cores() -> None:
    """Ask for it where a figure is for more than one core."""


@pytest.fixture(autouse=True)
def _one_core(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold each benchmark to one core where the system can, so that a figure means the same on every machine."""
    if "all_cores" in request.fixturenames or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    yield
    os.sched_setaffinity(0, cores)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show what was measured, and write it if asked to."""
    figures = [config.stash[FIGURES][name] for name in sorted(config.stash[FIGURES])]
    where = os.environ.get(WHERE)
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write("\n".join(_table(figures)) + "\n")
    if where and not config.option.collectonly:
        terminalreporter.write("\n" + _write(Path(where), figures) + "\n")


def _table(figures: list[dict[str, Any]]) -> list[str]:
    """One line for each figure, below a line of headings."""
    rows = [("name", "value", "unit", "peer", "its value", "ratio")]
    for one in figures:
        numbers = ["" if one[key] is None else f"{one[key]:.4g}" for key in ("value", "peer_value", "ratio")]
        peer = f"{one['peer'] or ''}{': ' + one['reason'] if 'reason' in one else ''}"
        rows.append((one["name"], numbers[0], one["unit"], peer, numbers[1], numbers[2]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    line = "{:<{}}  {:>{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}"
    return [line.format(*chain.from_iterable(zip(row, widths, strict=True))) for row in rows]


def _write(path: Path, figures: list[dict[str, Any]]) -> str:
    """Replace the file by what ran, at once, with the machine in a file beside it; what to tell about it."""
    try:
        before = {one["name"] for one in json.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError, TypeError, KeyError):
        before = set()
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, content in ((path.with_name(f"{path.stem}-machine.json"), _machine()), (path, figures)):
        fresh = target.with_suffix(".tmp")
        fresh.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        fresh.replace(target)
    gone = sorted(before - {one["name"] for one in figures})
    tell = f"{path}: {len(figures)} figures of this run"
    return tell + (f"; it held {len(gone)} more before, which did not run now: {', '.join(gone)}" if gone else "")


def _machine() -> dict[str, Any]:
    """What the figures depend on: processor, cores, versions, threads."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "one_core_each": hasattr(os, "sched_setaffinity"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": versions,
        "threads": {name: os.environ.get(name) for name in THREADS},
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
