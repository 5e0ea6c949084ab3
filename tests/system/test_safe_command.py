"""`hil safe` on a bench that somebody has: who hangs is ended, who is alive only where that is asked for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hil.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    Lab = Any

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="ends processes as Linux does")

_HUNG = """
import sys
from hil.bench import load
from hil.testbed.guard.lease import Lease
from hil.testbed.guard.ward import guarded

lease = Lease.take("lab", guarded(load(sys.argv[1]), ()), lease_s=60.0)
lease.beat(float(sys.argv[2]))
print("there", flush=True)
sys.stdin.read()
"""

_ALIVE = """
import sys
from hil.testbed.testbed import Testbed

with Testbed.open(sys.argv[1], seed=1) as testbed:
    testbed.begin("alive")
    testbed.link("metro").up()
    print("there", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "there\n"
        try:
            yield held
        finally:
            held.kill()


def test_a_run_that_hangs_is_ended_before_the_ports_are_opened(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last sign of life is older than its lease."""
    with holder(_HUNG, str(lab.file()), "61") as hung:
        assert main(["safe", "--bench", str(lab.file())]) == 0
        assert hung.wait(10) in {-signal.SIGABRT, -signal.SIGKILL}
    said = capsys.readouterr().out
    assert re.search("hangs, silent for 6[1-9] s, and is ended: process", said)
    assert "switch: parked" in said
    assert lab.dark


def test_a_run_that_is_alive_is_left_alone_unless_forced(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused with who that is; with --force it is asked first, and its guardian is done before the bench is opened."""
    with holder(_ALIVE, str(lab.file())) as alive:
        assert main(["safe", "--bench", str(lab.file())]) == 10
        assert f"in use: process {alive.pid}" in capsys.readouterr().err
        assert alive.poll() is None
        assert lab.stands("alice", "emitting")
        assert main(["safe", "--force", "--bench", str(lab.file())]) == 0
        assert alive.wait(10) == -signal.SIGTERM
    assert "is alive, silent for" in capsys.readouterr().out
    assert lab.dark


def test_a_sign_of_life_within_the_lease_is_enough(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Silent for 30 of 60 seconds."""
    with holder(_HUNG, str(lab.file()), "30") as alive:
        assert main(["safe", "--bench", str(lab.file())]) == 10
        assert "in use" in capsys.readouterr().err
        assert alive.poll() is None


def test_a_number_that_is_somebody_elses_process_is_not_ended(lab: Lab, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that was written in another container: the number names a process here that does not have the file open."""
    from pathlib import Path

    from hil.bench import load
    from hil.testbed.guard import lease as leases
    from hil.testbed.guard.ward import guarded

    addresses = guarded(load(lab.file()), ())
    with (
        subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as bystander,
        monkeypatch.context() as patch,
    ):
        patch.setattr(leases.os, "getpid", lambda: bystander.pid)
        with leases.Lease.take("lab", addresses, lease_s=1.0) as lease:
            lease.beat(60.0)
            assert main(["safe", "--bench", str(lab.file())]) == 10
        assert bystander.poll() is None
        assert Path(f"/proc/{bystander.pid}").exists()
        bystander.kill()


@pytest.mark.parametrize("trouble", ["gone", "another firmware"])
def test_a_device_in_trouble_keeps_no_other_from_being_parked(
    lab: Lab, capsys: pytest.CaptureFixture[str], trouble: str
) -> None:
    """The stage is at no address, or bob says another firmware than is pinned: all that answer are dark, and it is told."""
    now_ns = lab.host.now_ns()
    lab.host.world.set_emitting("alice", now_ns, emitting=True)
    lab.host.world.set_biased("bob", now_ns, biased=True)
    file, parts = lab.file(), lab.file().read_text(encoding="utf-8")
    if trouble == "gone":
        parts = parts.replace(lab.host.addresses["stage"].resource, "TCPIP::127.0.0.1::9::SOCKET")
    else:
        parts = parts.replace("[device.bob]", '[device.bob]\nfirmware = "~=99.0"')
    file.write_text(parts, encoding="utf-8")
    assert main(["safe", "--bench", str(file)]) == 10
    told = capsys.readouterr()
    assert lab.dark
    assert "alice: parked" in told.out
    assert ("stage: parked" in told.out) == (trouble != "gone")
    assert ("no connection" if trouble == "gone" else "firmware") in told.err
