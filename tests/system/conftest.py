"""Runs suites as a user does: a pytest process of its own, and the record it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hil.bench import load, shipped
from hil.clock import SystemClock
from hil.device_sims.host import TwinAddress, TwinHost
from hil.record.reader import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hil.record.model import Record, VerdictEntry


_SUITES = ("conformance",)


@dataclass(frozen=True)
class Finished:
    """A run that is over: exit code, what it printed on both streams, the folder of its record."""

    code: int
    output: str
    folder: Path

    @property
    def record(self) -> Record:
        """Its record; fails with the output where there is none."""
        assert (self.folder / "record.json").is_file(), self.output
        return read_record(self.folder)

    def verdicts(self, indicator: str) -> list[VerdictEntry]:
        """The verdicts of one indicator, at least one."""
        found = [verdict for verdict in self.record.verdicts if verdict.indicator == indicator]
        assert found, f"no verdict of {indicator}:\n{self.output}"
        return found


@pytest.fixture
def hil_run(tmp_path: Path) -> Callable[..., Finished]:
    """``hil_run("conformance", "-k", "qber", bench="metro-25km", seed=7)`` in an empty folder."""
    counter = iter(range(1000))

    def run(
        *arguments: str,
        bench: str | Path = "metro-25km",
        seed: int = 7,
        suites: tuple[str, ...] = _SUITES,
        paths: tuple[Path, ...] = (),
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> Finished:
        number = next(counter)
        folder, working = tmp_path / f"record-{number}", cwd or tmp_path / f"cwd-{number}"
        working.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--hil-bench", str(bench), "--hil-seed", str(seed)]
        command += ["--hil-record", str(folder), *arguments]
        command += [str(path) for path in paths] or ["--pyargs", *(f"hil.suites.{suite}" for suite in suites)]
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}
        variables = plain | (environment or {})
        done = subprocess.run(command, cwd=working, env=variables, capture_output=True, text=True, timeout=500, check=False)
        return Finished(done.returncode, done.stdout + done.stderr, folder)

    return run


@pytest.fixture
def changed_bench(tmp_path: Path) -> Callable[..., Path]:
    """``changed_bench("[device.bob]", "misalignment = 0.06")``: metro-25km with lines added below a table's head."""

    def change(table: str, lines: str, *, replace: tuple[str, str] | None = None) -> Path:
        text = shipped()["metro-25km"].read_text(encoding="utf-8")
        assert f"\n{table}\n" in text
        text = text.replace(f"\n{table}\n", f"\n{table}\n{lines}\n")
        if replace is not None:
            assert replace[0] in text
            text = text.replace(*replace)
        path = tmp_path / "changed.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return change


LAB = """
[bench]
name = "lab"

[device.alice]
role = "transmitter"
driver = "reference-transceiver"
address = "{alice.resource}"
data_address = "{alice.data_resource}"
intensities = [0.55, 0.25, 2e-4]
intensity_probabilities = [0.4, 0.4, 0.2]
pulse_rate = "1 GHz"
key_basis_probability = 0.83

[device.bob]
role = "receiver"
driver = "reference-transceiver"
address = "{bob.resource}"
data_address = "{bob.data_resource}"
efficiency = 0.2
dark_count_rate = "60 cps"
dead_time = "50 ns"
key_basis_probability = 0.83

[device.switch]
role = "switch"
driver = "agiltron-ff1x4"
address = "{switch.resource}"
through_channel = 1
dark_channel = 4
chaos = "{chaos}"

[device.stage]
role = "temperature-controller"
driver = "thorlabs-tc200"
address = "{stage.resource}"
controls = "bob"
setpoint = "30 degC"
time_constant = "0.2 s"
chaos = "{chaos}"
{stage_says}

[link.metro]
protocol = "bb84-decoy"
parties = {{ a = "alice", b = "bob" }}
path = ["fibre", "switch"]
auxiliary = ["stage"]

[link.metro.fibre]
length = "25 km"
"""


