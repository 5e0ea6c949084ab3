"""What ci/test does about programs that pip does not bring: installs them, or says why not; no service starts meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from hil.ci import _machine
from hil.ci._progress import StepFailedError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A Debian with root and without any of the programs; ``ran`` collects what was run, and whether services could start."""
    state: dict[str, Any] = {"there": {"apt-get"}, "ran": [], "fails": False, "policy": tmp_path / "policy-rc.d"}

    def watch(_label: str, command: list[str], *, cwd: Path, env: dict[str, str]) -> str:
        state["ran"].append((command[2:], state["policy"].exists(), env["DEBIAN_FRONTEND"]))
        if state["fails"]:
            raise StepFailedError("a long story\npackages failed after 3 s with exit code 100: apt-get")
        if "install" in command:
            state["there"] |= set(_machine.PROGRAMS)
        return ""

    monkeypatch.setattr(_machine, "watch", watch)
    monkeypatch.setattr(_machine, "POLICY", state["policy"])
    monkeypatch.setattr(_machine.sys, "platform", "linux")
    monkeypatch.setattr(_machine.shutil, "which", lambda name: name if name in state["there"] else None)
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    return state


def test_what_is_there_is_not_installed(machine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing runs, nothing is said."""
    machine["there"] |= set(_machine.PROGRAMS)
    assert _machine.prepare_machine()
    assert (machine["ran"], capsys.readouterr().out) == ([], "")


def test_a_new_debian_gets_them(machine: dict[str, Any]) -> None:
    """With the policy in place that keeps services from starting, and without it afterwards."""
    assert _machine.prepare_machine()
    wanted = ["install", "-y", "--no-install-recommends", "prometheus", "prometheus-alertmanager"]
    assert machine["ran"] == [(["update"], True, "noninteractive"), (wanted, True, "noninteractive")]
    assert not machine["policy"].exists()


def test_a_policy_of_somebody_else_stays(machine: dict[str, Any]) -> None:
    """It is neither replaced nor removed."""
    machine["policy"].write_text("#!/bin/sh\nexit 0\n")
    assert _machine.prepare_machine()
    assert machine["policy"].read_text() == "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize(
    ("trouble", "said"),
    [("no apt", "no Debian"), ("no root", "takes root"), ("fails", "exit code 100: apt-get"), ("other system", "no Debian")],
)
def test_what_cannot_be_had_is_said(
    machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
    said: str,
) -> None:
    """In one line with the reason, and the tests go on."""
    if trouble == "no apt":
        machine["there"].clear()
    elif trouble == "no root":
        monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    elif trouble == "fails":
        machine["fails"] = True
    else:
        monkeypatch.setattr(_machine.sys, "platform", "darwin")
    assert not _machine.prepare_machine()
    printed = capsys.readouterr().out
    assert said in printed
    assert "will be skipped" in printed
    assert "a long story" not in printed
    assert not machine["policy"].exists()
