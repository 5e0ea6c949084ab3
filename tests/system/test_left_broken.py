"""A bench that was left broken is healed at the next start, in words; one that cannot be healed is kept from everybody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hil.cli import main
from hil.errors import BenchError, HealingError
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from pathlib import Path

    Lab = Any

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends processes with SIGKILL")

_HOLDER = """
import os, signal, sys
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

with Testbed.open(sys.argv[1], seed=1) as testbed:
    testbed.begin("cut and die")
    with Chaos(testbed, testbed.link("metro")).fiber_cut() as cut:
        os.kill(testbed.guardian.pid, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def leave_cut(lab: Lab) -> None:
    """A run and its guardian are killed while the fibre is cut: nobody is left who could heal it."""
    done = subprocess.run([sys.executable, "-c", _HOLDER, str(lab.file())], check=False, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert lab.channel == 4
    assert lab.stands("alice", "emitting")


def test_the_next_start_heals_first_and_says_so(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of it is left for the start after that."""
    leave_cut(lab)
    with Testbed.open(lab.file(), seed=2) as testbed:
        assert testbed.guardian is not None
        (said,) = testbed.guardian.tidings
        assert "bench lab was left broken by process" in said
        assert "fiber_cut on switch since 20" in said
        assert "healed: switch reads back channel 1" in said
        assert said in caplog.text
        assert lab.dark
    with Testbed.open(lab.file(), seed=3) as testbed:
        assert testbed.guardian is not None
        assert testbed.guardian.tidings == ()


def test_a_run_says_it_on_the_terminal_and_in_its_record(lab: Lab, tmp_path: Path, hil_run: Any) -> None:
    """Whoever looks at this run's numbers knows what was done to the bench before."""
    leave_cut(lab)
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_nothing.py").write_text("def test_nothing(bench): pass\n", encoding="utf-8")
    state = {name: os.environ[name] for name in ("HIL_STATE_DIR", "HIL_GUARD")}
    done = hil_run(bench=lab.file(), cwd=project, paths=(project / "test_nothing.py",), environment=state)
    assert done.code == 0, done.output
    (note,) = (note.text for note in done.record.notes if "left broken" in note.text)
    assert "healed: switch reads back channel 1" in note
    assert " ".join(note.split()) in " ".join(done.output.split())


def test_doctor_tells_it_and_touches_nothing(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends as with a device in trouble."""
    leave_cut(lab)
    assert main(["doctor", "--bench", str(lab.file())]) == 10
    assert "bench lab was left broken by process" in capsys.readouterr().out
    assert lab.stands("alice", "emitting")


def test_what_cannot_be_healed_is_quarantined_until_somebody_has_looked(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """No power at the switch: refused now and later, also when it has power again, until it was parked and seen so."""
    leave_cut(lab)
    lab.host.control.unplug("switch")
    for _ in range(2):
        with pytest.raises(BenchError, match=r"switch at .* is quarantined since(.|\n)*hil safe --clear"):
            Testbed.open(lab.file(), seed=2)
    assert not lab.stands("alice", "emitting")  # the others were made safe all the same
    assert main(["doctor", "--bench", str(lab.file())]) == 10
    assert "is quarantined since" in capsys.readouterr().out
    assert main(["safe", "--clear", "--bench", str(lab.file())]) == 10  # it cannot be parked yet
    lab.host.control.plug_in("switch")
    assert main(["safe", "--bench", str(lab.file())]) == 10
    assert main(["safe", "--clear", "--bench", str(lab.file())]) == 0
    assert lab.dark
    with Testbed.open(lab.file(), seed=2) as testbed:
        testbed.begin("as before")


def test_a_fault_that_does_not_heal_keeps_later_tests_and_runs_away(lab: Lab) -> None:
    """The switch loses its power while the fibre is cut and stays without it until the test is over."""
    with Testbed.open(lab.file(), seed=1) as testbed:
        testbed.begin("cut")
        chaos = Chaos(testbed, testbed.link("metro"))
        with pytest.raises(HealingError), chaos.fiber_cut():
            lab.host.control.unplug("switch")
        with pytest.raises(BenchError, match="switch"):
            testbed.end()
        lab.host.control.plug_in("switch")
        with pytest.raises(BenchError, match="quarantined: switch: fiber_cut on switch could not be healed"):
            testbed.begin("the next test")
    with pytest.raises(BenchError, match="is quarantined since"):
        Testbed.open(lab.file(), seed=2)
    assert main(["safe", "--clear", "--bench", str(lab.file())]) == 0
    assert lab.channel == 4
