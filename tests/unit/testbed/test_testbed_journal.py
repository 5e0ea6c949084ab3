"""Undos on the disk: before anything moves, until it is undone, whoever dies when."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from hil.clock import SystemClock, VirtualClock
from hil.errors import BenchError
from hil.ports.spec import Undo
from hil.testbed.guard.journal import Journal, broken, journals_of

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = {"switch": "ASRL/dev/ttyUSB7::INSTR", "voa": "TCPIP::lab::5025::SOCKET"}
CUT = [Undo("switch", "channel", 1)]
DIMMED = [Undo("voa", "attenuation_db", 3.5), Undo("switch", "channel", 1)]


def begun(folder: Path) -> Journal:
    journal = Journal.take(folder, ADDRESSES, SystemClock(), 0.0)
    journal.begin("lab", "run 7", ADDRESSES, {"bench": {"name": "lab"}})
    return journal


def test_what_is_held_is_there_for_whoever_comes_next(tmp_path: Path) -> None:
    """In the order it was held, with who and when; what was released is gone."""
    journal = begun(tmp_path)
    journal.hold(1, "fiber_cut on switch", CUT)
    journal.hold(2, "macrobend_loss on voa", DIMMED)
    journal.hold(3, "thermal_drift on stage", CUT)
    journal.release(3)
    journal.close()
    after = Journal.take(tmp_path, ADDRESSES, SystemClock(), 0.0)
    assert after.owner is not None
    assert (after.owner.run, after.owner.addresses, after.owner.guardian) == ("run 7", ADDRESSES, os.getpid())
    assert [(each.fault, list(each.undos)) for each in after.held.values()] == [
        ("fiber_cut on switch", CUT),
        ("macrobend_loss on voa", DIMMED),
    ]
    after.finish()
    after.close()
    assert journals_of(tmp_path, ADDRESSES.values()) == []


def test_each_line_is_on_the_disk_before_it_is_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fsync comes after the write and before the return, or a power cut would forget what was already broken."""
    journal = begun(tmp_path)
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    before = journal.path.stat().st_size
    journal.hold(1, "fiber_cut on switch", CUT)
    journal.release(1)
    journal.close()
    assert len(sizes) == 2
    assert before < sizes[0] < sizes[1] == journal.path.stat().st_size


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limit there")
def test_a_line_that_the_disk_takes_in_part_is_not_confirmed(tmp_path: Path) -> None:
    """A full disk takes the beginning of a line and says so by its length alone; what comes later stands by itself."""
    import resource

    journal = begun(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            journal.hold(1, "fiber_cut on switch", CUT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    journal.hold(2, "fiber_cut on switch", CUT)
    journal.close()
    again = Journal.take(tmp_path, ADDRESSES, SystemClock(), 0.0)
    assert list(again.held) == [2]
    again.close()


def test_a_line_cut_short_was_never_confirmed(tmp_path: Path) -> None:
    """At every length of the last line: what came before it counts, and it does not."""
    journal = begun(tmp_path)
    journal.hold(1, "fiber_cut on switch", CUT)
    whole_before = journal.path.read_bytes()
    journal.hold(2, "macrobend_loss on voa", DIMMED)
    journal.close()
    whole = journal.path.read_bytes()
    for length in range(len(whole_before), len(whole)):
        journal.path.write_bytes(whole[:length])
        cut_short = Journal.at(journal.path, SystemClock(), 0.0)
        assert list(cut_short.held) == [1], whole[:length]
        cut_short.close()


def test_only_journals_that_share_a_device_matter(tmp_path: Path) -> None:
    """Another bench that names the same switch is told; a bench of other devices is not."""
    journal = begun(tmp_path)
    journal.hold(1, "fiber_cut on switch", CUT)
    journal.close()
    assert journals_of(tmp_path, [ADDRESSES["switch"], "ASRL/dev/ttyUSB9::INSTR"]) == [journal.path]
    assert journals_of(tmp_path, ["ASRL/dev/ttyUSB9::INSTR"]) == []
    (words,) = broken(tmp_path, [ADDRESSES["switch"]])
    assert words.startswith("bench lab was left broken by run 7: fiber_cut on switch since 20")


def test_a_guardian_at_work_is_waited_for(tmp_path: Path) -> None:
    """Nobody heals beside it, and its journal is not stale; after a while it is an error that names the file."""
    journal = begun(tmp_path)
    journal.hold(1, "fiber_cut on switch", CUT)
    assert broken(tmp_path, ADDRESSES.values()) == []
    clock = VirtualClock()
    with pytest.raises(BenchError, match=rf"still works on these devices after 20 s .*{journal.path.name}"):
        Journal.take(tmp_path, ADDRESSES, clock, 20.0)
    assert 20.0 <= clock.now_ns() / 1e9 < 20.1
    clock.call_at(clock.now_ns() + 1_000_000_000, journal.close)
    Journal.take(tmp_path, ADDRESSES, clock, 20.0).close()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_every_user_of_the_machine_can_heal(tmp_path: Path) -> None:
    """As with leases: the bench is shared, so are its files, whatever the umask; and no link is followed."""
    before = os.umask(0o077)
    try:
        journal = begun(tmp_path)
    finally:
        os.umask(before)
    journal.close()
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o666
    journal.path.rename(tmp_path / "elsewhere")
    journal.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Journal.take(tmp_path, ADDRESSES, SystemClock(), 0.0)
