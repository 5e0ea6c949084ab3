"""A device behind ZMQ requests: any number of clients, its plug pulled, and counts of the world in virtual and in real time."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zmq

from hil import discovery
from hil.bench import load
from hil.clock import SystemClock, VirtualClock
from hil.device_sims.host import TwinHost
from hil.errors import DeviceUnreachableError, UsageError
from hil.ports.spec import DeviceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELF = Path(__file__).parents[1] / "contract" / "shelf.toml"
DARK_HZ, SIGMAS = 500.0, 4.9


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def host(clock: VirtualClock) -> Iterator[TwinHost]:
    with TwinHost(load(SHELF), ["id900"], 5, clock) as twin:
        twin.world.set_biased("bob", 0, biased=True)
        yield twin


def opened(host: TwinHost, clock: Any) -> Any:
    settings = DeviceSettings("id900", host.addresses["id900"].resource, clock, timeout_s=10.0)
    driver = discovery.find("driver", "idq-id900").build(settings)
    driver.open()
    return closing(driver)


def test_counts_what_the_receiver_counts(host: TwinHost, clock: VirtualClock) -> None:
    """In virtual time exactly its own counters' gain over the gate; two detectors of the shelf have no bias."""
    with opened(host, clock) as driver:
        before = host.world.counters("bob", clock.now_ns()).counts
        singles = driver.singles(4.0)
        after = host.world.counters("bob", clock.now_ns()).counts
        assert clock.now_ns() == 4_000_000_000
        assert singles == tuple(int(now - was) for now, was in zip(after, before, strict=True))
        assert abs(singles[1] - 4.0 * DARK_HZ) < SIGMAS * (4.0 * DARK_HZ) ** 0.5
        found = driver.coincidences(2.0)
        assert list(found) == [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
        assert max(found.values()) < 3  # 500 Hz x 500 Hz x 2 ns x 2 s is 1e-3


def test_on_a_real_clock_it_counts_for_its_gate() -> None:
    clock = SystemClock()
    with TwinHost(load(SHELF), ["id900"], 5, clock) as host, opened(host, clock) as driver:
        host.world.set_biased("bob", clock.now_ns(), biased=True)
        begun_ns = clock.now_ns()
        counted = driver.singles(0.2)
        assert clock.now_ns() - begun_ns >= 200_000_000
        assert 0 < counted[1] < 100 + SIGMAS * 10


def test_clients_do_not_disturb_each_other(host: TwinHost) -> None:
    """Ten at once, one that leaves without its answer, and one that speaks no ZMQ: every reply is its own request's."""
    resource = host.addresses["id900"].resource
    answers: list[list[str]] = []

    def converse(number: int) -> None:
        with zmq.Context() as context, context.socket(zmq.REQ) as client:
            client.rcvtimeo, client.linger = 20_000, 0
            client.connect(resource)
            told = []
            for step in range(50):
                client.send_string(f"DELA1:VALU {100 * number + step}")
                told.append(client.recv_string())
            answers.append(told == [f"Value set to {100 * number + step}TB" for step in range(50)])  # type: ignore[arg-type]

    with zmq.Context() as context, context.socket(zmq.REQ) as rude:
        rude.linger = 0
        rude.connect(resource)
        rude.send_string("INPU1:COUN?")
    threads = [threading.Thread(target=converse, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 10


def test_its_plug_is_noticed_at_once_and_it_comes_back(host: TwinHost, clock: VirtualClock) -> None:
    """The next question fails naming the device, long before its timeout; after power-up the same driver is answered."""
    with opened(host, clock) as driver:
        assert driver.identity().model == "ID900"
        host.control.unplug("id900")
        measured = SystemClock()
        with pytest.raises(DeviceUnreachableError, match="id900"):
            driver.singles(1.0)
        assert measured.now_ns() < 8_000_000_000
        host.control.plug_in("id900")
        assert driver.identity().model == "ID900"


def test_without_pyzmq_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, clock: VirtualClock) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zmq", None)
    driver = discovery.find("driver", "idq-id900").build(DeviceSettings("id900", "tcp://127.0.0.1:1", clock))
    with pytest.raises(UsageError, match=r"qkd-hil\[zmq\]"):
        driver.open()
    with pytest.raises(UsageError, match=r"qkd-hil\[zmq\]"):
        TwinHost(load(SHELF), ["id900"], 5, clock)


def test_addresses_of_another_kind_are_refused(clock: VirtualClock) -> None:
    with pytest.raises(UsageError, match="expected tcp://HOST:PORT"):
        discovery.find("driver", "idq-id900").build(DeviceSettings("id900", "TCPIP::127.0.0.1::1::SOCKET", clock))
