"""Leases on real devices: one process at a time, all or none."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hil.errors import BenchError
from hil.testbed.lease import Lease

if TYPE_CHECKING:
    from pathlib import Path

_DEVICES = {"switch": "ASRL/dev/ttyUSB7::INSTR", "voa": "TCPIP::lab::5025::SOCKET"}

_HOLDER = """
import sys
from pathlib import Path
from hil.testbed.lease import Lease
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
