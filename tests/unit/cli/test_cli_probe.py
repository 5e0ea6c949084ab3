"""What `hil doctor` finds of one device: a driver made here, whose errors, clock and speed are known."""

from __future__ import annotations

import logging
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hil import discovery
from hil.bench import load
from hil.cli import _probe
from hil.ports.identity import Capabilities, Identity

if TYPE_CHECKING:
    from pathlib import Path

    from hil.ports.spec import DeviceSettings

TAKES_MS = (1.0, 2.0, 3.0, 40.0, 500.0)
"""So long each question after the first; the middle one is 3 ms, their mean 109 ms."""
FAST_PPM = 20.0


class Odd:
    """An attenuator with something in its error queue and a clock that runs fast."""

    capabilities = Capabilities()

    def __init__(self, settings: DeviceSettings, now_s: list[float]) -> None:
        self.name, self._clock, self._now_s = settings.name, settings.clock, now_s
        self._takes_ms = [0.0, *TAKES_MS]

    def open(self) -> None:
        logging.getLogger("hil.drivers.odd").warning("%s: errors from before we came: -222", self.name)

    def close(self) -> None:
        """Nothing is held."""

    def identity(self) -> Identity:
        self._now_s[0] += 1e-3 * self._takes_ms.pop(0)
        return Identity("Maker", "M", "7", "1.2")

    def device_time_ns(self) -> int:
        return round(self._clock.now_ns() * (1.0 + 1e-6 * FAST_PPM))


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> _probe.Probe:
    """Of a bench whose other devices are twins."""
    now_s = [0.0]

    def find(kind: str, name: str) -> Any:
        if (kind, name) != ("driver", "ozoptics-dd100mc"):
            return discovery.find(kind, name)
        return SimpleNamespace(build=lambda settings: Odd(settings, now_s))

    monkeypatch.setattr(_probe, "find", find)
    monkeypatch.setattr(_probe.time, "perf_counter", lambda: now_s[0])
    probes = _probe.probe_bench(load("metro-25km"), simulate=True, recording=None)
    return next(probe for probe in probes if probe.device == "voa")


def test_what_it_says_of_a_device(odd: _probe.Probe) -> None:
    """Its errors in its own words, the median of five questions, and its clock in millionths."""
    assert odd.reachable
    assert not odd.trouble
    assert odd.errors == ("voa: errors from before we came: -222",)
    assert odd.latency_ms == pytest.approx(3.0)
    assert odd.clock_skew_ppm == pytest.approx(FAST_PPM, abs=0.01)
    assert odd.clock_skew_uncertainty_ppm == 0.0  # in virtual time a question takes none
    assert odd.firmware == "1.2"


def test_a_clock_rate_is_known_as_well_as_the_answers_are_quick() -> None:
    """Two answers that take 20 ms each say a rate to 20 ms in 1.02 s: 19,608 ppm, whatever the middle says."""
    now_ns = [0]

    def tell() -> int:
        now_ns[0] += 20_000_000
        return now_ns[0] - 10_000_000

    clock = SimpleNamespace(now_ns=lambda: now_ns[0], sleep=lambda s: now_ns.__setitem__(0, now_ns[0] + round(1e9 * s)))
    found = _probe._clock_skew(SimpleNamespace(device_time_ns=tell), clock)  # type: ignore[arg-type]
    assert found == {"clock_skew_ppm": 0.0, "clock_skew_uncertainty_ppm": pytest.approx(19_607.843)}


@pytest.mark.parametrize("allowed", [True, False])
def test_a_serial_line_that_nobody_lets_us_have(allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one, the groups that own such lines, and a udev rule; nothing where we may, or where nothing is."""
    line = tmp_path / "usb-OZ_DD100-if00"
    line.touch()
    monkeypatch.setattr(os, "access", lambda *_: allowed)
    said = _probe._permissions(f"ASRL{line}::INSTR")
    assert bool(said) is not allowed
    assert allowed or (str(line) in said and "dialout" in said and 'SUBSYSTEM=="tty"' in said)
    assert _probe._permissions(f"ASRL{line}-gone::INSTR") == ""
    assert _probe._permissions("TCPIP::lab::5025::SOCKET") == ""


def test_permissions_are_in_what_doctor_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each device."""
    monkeypatch.setattr(_probe, "_permissions", lambda resource: f"none for {resource}")
    probes = list(_probe.probe_bench(load("metro-25km"), simulate=True, recording=None))
    assert [probe.permissions for probe in probes] == [f"none for {probe.address}" for probe in probes]
