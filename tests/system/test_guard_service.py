"""A guardian that listens on the lab host, and runs that find it: killed, stopped, strange, and without one in a container."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hil.cli import main
from hil.errors import BenchError, UsageError
from hil.testbed.guard import protection
from hil.testbed.guard.guardian import Guardian, status
from hil.testbed.guard.protection import GuardSettings
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Lab = Any

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="stops and ends processes as Linux does")

HEALED_WITHIN_S = 2.0
LEASE_S = 4.0

_HOLDER = """
import sys
from hil.testbed.injection.chaos import Chaos
from hil.testbed.guard.protection import GuardSettings
from hil.testbed.testbed import Testbed

guard = GuardSettings(sys.argv[2], sys.argv[3], float(sys.argv[4]))
with Testbed.open(sys.argv[1], seed=1, guard=guard) as testbed:
    testbed.begin("cut and die")
    with Chaos(testbed, testbed.link("metro")).fiber_cut(), testbed.busy("1 h"):
        print("cut", flush=True)
        sys.stdin.read()
"""


@contextmanager
def service(address: str, token: Path) -> Iterator[str]:
    """``hil guard`` as a process; its address."""
    command = [sys.executable, "-m", "hil.cli", "guard", "--listen", address, "--token", str(token)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert "listens at" in said
        try:
            yield said.split("listens at ")[1].split(",")[0]
        finally:
            process.terminate()
            try:
                assert process.wait(20) == 0
            finally:
                process.kill()


@contextmanager
def holder(lab: Lab, address: str, token: Path, lease_s: float = 120.0) -> Iterator[subprocess.Popen[str]]:
    """A run that has cut the fibre and waits."""
    command = [sys.executable, "-c", _HOLDER, str(lab.file()), address, str(token), str(lease_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "cut\n"
        assert lab.channel == 4
        assert lab.stands("alice", "emitting")
        try:
            yield process
        finally:
            process.kill()


def undone(lab: Lab) -> bool:
    """Whether the switch went back before it was parked."""
    return [value for _, _, setting, value in lab.changes if setting == "channel"][-3:] == [4.0, 1.0, 4.0]


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_killed_run_is_made_safe_by_the_one_that_listens(lab: Lab, tmp_path: Path, kind: str) -> None:
    """As its own guardian would; and the next run finds it there again, and the bench free."""
    token = tmp_path / "token"
    where = f"unix:{tmp_path / 'guard'}" if kind == "unix" else "tcp://127.0.0.1:0"
    with service(where, token) as address:
        assert token.stat().st_mode & 0o777 == 0o600
        with holder(lab, address, token) as process:
            assert status(address, token.read_bytes().strip())["guards"] == 1
            process.kill()
            assert lab.wait_until_dark(HEALED_WITHIN_S)
        assert undone(lab)
        settings = GuardSettings(address, str(token))
        with Testbed.open(lab.file(), seed=2, guard=settings) as testbed:
            testbed.begin("orderly")
            with pytest.raises(BenchError, match="in use: process"):  # it leases for runs elsewhere too
                Testbed.open(lab.file(), seed=3)
            with Chaos(testbed, testbed.link("metro")).fiber_cut() as cut:
                assert lab.channel == 4
            assert cut.healed


def test_a_run_that_is_stopped_misses_its_heartbeats(lab: Lab, tmp_path: Path) -> None:
    """Its connection stays open; and should it wake up later, it is told to end before it touches anything."""
    token = tmp_path / "token"
    with service("tcp://127.0.0.1:0", token) as address, holder(lab, address, token, lease_s=LEASE_S) as process:
        process.send_signal(signal.SIGSTOP)
        assert lab.wait_until_dark(LEASE_S + HEALED_WITHIN_S)
        assert undone(lab)
        process.send_signal(signal.SIGCONT)
        assert process.wait(10) == -signal.SIGABRT
        assert process.stderr is not None
        assert "Current thread" in process.stderr.read()  # where it was


def test_who_does_not_know_the_token_is_refused(lab: Lab, tmp_path: Path) -> None:
    """Before anything about the bench is read."""
    token, other = tmp_path / "token", tmp_path / "other"
    other.write_text("0123456789abcdef")
    with service("tcp://127.0.0.1:0", token) as address:
        with pytest.raises(BenchError, match="the token is not that of this guardian"):
            Testbed.open(lab.file(), seed=1, guard=GuardSettings(address, str(other)))
        with pytest.raises(BenchError, match="the token is not that of this guardian"):
            status(address, other.read_bytes())
        with pytest.raises(UsageError, match="--hil-guard-token"):
            Testbed.open(lab.file(), seed=1, guard=GuardSettings(address))


def test_a_stranger_is_not_taken_for_a_guardian(lab: Lab, tmp_path: Path) -> None:
    """Somebody who listens there and says yes to everything, without the token."""
    token = tmp_path / "token"
    token.write_text("0123456789abcdef")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pretend() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as lines:
                lines.write(b'{"hil": "00"}\n')
                lines.flush()
                lines.readline()
                lines.write(b'{"seq": 1, "ready": 1, "tidings": [], "proof": "00"}\n')
                lines.flush()
                lines.readline()

        stranger = threading.Thread(target=pretend)
        stranger.start()
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(BenchError, match="does not know the token of its guardian"):
            Testbed.open(lab.file(), seed=1, guard=GuardSettings(address, str(token)))
        stranger.join(10)
    with pytest.raises(BenchError, match=f"no guardian listens at {address}"):
        Testbed.open(lab.file(), seed=1, guard=GuardSettings(address, str(token)))


def test_in_a_container_nothing_real_is_broken_without_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A guardian in there would end with it. Everything else works, and doctor says why."""
    monkeypatch.setattr(protection, "in_container", lambda: True)
    monkeypatch.delenv("HIL_GUARD")
    with Testbed.open(lab.file(), seed=1) as testbed:
        testbed.begin("in a container")
        with pytest.raises(BenchError, match=r"fiber_cut: switch is real, and nothing was moved: .*hil guard --listen"):
            Chaos(testbed, testbed.link("metro")).fiber_cut()
        assert lab.channel == 1
    assert main(["doctor", "--bench", str(lab.file())]) == 0
    assert "faults of stage, switch are refused" in " ".join(capsys.readouterr().out.split()).replace(
        "switch, stage", "stage, switch"
    )


def test_doctor_names_the_one_that_listens(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By address and process, once it has shown that it knows the token."""
    token = tmp_path / "token"
    with service("tcp://127.0.0.1:0", token) as address:
        monkeypatch.setenv("HIL_GUARD", address)
        monkeypatch.setenv("HIL_GUARD_TOKEN", str(token))
        assert main(["doctor", "--bench", str(lab.file())]) == 0
        assert f"the guardian at {address} (process" in capsys.readouterr().out
        assert main(["safe", "--bench", str(lab.file())]) == 0
    assert main(["doctor", "--bench", str(lab.file())]) == 10
    assert f"no guardian listens at {address}" in capsys.readouterr().err


def test_an_orderly_end_of_the_connection_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    """A guardian that only said hello and goodbye touched no device."""
    from hil.bench import load

    token = tmp_path / "token"
    with service("tcp://127.0.0.1:0", token) as address:
        before = list(lab.changes)
        Guardian.connect(address, token.read_bytes().strip(), load(lab.file())).close()
        assert lab.changes == before
