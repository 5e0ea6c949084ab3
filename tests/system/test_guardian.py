"""A real bench whose test process is killed in the middle of a fault is healed by the guardian."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil.bench import load
from hil.errors import BenchError, MissingCapabilityError
from hil.testbed.guard.guardian import HUNTED_BY, Guardian
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from typing import Any as Lab

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs a system that tells when a process ends")

_HEALED_WITHIN_S = 2.0  # docs/reference/faults.md

_HOLDER = """
import sys
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

with Testbed.open(sys.argv[1], seed=1) as testbed:
    testbed.begin("cut and die")
    with Chaos(testbed, testbed.link("metro")).fiber_cut() as cut:
        print(testbed.guardian.pid, cut.evidence, flush=True)
        sys.stdin.read()
"""


def wait_for_end(pid: int, timeout_s: float) -> bool:
    """Whether a process, anybody's, ended in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], timeout_s)[0])
    finally:
        os.close(handle)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGHUP])
def test_a_killed_test_leaves_no_cut_fibre(lab: Lab, end: signal.Signals) -> None:
    """No teardown runs in the holder, and yet the switch is back within two seconds, and nobody is left."""
    file = lab.file()
    environment = os.environ | dict.fromkeys(HUNTED_BY, "a job of CI")
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    with holder:
        assert holder.stdout is not None
        said = holder.stdout.readline().decode()
        assert "reads back channel 4" in said
        assert lab.channel == 4
        guardian = int(said.split()[0])
        variables = Path(f"/proc/{guardian}/environ").read_bytes()
        assert not any(name.encode() in variables for name in HUNTED_BY)
        assert os.getsid(guardian) != os.getsid(holder.pid)
        for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # who sweeps up a job asks its processes first
            os.kill(guardian, asked)
        killed_s = time.monotonic()
        holder.send_signal(end)
        assert wait_for_end(guardian, 20.0), "the guardian did not end"
        healed_s = time.monotonic() - killed_s
        assert lab.dark  # healed, and then parked
        assert healed_s < _HEALED_WITHIN_S


def test_an_orderly_end_leaves_the_guardian_nothing_to_do(lab: Lab) -> None:
    """The fault heals in the test itself; the guardian ends with the bench."""
    with Testbed.open(lab.file(), seed=1) as testbed:
        testbed.begin("orderly")
        guardian = testbed.guardian
        assert guardian is not None
        with Chaos(testbed, testbed.link("metro")).fiber_cut() as cut:
            assert lab.channel == 4
        assert cut.healed
        assert lab.channel == 1
    assert wait_for_end(guardian.pid, 5.0)


def test_real_devices_are_broken_only_where_the_bench_file_allows_it(lab: Lab) -> None:
    """Without chaos = "allow" nothing moves, and the test is a skip with that reason."""
    with Testbed.open(lab.file(chaos=""), seed=1) as testbed:
        testbed.begin("not allowed")
        with pytest.raises(MissingCapabilityError, match='chaos = "allow"'):
            Chaos(testbed, testbed.link("metro")).fiber_cut()
        assert lab.channel == 1


def test_real_devices_are_not_broken_without_a_guardian(lab: Lab) -> None:
    """Refused before anything moves."""
    with Testbed.open(lab.file(), seed=1) as testbed:
        testbed.begin("unguarded")
        testbed.guardian = None
        chaos = Chaos(testbed, testbed.link("metro"))
        with pytest.raises(BenchError, match="no guardian"):
            chaos.fiber_cut()
        assert lab.channel == 1


def test_a_guardian_that_is_gone_stops_the_fault(lab: Lab) -> None:
    """A fault whose undo nobody else knows is not injected."""
    with Testbed.open(lab.file(), seed=1) as testbed:
        testbed.begin("guardian killed")
        assert testbed.guardian is not None
        os.kill(testbed.guardian.pid, signal.SIGKILL)
        with pytest.raises(BenchError, match="guardian"), Chaos(testbed, testbed.link("metro")).fiber_cut():
            pytest.fail("was injected")
        assert lab.channel == 1


def test_no_real_detector_can_be_made_noisy(lab: Lab) -> None:
    """A skip that names the actuator it would take."""
    with Testbed.open(lab.file(), seed=1) as testbed:
        testbed.begin("no actuator")
        with pytest.raises(MissingCapabilityError, match="auxiliary light source"):
            Chaos(testbed, testbed.link("metro")).dark_count_spike(rate_hz=5_000)


def test_two_processes_do_not_share_a_real_bench(lab: Lab) -> None:
    """The second one is told who has it."""
    file = lab.file()
    with Testbed.open(file, seed=1), pytest.raises(BenchError, match=f"in use: process {os.getpid()}"):
        Testbed.open(file, seed=2)
    Testbed.open(file, seed=3).close()


def test_the_last_undo_is_carried_out_first(lab: Lab, tmp_path: Path) -> None:
    """Two faults of one setting end where the first one found it, whoever heals them."""
    from hil.ports.spec import Undo

    bench = load(lab.file())
    log = tmp_path / "guardian.log"
    guardian = Guardian.start(bench, log=log)
    guardian.hold(1, [Undo("switch", "channel", 2), Undo("switch", "channel", 3)])
    guardian.hold(2, [Undo("switch", "channel", 4)])
    with pytest.raises(BenchError, match="does not guard nobody"):
        guardian.hold(3, [Undo("nobody", "channel", 1)])
    guardian.close()
    assert lab.channel == 4
    healed = [line.split()[-1] for line in log.read_text().splitlines() if "healed" in line]
    assert healed == ["4", "3", "2"]


def test_a_slow_device_has_the_time_its_slew_asks_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Healed step by step, for longer than a device's time box, while the switch and the light do not wait for it."""
    from hil.ports.spec import Undo
    from hil.testbed.guard import safe
    from hil.testbed.guard.journal import Held
    from hil.testbed.guard.ward import Ward, guarded

    bench = load(lab.file(stage_says='slew = "60 K/min"'))
    with Testbed.open(lab.file(), seed=1) as testbed:
        testbed.begin("warm")
        testbed.link("metro").up()
        testbed.device("stage").set_setpoint_c(32.0)
    monkeypatch.setattr(safe, "DEVICE_TIMEOUT_S", 0.5)
    lab.changes.clear()
    began_s = time.monotonic()
    undos = (Undo("stage", "setpoint_c", 30.0), Undo("switch", "channel", 1))
    outcome = Ward(bench, guarded(bench, ())).make_safe([Held(hold=1, fault="both", since=0.0, undos=undos)])
    assert outcome.troubles == []
    steps = [value for _, _, setting, value in lab.changes if setting == "setpoint_c"]
    assert steps == [31.0, 30.0]
    (healed_s,) = (at_s for at_s, _, setting, value in lab.changes if (setting, value) == ("channel", 1.0))
    assert healed_s - began_s < 1.0 < time.monotonic() - began_s
    assert lab.dark
