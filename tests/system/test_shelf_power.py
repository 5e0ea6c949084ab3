"""A power distribution unit over HTTP: what it feeds loses its power, says so as a bench error, and comes back."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from hil import discovery
from hil.bench import load
from hil.clock import VirtualClock
from hil.device_sims.host import TwinHost
from hil.errors import BenchError, DeviceUnreachableError, InstrumentError, UsageError
from hil.ports.spec import DeviceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.model import Bench

SHELF = Path(__file__).parents[1] / "contract" / "shelf.toml"


@pytest.fixture
def bench() -> Bench:
    return load(SHELF)


@pytest.fixture
def twin(bench: Bench) -> Iterator[TwinHost]:
    with TwinHost(bench, ["pdu", "polatis", "ldc500"], 5, VirtualClock()) as host:
        yield host


def opened(host: TwinHost, bench: Bench, name: str, **declared: Any) -> Any:
    device = replace(bench.device[name], **declared)
    settings = DeviceSettings(name, host.addresses[name].resource, host._clock, declared=device)
    driver = discovery.find("driver", device.driver).build(settings)
    driver.open()
    return closing(driver)


def test_a_device_without_power_is_a_bench_error_with_its_name(twin: TwinHost, bench: Bench) -> None:
    """The switch is gone at once, its neighbour is not; with power it answers, on the channel its motor stood at."""
    with opened(twin, bench, "pdu") as outlet, opened(twin, bench, "ldc500") as laser:
        with opened(twin, bench, "polatis") as switch:
            twin._clock.sleep(5.0)
            switch.select(5)
            assert outlet.powered()
            outlet.set_powered(powered=False)
            assert not outlet.powered()
            with pytest.raises(BenchError, match="polatis"):
                switch.channel()
            assert not laser.emitting()
        with pytest.raises(DeviceUnreachableError, match="polatis"), opened(twin, bench, "polatis"):
            pass
        outlet.set_powered(powered=True)
        with opened(twin, bench, "polatis") as switch:
            assert switch.channel() == 5


def test_a_wrong_password_and_a_wrong_outlet_are_said(twin: TwinHost, bench: Bench, tmp_path: Path) -> None:
    """Before anything is switched, and without showing the password."""
    secret = tmp_path / "password"
    secret.write_text("very-secret-word\n", encoding="utf-8")
    with pytest.raises(InstrumentError, match="refuses our user and password") as refused:
        opened(twin, bench, "pdu", password_file=str(secret))
    assert "very-secret-word" not in str(refused.value)
    with pytest.raises(UsageError, match="outlet 7; the unit has outlets 1 to 4"):
        opened(twin, bench, "pdu", outlet=7)


def test_what_is_no_request_is_refused_and_disturbs_nobody(twin: TwinHost, bench: Bench) -> None:
    """Garbage, a page that is not there, and requests on one kept connection."""
    at = twin.addresses["pdu"]
    connection = http.client.HTTPConnection(at.host, at.port, timeout=20)
    with closing(connection), opened(twin, bench, "pdu") as outlet:
        for path, status in (("/", 401), ("/set.cmd?cmd=getpower", 401)):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == status
            response.read()
        garbage = http.client.HTTPConnection(at.host, at.port, timeout=20)
        with closing(garbage):
            garbage.connect()
            garbage.sock.sendall(b"\x00\x01 nonsense\r\n\r\n")
            assert garbage.sock.recv(100).startswith(b"HTTP/1.1 400")
        assert outlet.powered()


@pytest.mark.filterwarnings("ignore:'xdrlib' is deprecated:DeprecationWarning")
def test_qmi_switches_it_too(twin: TwinHost) -> None:
    """QMI's IPPower9850, given the port that its address cannot carry."""
    from qmi.core.context import QMI_Context
    from qmi.instruments.aviosys import Aviosys_IpPower9850
    from qmi.instruments.aviosys.ippower import PowerSocket, PowerState

    context = QMI_Context("power")
    context.start()
    unit = Aviosys_IpPower9850(context, "pdu", "127.0.0.1")
    unit._baseurl = twin.addresses["pdu"].resource
    try:
        unit.open()
        assert unit.get_idn().version == "V1.55"
        assert unit.set_state(PowerSocket.P2, PowerState.OFF)
        assert not twin.world.beside.powered("pdu")
        assert unit.get_all_states()[PowerSocket.P1] is PowerState.ON
        assert unit.set_all_on()
        assert twin.world.beside.powered("pdu")
        unit.close()
    finally:
        context.stop()
