"""The command that fuzzes: what it runs where, and that it finds a device that breaks."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hil.ci import _commands as commands
from hil.ci._environment import CHECKOUT, Environment

if TYPE_CHECKING:
    from pathlib import Path

FUZZ = CHECKOUT / "tests" / "fuzz" / "fuzz_dialects.py"


@pytest.mark.parametrize(
    ("arguments", "extra"), [(["--inputs", "10"], "dev"), (["--atheris", "5", "--only", "pdu"], "dev,fuzz")]
)
def test_it_runs_in_an_environment_that_has_what_it_needs(
    arguments: list[str], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Atheris is installed only where it is asked for; every argument is handed on."""
    prepared: list[Any] = []
    ran: list[list[str]] = []

    def prepare(_purpose: str, _python: str, *, extra: str) -> Environment:
        prepared.append(extra)
        return Environment(CHECKOUT)

    monkeypatch.setattr(commands, "prepare", prepare)
    monkeypatch.setattr(commands, "_replaced", lambda _environment, command: ran.append(command) or 0)
    assert commands.fuzz(arguments) == 0
    assert prepared == [extra]
    assert ran == [[str(FUZZ), *arguments]]


def run(*arguments: str, script: Path = FUZZ) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-P", str(script), *arguments], capture_output=True, text=True, check=False)


def test_a_few_inputs_for_two_dialects() -> None:
    """The same code as for a million: inputs of hypothesis and others, memory, a line for each port."""
    done = run("--inputs", "400", "--only", "pdu", "--only", "switch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "400 inputs; resident memory grew by" in done.stdout
    assert "of hypothesis     20" in done.stdout
    assert "fixed-length binary" in done.stdout


def test_a_port_that_falls_out_of_step_ends_it_with_the_input(tmp_path: Path) -> None:
    """An answer that no device gives stands for one that is out of step."""
    changed = tmp_path / "tests" / "fuzz"
    changed.mkdir(parents=True)
    (changed / "fuzz_dialects.py").write_text(FUZZ.read_text(encoding="utf-8"), encoding="utf-8")
    words = FUZZ.with_name("dialects.toml").read_text(encoding="utf-8")
    (changed / "dialects.toml").write_text(words.replace("Baud: 9600", "Baud: 1200"), encoding="utf-8")
    done = run("--inputs", "20", "--only", "voa", script=changed / "fuzz_dialects.py")
    assert done.returncode == 1
    assert "voa: after input 0" in done.stdout
    assert "was answered" in done.stdout
