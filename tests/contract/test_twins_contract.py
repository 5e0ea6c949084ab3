"""Every simulated device keeps the driver contract through the real driver, over real sockets and ptys."""

from __future__ import annotations

import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from hil import discovery
from hil.bench import envelope_of, load, simulated_devices
from hil.bench.model import KmeDevice
from hil.clock import VirtualClock
from hil.device_sims.host import TwinHost
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.suites.contracts.case import Papers, TwinPlug, papers_of
from hil.suites.contracts.driver_contract import DriverContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.model import Bench

PAPERS = tomllib.loads(Path(__file__).with_name("papers.toml").read_text(encoding="utf-8"))
SERIAL_LINES = ["tcp"] if sys.platform == "win32" else ["pty", "tcp"]


@cache
def _loaded(name: str) -> Bench:
    return load(name)


class OnTwin(DriverContract):
    """The contract of the driver of one device of the shipped bench, whose twin answers."""

    device: str
    bench_name = "metro-25km"
    twin = ""
    """The device's twin, where it is not the one that its bench file says."""

    @pytest.fixture
    def bench(self) -> Bench:
        bench = _loaded(self.bench_name)
        twin = self.twin or bench.device[self.device].twin
        changed = {**bench.device, self.device: msgspec.structs.replace(bench.device[self.device], twin=twin)}
        return msgspec.structs.replace(bench, device=changed)

    @pytest.fixture
    def spec(self, bench: Bench) -> DriverSpec:
        return discovery.find("driver", bench.device[self.device].driver)

    @pytest.fixture
    def serial_lines(self) -> str:
        return "tcp"

    @pytest.fixture
    def papers(self, bench: Bench) -> Papers:
        device = bench.device[self.device]
        return papers_of(PAPERS[device.twin or device.driver])

    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()

    @pytest.fixture
    def host(self, bench: Bench, serial_lines: str, clock: VirtualClock) -> Iterator[TwinHost]:
        with TwinHost(bench, [self.device], 5, clock, serial_lines=serial_lines) as host:
            yield host

    @pytest.fixture
    def plug(self, host: TwinHost) -> TwinPlug:
        return TwinPlug(host.control, self.device)

    @pytest.fixture
    def settings(self, bench: Bench, host: TwinHost, clock: VirtualClock) -> DeviceSettings:
        at, declared = host.addresses[self.device], bench.device[self.device]
        return DeviceSettings(
            self.device,
            at.resource,
            clock,
            data_resource=at.data_resource,
            envelope=envelope_of(declared),
            declared=declared,
        )


class OnSerialTwin(OnTwin):
    """A serial device, on a pty and behind a device server."""

    @pytest.fixture(params=SERIAL_LINES)
    def serial_lines(self, request: pytest.FixtureRequest) -> str:
        return request.param


class TestPowerMeterTwin(OnTwin):
    """thorlabs-pm100d."""

    device = "meter"


class TestAttenuatorTwin(OnSerialTwin):
    """ozoptics-dd100mc."""

    device = "voa"


class TestSwitchTwin(OnSerialTwin):
    """agiltron-ff1x4."""

    device = "switch"


class TestTemperatureControllerTwin(OnSerialTwin):
    """thorlabs-tc200."""

    device = "stage"


class TestTransmitterTwin(OnTwin):
    """reference-transceiver, transmitting."""

    device = "alice"


class TestReceiverTwin(OnTwin):
    """reference-transceiver, receiving."""

    device = "bob"


class TestBlackBoxTwin(OnTwin):
    """reference-transceiver that shows only keys and telemetry."""

    device = "bob"
    bench_name = "metro-25km-black-box"


class TestRepeaterTwin(OnTwin):
    """reference-repeater."""

    device = "middle"
    bench_name = "repeater-2"


class TestOldRepeaterTwin(TestRepeaterTwin):
    """reference-repeater-1x, behind the driver of the other."""

    twin = "reference-repeater-1x"


@pytest.mark.parametrize("bench_name", ["metro-25km", "metro-25km-black-box", "repeater-2"])
def test_every_device_of_the_shipped_benches_is_served_with_an_identity_its_bench_file_accepts(bench_name: str) -> None:
    """All but the KMEs have an address, and their firmware satisfies what the bench file pins."""
    from hil.testbed.pins import check_identity

    bench, clock = load(bench_name), VirtualClock()
    with TwinHost(bench, simulated_devices(bench), 5, clock) as host:
        assert set(host.addresses) == {name for name, device in bench.device.items() if not isinstance(device, KmeDevice)}
        for name, at in host.addresses.items():
            declared = bench.device[name]
            settings = DeviceSettings(name, at.resource, clock, data_resource=at.data_resource, declared=declared)
            driver = discovery.find("driver", declared.driver).build(settings)
            driver.open()
            try:
                check_identity(name, driver.identity(), declared.firmware, declared.serial)
            finally:
                driver.close()


def test_every_shipped_twin_is_bound_and_found_by_its_name() -> None:
    """A simulated device that nobody bound to the contract is not shipped; the pair of KMEs has tests of its own."""
    cases = [case for case in _leaves(OnTwin) if case.__name__.startswith("Test")]
    bound = {case.twin or load(case.bench_name).device[case.device].driver for case in cases}
    assert set(discovery.names("twin")) == bound | {"etsi014"} | set(_on_the_shelf())
    assert {discovery.find("twin", name).name for name in bound} == bound


def test_the_reference_page_lists_every_shipped_twin() -> None:
    """Names of the first table of docs/reference/simulated-devices.md are those that are found."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "simulated-devices.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, flags=re.MULTILINE)) == set(discovery.names("twin"))


def _on_the_shelf() -> list[str]:
    """Twins that test_shelf_contract.py binds."""
    shelf = load(Path(__file__).with_name("shelf.toml"))
    return [device.twin or device.driver for device in shelf.device.values()]


def _leaves(cls: type[OnTwin]) -> list[type[OnTwin]]:
    return [cls, *(leaf for child in cls.__subclasses__() for leaf in _leaves(child))]
