"""Every instrument of the shelf keeps the driver contract through its own driver, over real sockets and ptys."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil import discovery
from hil.bench import envelope_of, load
from hil.clock import VirtualClock
from hil.device_sims.host import TwinHost
from hil.errors import EnvelopeError
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.suites.contracts.case import Papers, TwinPlug, papers_of
from hil.suites.contracts.driver_contract import DriverContract

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELF = Path(__file__).with_name("shelf.toml")
PAPERS = tomllib.loads(Path(__file__).with_name("papers.toml").read_text(encoding="utf-8"))
OTHERS = {"alice", "bob", "bright"}
BENCH = load(SHELF)
INSTRUMENTS = sorted(set(BENCH.device) - OTHERS)
SERIAL_LINES = "tcp" if sys.platform == "win32" else "pty"


class TestShelf(DriverContract):
    """One instrument after the other."""

    @pytest.fixture(params=INSTRUMENTS)
    def instrument(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def spec(self, instrument: str) -> DriverSpec:
        found: DriverSpec = discovery.find("driver", BENCH.device[instrument].driver)
        return found

    @pytest.fixture
    def papers(self, instrument: str) -> Papers:
        device = BENCH.device[instrument]
        name, role = device.twin or device.driver, device.__struct_config__.tag
        return papers_of(PAPERS.get(f"{name} {role}") or PAPERS[name])

    @pytest.fixture
    def host(self, instrument: str, clock: VirtualClock) -> Iterator[TwinHost]:
        with TwinHost(BENCH, [instrument], 5, clock, serial_lines=SERIAL_LINES) as host:
            host.world.set_biased("bob", 0, biased=True)  # dark counts, for what counts
            host.world.start_block("bob", 0)  # loads what samples clicks, which takes longer than drivers here wait
            host.world.stop_block("bob", 0)
            yield host

    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()

    @pytest.fixture
    def plug(self, host: TwinHost, instrument: str) -> TwinPlug:
        return TwinPlug(host.control, instrument)

    @pytest.fixture
    def settings(self, instrument: str, host: TwinHost, clock: VirtualClock) -> DeviceSettings:
        at, declared = host.addresses[instrument], BENCH.device[instrument]
        return DeviceSettings(
            instrument,
            at.resource,
            clock,
            data_resource=at.data_resource,
            envelope=envelope_of(declared),
            declared=declared,
        )


def test_a_laser_is_never_driven_beyond_its_diodes_limit() -> None:
    """Also where the envelope would allow more, the bench file's limit holds: in the setter and in the device."""
    bench, clock = BENCH, VirtualClock()
    with TwinHost(bench, ["ldc500"], 5, clock) as host:
        declared = bench.device["ldc500"]
        settings = DeviceSettings(
            "ldc500", host.addresses["ldc500"].resource, clock, envelope={"current_a": (0.0, 0.2)}, declared=declared
        )
        laser = discovery.find("driver", declared.driver).build(settings)
        laser.open()
        with pytest.raises(EnvelopeError, match=r"0\.07"):
            laser.set_current_a(0.07)
        laser.close()
