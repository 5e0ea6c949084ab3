"""A project of a user's own, whose bench opens without devices: the plugin is tested, not the testbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np  # noqa: F401  (runs in this process forget what they import, and numpy cannot be loaded twice)
import pytest

import hil.plugin.activation  # noqa: F401  (the same, for speed)
from hil.discovery import find, names
from hil.record.reader import read_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.record.model import Record

for _reporter in names("reporter"):
    find("reporter", _reporter)

FAKE = '''
import pytest
from types import SimpleNamespace
from hil.clock import VirtualClock
from hil.errors import BenchError, HealingError
from hil.ports.identity import Identity
from hil.testbed.guard.pulse import Pulse

class FakeBench:
    """What the plugin needs of an opened bench."""

    def __init__(self, bench, seed, log):
        self.bench, self.name, self.seed, self.log = bench, bench.bench.name, seed, log
        self.clock, self.case, self.said = VirtualClock(), "", []
        self.identities = {"alice": Identity("Maker", "Model", "7", "2.4.1")}
        self.devices = {}
        self.trouble = None
        self.pulse = Pulse()

    def begin(self, case):
        self.case = case
        self.pulse.watch()
        self.clock.reset()

    def end(self):
        self.case = ""
        if self.trouble:
            raise HealingError(self.trouble)

    def interrupt(self):
        self.said.append("interrupted")

    def close(self):
        with open("closed.txt", "a") as file:
            file.write(f"{self.name}\\n")

    def link(self, name):
        receiver = SimpleNamespace(name="bob", detectors=("z0", "z1", "x0", "x1"))
        return SimpleNamespace(name=name, testbed=self, transmitter=SimpleNamespace(name="alice"), receiver=receiver)

    def save_series(self, link, series):
        self.said.append((link, series))

def pytest_hil_make_bench(config, bench, seed, log):
    with open("opened.txt", "a") as file:
        file.write(f"{bench.bench.name}\\n")
    return FakeBench(bench, seed, log)
'''

REAL = """
[bench]
name = "rack"
[device.meter]
role = "power-meter"
driver = "thorlabs-pm100d"
address = "TCPIP::192.0.2.1::2000::SOCKET"
[device.voa]
role = "attenuator"
driver = "ozoptics-dd100mc"
address = "TCPIP::192.0.2.1::2001::SOCKET"
attenuation = "3 dB"
"""


class Project:
    """A folder with tests in it, run as a user runs them."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path: Path = pytester.path
        pytester.makeconftest(FAKE)
        pytester.makeini("[pytest]\n")

    def write(self, source: str, name: str = "test_link.py") -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"import pytest\nfrom hil.errors import *\n{source}", encoding="utf-8")

    def run(self, *arguments: str, bench: str = "metro-25km") -> pytest.RunResult:
        """In this process."""
        return self.pytester.runpytest_inprocess(*self._with(bench, arguments))

    def spawn(self, *arguments: str, bench: str = "metro-25km") -> pytest.RunResult:
        """In a process of its own."""
        return self.pytester.runpytest_subprocess(*self._with(bench, arguments))

    def _with(self, bench: str, arguments: tuple[str, ...]) -> list[str]:
        quiet = [part for name in ("benchmark", "hypothesispytest", "cacheprovider") for part in ("-p", f"no:{name}")]
        return [*quiet, *(["--hil-bench", bench] if bench else []), *arguments]

    @property
    def record(self) -> Record:
        return read_record("latest", self.path / ".hil")

    def outcomes(self) -> dict[str, str]:
        """Outcome by case id."""
        return {test.case: test.outcome.value for test in self.record.tests}

    def opened(self) -> list[str]:
        file = self.path / "opened.txt"
        return file.read_text().split() if file.exists() else []

    def real_bench(self, extra: str = "") -> str:
        """A bench file with real addresses; nothing answers there, as nobody asks."""
        file = self.path / "rack.toml"
        file.write_text(REAL + extra, encoding="utf-8")
        return str(file)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("BENCH", "SIMULATE", "SEED", "RECORD", "RECORDING"):
        monkeypatch.delenv(f"HIL_{name}", raising=False)
    return Project(pytester)


@pytest.fixture
def text() -> Callable[[pytest.RunResult], str]:
    """Everything a run printed."""

    def said(result: Any) -> str:
        return "\n".join([*result.outlines, *result.errlines])

    return said
