"""``hil doctor`` and the clocks of devices: who tells a date, what it is off by, and what is warned of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hil import discovery
from hil.bench import load, simulated_devices
from hil.bench.model import KmeDevice
from hil.cli import _probe, main
from hil.cli._device_clocks import HostTime, offset_of
from hil.clock import VirtualClock
from hil.device_sims.host import TwinHost
from hil.device_sims.serve import ServedBench
from hil.device_sims.world.time_of_day import OFFSET
from hil.keystores.embedded import EmbeddedKeyStore
from hil.ports.spec import DeviceSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


SHELF = Path(__file__).parents[1] / "contract" / "shelf.toml"
CLOCKS = {"alice": 0.0005, "bob": 0.0005, "bright": 0.0005, "pdu": 0.5, "pdu9258": 0.5, "websq": 0.0505}
"""Devices of the shelf with a clock, and the uncertainty in virtual time: half of the resolution, and of a line's period."""


class Served:
    """A bench of twins in virtual time, whose date is this machine's."""

    def __init__(self, bench: Any, clock: VirtualClock) -> None:
        self.bench, self.clock = bench, clock
        self.host = HostTime(clock)
        self.twins = TwinHost(bench, simulated_devices(bench, simulate=True), 5, clock, epoch=self.host.epoch)

    def offset(self, name: str) -> Any:
        """What doctor finds of one device."""
        at, declared = self.twins.addresses[name], self.bench.device[name]
        settings = DeviceSettings(name, at.resource, self.clock, data_resource=at.data_resource, declared=declared)
        driver = discovery.find("driver", declared.driver).build(settings)
        driver.open()
        try:
            return offset_of(driver, self.host)
        finally:
            driver.close()


@pytest.fixture(scope="module")
def shelf() -> Iterator[Served]:
    served = Served(load(SHELF, simulate=True), VirtualClock())
    with served.twins:
        yield served


class TestShelf:
    """Every instrument's own protocol."""

    @pytest.mark.parametrize(("name", "uncertainty_s"), CLOCKS.items())
    def test_a_clock_that_is_right_and_one_that_is_90_s_ahead(self, shelf: Served, name: str, uncertainty_s: float) -> None:
        """Found to the uncertainty stated; the one is not warned of, the other is."""
        right = shelf.offset(name)
        shelf.twins.control.inject(name, OFFSET, 90.0)
        ahead = shelf.offset(name)
        shelf.twins.control.inject(name, OFFSET, 0.0)
        assert right.uncertainty_s == pytest.approx(uncertainty_s, abs=1e-4)
        assert abs(right.offset_s) <= uncertainty_s + 1e-3
        assert not right.wrong
        assert abs(ahead.offset_s - 90.0) <= uncertainty_s + 1e-3
        assert ahead.wrong

    def test_the_others_tell_none(self, shelf: Served) -> None:
        """And are asked nothing that they do not know."""
        others = [name for name in shelf.twins.addresses if name not in CLOCKS]
        assert len(others) > 8
        assert [name for name in others if shelf.offset(name) is not None] == []


class TestPowerMeter:
    """The handheld one has a calendar, which can be set; its sibling on the network has none."""

    @pytest.fixture
    def served(self) -> Iterator[Callable[[str], Served]]:
        opened = []

        def serve(twin: str = "") -> Served:
            bench = load("metro-25km")
            meter = msgspec.structs.replace(bench.device["meter"], twin=twin)
            opened.append(Served(msgspec.structs.replace(bench, device={"meter": meter}, link={}), VirtualClock()))
            return opened[-1]

        yield serve
        for one in opened:
            one.twins.close()

    def test_of_the_pm100d(self, served: Callable[[str], Served]) -> None:
        """To half a second, right and 90 s behind."""
        meter = served("")
        assert abs(meter.offset("meter").offset_s) <= 0.5 + 1e-3
        meter.twins.control.inject("meter", OFFSET, -90.0)
        found = meter.offset("meter")
        assert (found.wrong, found.uncertainty_s) == (True, pytest.approx(0.5))
        assert abs(found.offset_s + 90.0) <= 0.5 + 1e-3

    def test_of_the_pm103e(self, served: Callable[[str], Served]) -> None:
        """It is not asked, and has no error afterwards."""
        meter = served("thorlabs-pm103e")
        assert meter.offset("meter") is None


def test_doctor_warns_of_a_wrong_clock_and_of_no_right_one(
    open_lab: Callable[[Path], AbstractContextManager[Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In real time, on devices that the bench file says are real; in the table and in JSON, and no reason to end with 10."""
    with open_lab(tmp_path) as lab:
        lab.host.world.epoch = HostTime(lab.host._clock).epoch
        lab.host.control.inject("bob", OFFSET, 90.0)
        assert main(["doctor", "--bench", str(lab.file())]) == 0
        table = capsys.readouterr().out
        assert main(["doctor", "--bench", str(lab.file()), "--json"]) == 0
        devices = {each["device"]: each for each in json.loads(capsys.readouterr().out)["devices"]}
    assert "bob: WARNING: clock +90.0" in table
    assert "alice: WARNING" not in table
    assert "no clock" in next(line for line in table.splitlines() if "stage" in line)
    assert (devices["bob"]["clock_wrong"], devices["alice"]["clock_wrong"]) == (True, False)
    assert devices["bob"]["clock_offset_s"] - devices["alice"]["clock_offset_s"] == pytest.approx(
        90.0, abs=devices["bob"]["clock_uncertainty_s"] + devices["alice"]["clock_uncertainty_s"] + 0.002
    )
    assert devices["stage"]["clock_offset_s"] is None


def test_a_key_management_entity(tmp_path: Path) -> None:
    """By the header Date, a second wide; a right one within it, one that is 90 s ahead found and warned of."""

    def store(path: Path, max_keys: int) -> EmbeddedKeyStore:
        return EmbeddedKeyStore(path, test=True, max_keys=max_keys)

    bench = load("metro-25km")
    with ServedBench(bench, 1, open_store=store) as served:
        at = served.addresses["kme_a"]
        files = {name: at[name] for name in ("ca_file", "certificate_file", "private_key_file")}
        declared = msgspec.structs.replace(bench.device["kme_a"], address=at["resource"], **files)
        assert isinstance(declared, KmeDevice)
        bench = msgspec.structs.replace(bench, device={**bench.device, "kme_a": declared})
        about = {"device": "kme_a", "role": "kme", "driver": "etsi014", "address": at["resource"], "simulated": False}
        right = _probe._kme(about, bench, declared)
        served.kmes["metro"].tell("a", "kme_clock_offset_s", 90.0)
        ahead = _probe._kme(about, bench, declared)
    assert not right.trouble
    assert right.clock_uncertainty_s is not None
    assert right.clock_offset_s is not None
    assert ahead.clock_offset_s is not None
    assert ahead.clock_uncertainty_s is not None
    assert right.clock_uncertainty_s >= 0.5
    assert abs(right.clock_offset_s) <= right.clock_uncertainty_s + 0.002
    assert not right.clock_wrong
    assert abs(ahead.clock_offset_s - 90.0) <= ahead.clock_uncertainty_s + 0.002
    assert ahead.clock_wrong
