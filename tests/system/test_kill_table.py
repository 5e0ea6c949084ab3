"""The kill table: a run on a real bench is ended in seven ways at ten moments of a fault's life, in real processes.

Each time light is blocked, bias is off and every undo is carried out within two seconds, and what was moved has settled within
the time its driver declares: as the world behind the devices has it, which neither the run nor its guardian can tell anything.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copy
from typing import TYPE_CHECKING, Any

import pytest

from hil.bench import load
from hil.testbed.guard.journal import journals_of
from hil.testbed.guard.ward import guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    OpenLab = Callable[[Path], AbstractContextManager[Any]]

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs a system that tells when a process ends")

WITHIN_S = 2.0
"""Light, bias and undos."""
LEASE_S = 3.0
"""Of the test that hangs; the others have the usual one."""
SETTLES_S = 1.0
"""The stage: five of the time constants of 0.2 s that the bench file declares."""
AT_ONCE = 6
SETPOINT_C = 30.0

WAYS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "os._exit", "hang", "worker")
MOMENTS = (
    "before the plan",
    "planned",
    "handed over, not yet confirmed",
    "journalled, before the move",
    "in the move",
    "moved, not yet seen",
    "in the fault",
    "in the undo",
    "healed, not yet released",
    "in teardown",
)
CUT = {"in the move", "moved, not yet seen", "in the fault", "in the undo"}
"""Moments at which the switch stands dark, or is on its way."""

TEST = """
def test_life(bench, link, chaos, reached):
    link.up()
    with chaos.thermal_drift(delta_k=2.0):
        reached("before the plan")
        with chaos.fiber_cut():
            reached("in the fault")
