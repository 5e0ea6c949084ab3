"""What was healed in the dark is seen in the light before the next test gets the bench: counts come back, or nobody gets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hil.cli import main
from hil.errors import BenchError
from hil.testbed.guard.journal import journals_of, owing
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from hil.testbed.guard.steady import Owed

    Lab = Any

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="ends processes as Linux does")

_HOLDER = """
import os, signal, sys
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

with Testbed.open(sys.argv[1], seed=1) as testbed:
    testbed.begin("cut and die")
    chaos = Chaos(testbed, testbed.link("metro"))
    with chaos.thermal_drift(delta_k=2.0), chaos.fiber_cut():
        if sys.argv[2] == "both":
            os.kill(testbed.guardian.pid, signal.SIGKILL)
        print(testbed.guardian.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


_INTERRUPTED = """
import sys
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

with Testbed.open(sys.argv[1], seed=1) as testbed:
    testbed.begin("cut and stop")
    with Chaos(testbed, testbed.link("metro")).fiber_cut():
        raise KeyboardInterrupt
"""


def killed(lab: Lab, whom: str = "run") -> None:
    """A run is killed with the stage drifting and the fibre cut; its guardian heals, unless it is killed as well."""
    done = subprocess.run([sys.executable, "-c", _HOLDER, str(lab.file()), whom], check=False, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    if whom == "run":
        assert lab.wait_until_dark(20.0)
        wait_for_end(int(done.stdout))


def wait_for_end(pid: int) -> None:
    import select

    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 20.0)[0]
    finally:
        os.close(handle)


def addresses(lab: Lab) -> list[str]:
    return [address.resource for address in lab.host.addresses.values()]


def owed(lab: Lab) -> list[Owed]:
    return [each for _, each in owing(Path(os.environ["HIL_STATE_DIR"]), addresses(lab))]


def lightings(lab: Lab) -> int:
    """How often the transmitter was switched on."""
    return [(setting, value) for _, _, setting, value in lab.changes].count(("emitting", 1.0))


def test_a_link_whose_counts_are_back_is_healed_and_given_to_the_test(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """The guardian leaves a look owed; the next run takes it before its first test, says so, and that test finds it dark."""
    killed(lab)
    assert journals_of(Path(os.environ["HIL_STATE_DIR"]), addresses(lab)) == []
    (one,) = owed(lab)
    assert [fault.rpartition(" since ")[0] for fault in one.faults] == [
        "thermal_drift delta 2 K on stage",
        "fiber_cut on switch",
    ]
    before = lightings(lab)
    with Testbed.open(lab.file(), seed=2) as testbed:
        assert lightings(lab) == before  # nobody asked for the bench yet
        testbed.begin("next")
        assert lightings(lab) == before + 1
        assert lab.dark
        assert "the steady state of link metro is back: z0 " in caplog.text
        assert "stage temperature 30.0 degC, 30.0 degC before" in caplog.text
        testbed.begin("and the one after that")
    assert lightings(lab) == before + 1
    assert owed(lab) == []


def test_a_link_that_reads_back_right_and_stays_dim_is_quarantined(lab: Lab) -> None:
    """Half of the light stays away behind a switch that says it is back, healed at the next start: nobody gets the bench."""
    killed(lab, "both")
    lab.host.control.inject("metro", "excess_loss_db", 3.0)
    with Testbed.open(lab.file(), seed=2) as testbed:
        assert lab.stands("switch", "channel") == 4.0  # parked
        with pytest.raises(
            BenchError, match=r"reads back as it stood, but the steady state of link metro is not back: z0 "
        ) as raised:
            testbed.begin("next")
        assert "clicks a second" in str(raised.value)
        assert lab.dark
        with pytest.raises(BenchError, match="is quarantined"):
            testbed.begin("and the one after that")
    with pytest.raises(BenchError, match=r"switch at .* is quarantined since(.|\n)*steady state of link metro is not back"):
        Testbed.open(lab.file(), seed=3)
    assert main(["safe", "--clear", "--bench", str(lab.file())]) == 0
    assert lab.dark
    assert owed(lab) == []
    with Testbed.open(lab.file(), seed=4) as testbed:
        testbed.begin("as before")


def test_an_orderly_stop_owes_the_look_that_it_had_no_time_for(
    lab: Lab, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C inside the fault: undone and read back at once, in the dark. A start without a test changes nothing of that."""
    done = subprocess.run([sys.executable, "-c", _INTERRUPTED, str(lab.file())], check=False, capture_output=True, timeout=60)
    assert b"KeyboardInterrupt" in done.stderr
    assert lab.dark
    (one,) = owed(lab)
    assert one.moved == ("switch",)
    before = lightings(lab)
    assert main(["safe", "--bench", str(lab.file())]) == 0
    assert main(["doctor", "--bench", str(lab.file())]) == 0
    assert "whether the steady state is back is looked at before the next test" in capsys.readouterr().out
    assert (owed(lab), lightings(lab)) == ([one], before)
    with Testbed.open(lab.file(), seed=2) as testbed:
        testbed.begin("next")
    assert "fiber_cut on switch" in caplog.text
    assert "the steady state of link metro is back" in caplog.text
    assert owed(lab) == []


def test_a_fault_that_was_seen_to_heal_owes_nothing(lab: Lab) -> None:
    """The living run has looked itself: no second look, now or later."""
    with Testbed.open(lab.file(), seed=1) as testbed:
        testbed.begin("cut")
        with Chaos(testbed, testbed.link("metro")).fiber_cut() as cut:
            pass
        assert cut.healed
        testbed.begin("next")
        assert testbed.guardian is not None
        assert testbed.guardian.owed == ()
        assert lightings(lab) == 1


def test_a_bench_without_that_link_leaves_the_look_to_one_that_has_it(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """Another bench file of the same devices, whose link has another name."""
    killed(lab)
    other = lab.folder / "other.toml"
    other.write_text(lab.file().read_text(encoding="utf-8").replace("[link.metro", "[link.town"), encoding="utf-8")
    with Testbed.open(other, seed=2) as testbed:
        testbed.begin("next")
    assert "has still to be looked at" in caplog.text
    assert len(owed(lab)) == 1
