"""The steps of ci/test, the table at the end, and the exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from hil.ci import _commands as commands
from hil.ci import _steps as steps
from hil.ci._environment import Environment, PythonNotFoundError
from hil.ci._progress import StepFailedError, show, watch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sequence[str]]]:
    """Three steps of which the second fails; what ran, with its extra arguments."""
    ran: list[tuple[str, Sequence[str]]] = []

    def step(name: str, error: str = "") -> object:
        def run(_environment: Environment, extra: Sequence[str]) -> None:
            ran.append((name, list(extra)))
            if error:
                raise StepFailedError(error)

        return run

    planned = {"one": step("one"), "two": step("two", "it broke"), "three": step("three")}
    monkeypatch.setattr(steps, "STEPS", planned)
    monkeypatch.setattr(commands, "STEPS", planned)
    monkeypatch.setattr(commands, "prepare", lambda *_arguments, **_options: Environment(steps.CHECKOUT))
    return ran


def test_a_failed_step_stops_no_other_and_fails_the_run(
    three: list[tuple[str, Sequence[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """All ran, the table says which failed, the exit code is not 0."""
    assert commands.test([]) == 1
    printed = capsys.readouterr().out
    assert [name for name, _ in three] == ["one", "two", "three"]
    rows = [line.split()[:2] for line in printed.partition("outcome  seconds\n")[2].splitlines()]
    assert rows == [["one", "passed"], ["two", "FAILED"], ["three", "passed"]]
    assert "it broke" in printed


def test_only_the_steps_asked_for_run_in_their_order(three: list[tuple[str, Sequence[str]]]) -> None:
    """What follows -- goes to pytest."""
    assert commands.test(["three", "one", "--", "-k", "link"]) == 0
    assert three == [("one", ["-k", "link"]), ("three", ["-k", "link"])]


def test_an_unknown_step_is_a_usage_error(three: list[tuple[str, Sequence[str]]], capsys: pytest.CaptureFixture[str]) -> None:
    """It names what there is, and nothing runs."""
    with pytest.raises(SystemExit):
        commands.test(["fourth"])
    assert "no step named fourth; there are one, two, three" in capsys.readouterr().err
    assert three == []


def test_no_python_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, exit code 4."""

    def find(_wanted: str) -> str:
        raise PythonNotFoundError("no Python 3.99 that works")

    monkeypatch.setattr(commands, "find_python", find)
    assert commands.conformance(["--python", "3.99"]) == 4
    assert capsys.readouterr().out == "no Python 3.99 that works\n"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["--bench", "metro-25km", "--", "-n", "2"]),
        (["--hil-seed", "7", "-k", "a or b"], ["--bench", "metro-25km", "--", "-n", "2", "--hil-seed", "7", "-k", "a or b"]),
        (["-n0"], ["--bench", "metro-25km", "--", "-n0"]),
        (["--pdb"], ["--bench", "metro-25km", "--", "--pdb"]),
        (["--hil-bench", "lab.toml"], ["--", "--hil-bench", "lab.toml"]),
    ],
)
def test_conformance_runs_on_the_default_bench_unless_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: list[str], expected: list[str]
) -> None:
    """Every other argument goes to pytest, and on two cores two workers share the simulated bench."""
    ran: list[str] = []
    monkeypatch.setattr(commands.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(commands, "prepare", lambda *_arguments: Environment(tmp_path))
    monkeypatch.setattr(commands, "_become", lambda _environment, *command: ran.extend(command) or 11)
    assert commands.conformance(given) == 11
    assert ran == ["hil.cli", "run", "conformance", *expected]


def test_fewer_files_than_the_tree_has_fail_a_step() -> None:
    """A check of a third of the files is no check."""
    there = steps.count_sources()
    steps._expect_sources(f"no issues found in {there} source files", r"in (\d+) source files")
    with pytest.raises(StepFailedError, match=rf"{there - 1} files were checked, the tree has {there}"):
        steps._expect_sources(f"no issues found in {there - 1} source files", r"in (\d+) source files")
    with pytest.raises(StepFailedError, match="0 files were checked"):
        steps._expect_sources("nothing was said", r"in (\d+) source files")


def test_a_command_that_fails_shows_all_it_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And one that works only that it is done."""
    command = [sys.executable, "-c", "import sys; print('first'); print('second', file=sys.stderr); sys.exit(int(sys.argv[1]))"]
    assert sorted(watch("talk", [*command, "0"], cwd=tmp_path).split()) == ["first", "second"]
    assert capsys.readouterr().out.startswith("  talk: done in ")
    with pytest.raises(StepFailedError, match=r"(?s)first.*talk failed after .* exit code 3"):
        watch("talk", [*command, "3"], cwd=tmp_path)


def test_a_commands_exit_code_is_passed_on(tmp_path: Path) -> None:
    """11 stays 11."""
    assert show([sys.executable, "-c", "raise SystemExit(11)"], cwd=tmp_path) == 11


@pytest.mark.skipif(sys.platform == "win32", reason="there the command waits for the run instead")
def test_the_run_finds_what_is_installed_and_not_the_checkouts_half(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Started in the checkout, Python would put its folder ``hil`` first."""
    became: list[list[str]] = []
    monkeypatch.setattr(commands.os, "chdir", lambda _path: None)
    monkeypatch.setattr(commands.os, "execve", lambda _path, command, _variables: became.append(command))
    monkeypatch.setattr(commands, "show", lambda *_arguments, **_options: 0)
    commands._become(Environment(tmp_path), "pytest", "-q")
    assert became[0][1:] == ["-P", "-m", "pytest", "-q"]