"""


@dataclass
class Cell:
    """One way at one moment: seconds from the kill, or from the end of the lease of a test that hangs."""

    way: str
    moment: str
    blocked_s: float = float("inf")
    unbiased_s: float = float("inf")
    undone_s: float = float("inf")
    settled_s: float = float("inf")
    wrong: list[str] = field(default_factory=list)

    def judge(self) -> list[str]:
        """What is not as it should be."""
        wrong = list(self.wrong)
        for what, took_s in (("light", self.blocked_s), ("bias", self.unbiased_s), ("undo", self.undone_s)):
            if not took_s <= WITHIN_S:
                wrong.append(f"{what} after {took_s:.2f} s")
        if not self.settled_s <= SETTLES_S:
            wrong.append(f"settled {self.settled_s:.2f} s after its undo")
        return [f"{self.way}, {self.moment}: {each}" for each in wrong]


def run_cell(open_lab: OpenLab, folder: Path, way: str, moment: str, *, unguarded: bool = False) -> Cell:
    """One process from its start to its end, and what becomes of its bench."""
    project = folder / f"{WAYS.index(way)}-{MOMENTS.index(moment)}"
    project.mkdir()
    copy(Path(__file__).with_name("kill_table_conftest.py"), project / "conftest.py")
    (project / "test_life.py").write_text(TEST)
    (project / "pytest.ini").write_text("[pytest]\n")
    with open_lab(project) as lab, socket.socket(socket.AF_UNIX) as listener:
        # a path of a socket is short: relative to the folder the run stands in
        listener.bind(f"/tmp/hil-cell-{os.getpid()}-{project.name}")
        listener.listen()
        listener.settimeout(60.0)
        try:
            return _end_it(lab, project, listener, Cell(way, moment), unguarded=unguarded)
        finally:
            Path(listener.getsockname()).unlink()


def _end_it(lab: Any, project: Path, listener: socket.socket, cell: Cell, *, unguarded: bool) -> Cell:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "hil.plugin",
        f"--hil-bench={lab.file()}",
        "--hil-seed=1",
    ]
    command += [f"--hil-lease={LEASE_S:g} s"] if cell.way == "hang" else []
    command += ["-p", "xdist", "-n", "1", "--max-worker-restart=0"] if cell.way == "worker" else []
    cellular = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "CELL_MOMENT": cell.moment,
        "CELL_WAY": cell.way,
        "CELL_SOCKET": listener.getsockname(),
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with (project / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [*command, "test_life.py"],
            cwd=project,
            env=environment | cellular,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # a shell's background job ignores SIGINT, and its children would inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (takes no lock)
        )
    guardian = None
    try:
        told, _ = listener.accept()
        with told, told.makefile("rb") as said:
            there = json.loads(said.readline())
            guardian = os.pidfd_open(there["guardian"])
            if unguarded:
                os.kill(there["guardian"], signal.SIGKILL)
            ended_s = time.monotonic() + (LEASE_S if cell.way == "hang" else 0.0)
            if cell.way.startswith("SIG"):
                process.send_signal(getattr(signal, cell.way))
            elif cell.way == "worker":
                os.kill(there["pid"], signal.SIGKILL)
            _see_the_end(lab, cell, process, guardian)
        _measure(lab, cell, ended_s)
    except TimeoutError:
        cell.wrong.append(f"never got there:\n{(project / 'output.txt').read_text()[-2000:]}")
    finally:
        if guardian is not None:
            os.close(guardian)
        if process.poll() is None:
            process.kill()
            process.wait()
    return cell


def _see_the_end(lab: Any, cell: Cell, process: subprocess.Popen[bytes], guardian: int) -> None:
    """Nobody is left, nor anything to undo."""
    patience_s = 10.0 + (LEASE_S if cell.way == "hang" else 0.0)
    if not select.select([guardian], [], [], patience_s)[0]:
        cell.wrong.append("its guardian goes on")
    try:
        process.wait(20.0)
    except subprocess.TimeoutExpired:
        cell.wrong.append("its process goes on")
    if not lab.dark:
        cell.wrong.append("the bench is not dark in the end")
    bench = load(lab.file())
    if journals_of(Path(os.environ["HIL_STATE_DIR"]), guarded(bench, ()).values()):
        cell.wrong.append("its journal still holds an undo")


def _measure(lab: Any, cell: Cell, ended_s: float) -> None:
    """When the world changed to what it should be, by the notes that were taken of every change."""

    def after(at_s: float) -> float:
        return max(at_s - ended_s, 0.0)

    if lab.dark:
        cell.blocked_s = after(_light_ends_s(lab.changes))
        cell.unbiased_s = after(max(at_s for at_s, _, setting, value in lab.changes if (setting, value) == ("biased", 0.0)))
    undos_s = [at_s for at_s, _, setting, value in lab.changes if (setting, value) == ("setpoint_c", SETPOINT_C)]
    if lab.host.world.setpoint_c("stage") != SETPOINT_C or not undos_s:
        return
    if cell.moment in CUT:
        positions = [(at_s, value) for at_s, _, setting, value in lab.changes if setting == "channel"]
        cut = [value for _, value in positions].index(1.0) + 1
        undos_s += [at_s for at_s, value in positions[cut:] if value == 1.0][:1] or [float("inf")]
    cell.undone_s = after(max(undos_s))
    lab.settled.wait(2 * SETTLES_S)
    cell.settled_s = lab.settled_s


def _light_ends_s(changes: list[tuple[float, str, str, float]]) -> float:
    """The last moment at which light could pass."""
    emitting, channel, open_until_s = 0.0, 0.0, 0.0
    for at_s, _, setting, value in changes:
        if emitting and channel == 1.0:
            open_until_s = at_s
        emitting = value if setting == "emitting" else emitting
        channel = value if setting == "channel" else channel
    return open_until_s


def as_table(cells: list[Cell]) -> str:
    """Markdown: per way and moment the slowest of light, bias and undo, and how long the stage then took to settle."""
    by_key = {(cell.way, cell.moment): cell for cell in cells}
    lines = ["| moment | " + " | ".join(WAYS) + " |", "|---" * (len(WAYS) + 1) + "|"]
    for moment in MOMENTS:
        row = [by_key[way, moment] for way in WAYS]
        figures = [
            f"{cell.blocked_s:.2f} / {cell.unbiased_s:.2f} / {cell.undone_s:.2f} / {cell.settled_s:.2f}"
            + (" **!**" if cell.judge() else "")
            for cell in row
        ]
        lines.append(f"| {moment} | " + " | ".join(figures) + " |")
    return "\n".join(lines)


@pytest.mark.timeout(500)
def test_the_kill_table(open_lab: OpenLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seventy ends of a run, and each leaves a bench that is dark, without bias, and healed."""
    began_s = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tasks = [pool.submit(run_cell, open_lab, tmp_path, way, moment) for way in WAYS for moment in MOMENTS]
        cells = [task.result() for task in tasks]
    with capsys.disabled():
        print(f"\n\nSeconds until light / bias / undo, and then until settled; {time.monotonic() - began_s:.0f} s in all:\n")
        print(as_table(cells), "\n")
    wrong = [each for cell in cells for each in cell.judge()]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("moment", ["in the fault", "in teardown"])
def test_without_its_guardian_a_killed_run_is_seen_to_leave_the_bench_as_it_was(
    open_lab: OpenLab, tmp_path: Path, moment: str
) -> None:
    """The table can be red: nobody heals, and the same look at the world says so."""
    wrong = run_cell(open_lab, tmp_path, "SIGKILL", moment, unguarded=True).judge()
    assert any("bias after inf" in each for each in wrong), wrong
    assert any("the bench is not dark" in each for each in wrong), wrong
    if moment == "in the fault":
        assert any("undo after inf" in each for each in wrong), wrong
        assert any("journal still holds an undo" in each for each in wrong), wrong
