"""Leases on real devices: one process at a time, all or none."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from hil.errors import BenchError
from hil.testbed.guard.lease import Lease, holders

if TYPE_CHECKING:
    from pathlib import Path

_DEVICES = {"switch": "ASRL/dev/ttyUSB7::INSTR", "voa": "TCPIP::lab::5025::SOCKET"}

_HOLDER = """
import sys
from pathlib import Path
from hil.testbed.guard.lease import Lease
lease = Lease.take("night", {"voa": "TCPIP::lab::5025::SOCKET"}, folder=Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    """By process, bench and device."""
    with Lease.take("metro", _DEVICES, folder=tmp_path), pytest.raises(BenchError) as raised:
        Lease.take("other", {"attenuator": _DEVICES["voa"]}, folder=tmp_path)
    assert f"process {os.getpid()}" in str(raised.value)
    assert "with bench metro" in str(raised.value)
    assert str(raised.value).startswith("attenuator at TCPIP::lab::5025::SOCKET is in use")


def test_all_or_none(tmp_path: Path) -> None:
    """Who does not get one device gives back the others."""
    with Lease.take("metro", {"voa": _DEVICES["voa"]}, folder=tmp_path):
        with pytest.raises(BenchError, match="voa"):
            Lease.take("both", _DEVICES, folder=tmp_path)
        Lease.take("switch alone", {"switch": _DEVICES["switch"]}, folder=tmp_path).close()


def test_given_back_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After an orderly end the next one finds nothing to say; closing twice does nothing."""
    lease = Lease.take("metro", _DEVICES, folder=tmp_path)
    lease.close()
    lease.close()
    with caplog.at_level(logging.WARNING), Lease.take("next", _DEVICES, folder=tmp_path):
        assert not caplog.records


def test_taken_over_from_the_dead(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While its process lives it is refused; once it was killed, the next takes it over and says so."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BenchError, match=f"process {holder.pid} .* with bench night"):
            Lease.take("morning", _DEVICES, folder=tmp_path)
        holder.kill()
        holder.wait()
        with caplog.at_level(logging.WARNING), Lease.take("morning", _DEVICES, folder=tmp_path):
            (record,) = caplog.records
    assert f"taken over from process {holder.pid}" in record.getMessage()


def test_the_last_sign_of_life_is_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written anew with each heartbeat; a test that was silent for longer than its lease hangs."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    with Lease.take("metro", _DEVICES, folder=tmp_path, lease_s=60.0) as lease:
        now[0] += 50.0
        assert [(each.silent_s, each.hung) for each in holders(_DEVICES, folder=tmp_path)] == [(50.0, False)] * 2
        lease.beat(0.0)
        now[0] += 50.0
        lease.beat(61.0)
        assert [(each.silent_s, each.hung) for each in holders(_DEVICES, folder=tmp_path)] == [(61.0, True)] * 2
        lease.beat(2.0)
        now[0] += 50.0
        assert [(each.silent_s, each.hung) for each in holders(_DEVICES, folder=tmp_path)] == [(52.0, False)] * 2
    assert holders(_DEVICES, folder=tmp_path) == []


def test_a_guard_of_runs_elsewhere_is_never_taken_for_hung(tmp_path: Path) -> None:
    """It judges that itself."""
    with Lease.take("metro", _DEVICES, folder=tmp_path, lease_s=0.0) as lease:
        lease.beat(1e6)
        assert not any(each.hung for each in holders(_DEVICES, folder=tmp_path))
