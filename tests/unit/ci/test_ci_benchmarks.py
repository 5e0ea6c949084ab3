"""How benchmarks become figures: the table, the file, what a peer needs, and one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hil.ci import _commands as commands
from hil.ci._environment import CHECKOUT, Environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Run = tuple[int, str, list[dict[str, Any]]]


@pytest.fixture
def measure(tmp_path: Path) -> Callable[..., Run]:
    """Runs benchmarks beside a copy of the conftest: exit code, what was printed, the file."""
    where = tmp_path / "out" / "benchmarks.json"
    (tmp_path / "conftest.py").write_bytes((CHECKOUT / "tests" / "benchmarks" / "conftest.py").read_bytes())

    def run(body: str, *arguments: str, write: bool = True) -> Run:
        (tmp_path / "test_it.py").write_text(body)
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}
        variables |= {"HIL_BENCHMARKS": str(where)} if write else {}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hil", "-p", "no:xdist", "-c", os.devnull, *arguments]
        done = subprocess.run(
            [*command, f"--rootdir={tmp_path}", "test_it.py"],
            cwd=tmp_path, env=variables, check=False, capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout, json.loads(where.read_text()) if where.exists() else []

    return run


THREE = """
def test_b(figure): figure("b", [3.0, 1.0, 2.0], "s", peer="a limit", peer_value=4.0)
def test_a(figure): figure("a", [6.0], "x", peer="numpy 2", peer_runs=[1.0, 3.0, 2.0])
def test_c(figure): figure("c", [1.0, 2.0], "x", peer="SeQUeNCe", reason="not installed")
"""


def test_figures_are_medians_with_a_ratio_to_their_peer(measure: Callable[..., Run]) -> None:
    """Sorted by name, every run kept; a peer that could not be had leaves value and ratio empty and says why."""
    code, printed, written = measure(THREE)
    assert code == 0
    assert written == [
        {
            "name": "a", "value": 6.0, "unit": "x", "peer": "numpy 2", "peer_value": 2.0, "ratio": 3.0,
            "runs": [6.0], "peer_runs": [1.0, 3.0, 2.0],
        },
        {"name": "b", "value": 2.0, "unit": "s", "peer": "a limit", "peer_value": 4.0, "ratio": 0.5, "runs": [3.0, 1.0, 2.0]},
        {
            "name": "c", "value": 1.5, "unit": "x", "peer": "SeQUeNCe", "peer_value": None, "ratio": None,
            "runs": [1.0, 2.0], "reason": "not installed",
        },
    ]  # fmt: skip
    rows = [line.split() for line in printed.partition("= figures =")[2].splitlines()[1:5]]
    assert rows == [
        ["name", "value", "unit", "peer", "its", "value", "ratio"],
        ["a", "6", "x", "numpy", "2", "2", "3"],
        ["b", "2", "s", "a", "limit", "4", "0.5"],
        ["c", "1.5", "x", "SeQUeNCe:", "not", "installed"],
    ]


def test_a_part_replaces_the_file_and_says_what_is_gone(measure: Callable[..., Run], tmp_path: Path) -> None:
    """Figures of two runs are never mixed; the machine is described beside them."""
    measure(THREE)
    _, printed, written = measure(THREE, "-k", "test_b")
    assert [one["name"] for one in written] == ["b"]
    assert "1 figures of this run; it held 2 more before, which did not run now: a, c" in printed
    machine = json.loads((tmp_path / "out" / "benchmarks-machine.json").read_text())
    assert machine["cores"] == os.cpu_count()
    assert machine["packages"]["pytest"] == pytest.__version__


def test_without_the_command_there_is_a_table_and_no_file(measure: Callable[..., Run]) -> None:
    """So that a run by hand overwrites nothing."""
    _, printed, written = measure(THREE, write=False)
    assert "= figures =" in printed
    assert written == []


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ('figure("a", [], "s")', "a: no run"),
        ('figure("a", [1.0], "s"); figure("a", [1.0], "s")', "a: reported twice"),
        ('figure("a", [1.0], "s", peer="numpy")', "a: a peer comes with one of"),
        ('figure("a", [1.0], "s", peer_value=2.0)', "a: a peer comes with one of"),
        ('figure("a", [1.0], "s", peer="numpy", peer_runs=[1.0], reason="why")', "a: a peer comes with one of"),
    ],
    ids=["no run", "twice", "a peer without value", "a value without peer", "two ways"],
)
def test_what_makes_no_figure_is_an_error(measure: Callable[..., Run], call: str, error: str) -> None:
    """And it names the figure."""
    code, printed, _ = measure(f"def test_it(figure): {call}")
    assert code == 1
    assert error in printed


SECONDS = """
import os, time
def test_rounds(seconds):
    calls = []
    assert len(seconds(lambda: calls.append(1), rounds=4, warmup=2)) == 4
    assert len(calls) == 6
def test_clocks(seconds, monkeypatch):
    ticks = iter([1.0, 3.5])
    monkeypatch.setitem(seconds.__globals__["CLOCKS"], "wall", lambda: next(ticks))
    assert seconds(lambda: None, rounds=1, warmup=0, clock="wall") == [2.5]
def test_one_core():
    assert len(os.sched_getaffinity(0)) == 1
def test_all_cores(all_cores):
    assert len(os.sched_getaffinity(0)) == ALL
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system holds no process to a core")
def test_each_benchmark_has_one_core_unless_it_asks_for_all(measure: Callable[..., Run]) -> None:
    """Rounds come after the warm-up, timed by the clock asked for."""
    code, printed, _ = measure(SECONDS.replace("ALL", str(len(os.sched_getaffinity(0)))))
    assert code == 0, printed


@pytest.mark.skipif(sys.platform == "win32", reason="there the command waits for the run instead")
def test_the_command_names_the_file_and_holds_libraries_to_one_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its other arguments go to pytest."""
    became: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(commands.os, "chdir", lambda _path: None)
    monkeypatch.setattr(commands.os, "execve", lambda _path, command, variables: became.append((command, variables)))
    monkeypatch.setattr(commands, "show", lambda *_arguments, **_options: 0)
    monkeypatch.setattr(commands, "prepare", lambda *_arguments, **_options: Environment(tmp_path))
    monkeypatch.setattr(commands, "prepare_peers", lambda _python: Environment(tmp_path / "peers"))
    commands.benchmark(["-k", "world"])
    (command, variables), *_ = became
    assert command[-2:] == ["-k", "world"]
    assert "tests/benchmarks" in command
    assert variables["HIL_BENCHMARKS"] == str(CHECKOUT / ".hil" / "benchmarks.json")
    assert variables["HIL_BENCHMARK_PEERS"].startswith(str(tmp_path / "peers"))
    assert variables["NUMBA_NUM_THREADS"] == variables["OPENBLAS_NUM_THREADS"] == "1"
