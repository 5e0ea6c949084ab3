"""Runs suites as a user does: a pytest process of its own, and the record it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hil.bench import load, shipped
from hil.clock import SystemClock
from hil.device_sims.host import TwinAddress, TwinHost
from hil.record.reader import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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

[link.metro]
protocol = "bb84-decoy"
parties = {{ a = "alice", b = "bob" }}
path = ["fibre", "switch"]
auxiliary = ["stage"]

[link.metro.fibre]
length = "25 km"
"""


class Lab:
    """Devices in this process, in real time, as a lab would have them: at loopback addresses that a bench file gives."""

    def __init__(self, host: TwinHost, folder: Path) -> None:
        self.host = host
        self.folder = folder

    def file(self, *, chaos: str = "allow") -> Path:
        """A bench file that says these devices are real."""
        path = self.folder / f"lab-{chaos}.toml"
        path.write_text(LAB.format(**self.host.addresses, chaos=chaos), encoding="utf-8")
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
def make_lab(tmp_path: Path) -> Iterator[Callable[[], Lab]]:
    """Labs of their own, each with other addresses, until the end of the test."""
    bench = load(_lab_file(tmp_path), simulate=True)
    numbers = iter(range(1000))
    with ExitStack() as stack:

        def make() -> Lab:
            folder = tmp_path / f"lab-{next(numbers)}"
            folder.mkdir()
            host = stack.enter_context(TwinHost(bench, list(bench.device), 5, SystemClock(), serial_lines="tcp"))
            return Lab(host, folder)

        yield make


@pytest.fixture
def lab(make_lab: Callable[[], Lab]) -> Lab:
    """One of them."""
    return make_lab()


def _lab_file(folder: Path) -> Path:
    """The lab's bench file without addresses, for its twins."""
    nowhere = {name: TwinAddress(name) for name in ("alice", "bob", "switch", "stage")}
    path = folder / "twins.toml"
    path.write_text(LAB.format(**nowhere, chaos="allow"), encoding="utf-8")
    return path