_SETTLED_K = 0.2
"""What the fault tolerates when it judges its own healing (hil.faults.thermal_drift)."""
_LOOK_S = 0.01


class Lab:
    """Devices in this process, in real time, as a lab would have them: at loopback addresses that a bench file gives."""

    def __init__(self, host: TwinHost, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.changes: list[tuple[float, str, str, float]] = []
        """What changed in the world: when (time.monotonic), device, setting, value."""
        self.settled = threading.Event()
        self.settled_s = float("inf")
        """From the last change of the stage's set point until its temperature is there."""
        self._closed = threading.Event()
        self._changed = threading.Condition()
        change = host.world._change

        def noted(device: str, setting: str, value: float, now_ns: int) -> None:
            if float(host.world.standing(device, setting)) != float(value):
                self.changes.append((time.monotonic(), device, setting, float(value)))
            change(device, setting, value, now_ns)
            with self._changed:
                self._changed.notify_all()
            if setting == "setpoint_c":
                threading.Thread(target=self._settle, args=(device, value), daemon=True).start()

        host.world._change = noted  # type: ignore[method-assign]

    def wait_until_dark(self, within_s: float) -> bool:
        """Whether it became dark in that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.dark, within_s)

    def close(self) -> None:
        """Nobody looks any more."""
        self._closed.set()

    def _settle(self, device: str, setpoint_c: float) -> None:
        began_s = time.monotonic()
        self.settled.clear()
        while self.host.world.setpoint_c(device) == setpoint_c and not self._closed.wait(_LOOK_S):
            if abs(self.host.world.temperature_c(device, self.host.now_ns()) - setpoint_c) <= _SETTLED_K:
                self.settled_s = time.monotonic() - began_s
                self.settled.set()
                return

    def file(self, *, chaos: str = "allow", stage_says: str = "") -> Path:
        """A bench file that says these devices are real; ``stage_says`` is a line more of the stage's table."""
        path = self.folder / f"lab-{chaos}.toml"
        path.write_text(LAB.format(**self.host.addresses, chaos=chaos, stage_says=stage_says), encoding="utf-8")
        return path

    def stands(self, device: str, setting: str) -> float:
        """A setting as the world has it now, whatever the device would say."""
        return float(self.host.world.standing(device, setting))

    @property
    def channel(self) -> int:
        """Of the switch: 1 passes the link, 4 is dark."""
        return self.host.world.switch_channel("switch", self.host.now_ns())

    @property
    def dark(self) -> bool:
        """Whether light is off and blocked, and bias off."""
        return not self.stands("alice", "emitting") and not self.stands("bob", "biased") and self.channel == 4


@pytest.fixture
def open_lab(tmp_path: Path) -> Callable[[Path], AbstractContextManager[Lab]]:
    """Labs of their own, each with other addresses and with its bench file in that folder, until their context ends."""
    bench = load(_lab_file(tmp_path), simulate=True)

    @contextmanager
    def opened(folder: Path) -> Iterator[Lab]:
        with TwinHost(bench, list(bench.device), 5, SystemClock(), serial_lines="tcp") as host:
            lab = Lab(host, folder)
            try:
                yield lab
            finally:
                lab.close()

    return opened


@pytest.fixture
def lab(open_lab: Callable[[Path], AbstractContextManager[Lab]], tmp_path: Path) -> Iterator[Lab]:
    """One of them."""
    with open_lab(tmp_path) as lab:
        yield lab


def _lab_file(folder: Path) -> Path:
    """The lab's bench file without addresses, for its twins."""
    nowhere = {name: TwinAddress(name) for name in ("alice", "bob", "switch", "stage")}
    path = folder / "twins.toml"
    path.write_text(LAB.format(**nowhere, chaos="allow", stage_says=""), encoding="utf-8")
    return path
