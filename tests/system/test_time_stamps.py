"""Time stamps through the drivers: every click that the receiver counts in the gate, in virtual and in real time."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from hil import discovery
from hil.bench import load
from hil.clock import SystemClock, VirtualClock
from hil.device_sims.host import TwinHost
from hil.drivers import _idq_data_link
from hil.errors import DeviceUnreachableError, InstrumentError
from hil.ports.spec import DeviceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.clock import Clock

SHELF = Path(__file__).parents[1] / "contract" / "shelf.toml"
BENCH = load(SHELF)
TICKS_S = {"tdc1": 2e-9, "id900": 1e-12}
DARK_HZ, SIGMAS = 500.0, 4.9


def biased(name: str, clock: Clock) -> TwinHost:
    """One tagger on a receiver with its bias and no light; two of its four detectors have control units that give none."""
    host = TwinHost(BENCH, [name], 5, clock)
    host.world.set_biased("bob", clock.now_ns(), biased=True)
    return host


def opened(host: TwinHost, name: str, clock: Clock) -> Any:
    at, declared = host.addresses[name], BENCH.device[name]
    settings = DeviceSettings(name, at.resource, clock, data_resource=at.data_resource, declared=declared, timeout_s=20.0)
    driver = discovery.find("driver", declared.driver).build(settings)
    driver.open()
    return closing(driver)


@pytest.mark.parametrize("name", ["tdc1", "id900"])
def test_time_stamps_are_the_clicks_of_the_gate(name: str) -> None:
    """As many at each input as the receiver's counters gain between its beginning and its end, exactly, and in order."""
    clock = VirtualClock()
    with biased(name, clock) as host, opened(host, name, clock) as driver:
        clock.sleep(1.0)
        looks: list[tuple[int, ...]] = []
        for at_s in (1.0, 4.0):
            clock.call_at(round(at_s * 1e9), lambda: looks.append(host.world.counters("bob", clock.now_ns()).counts))
        clock.sleep(0.0)
        before = host.world.counters("bob", clock.now_ns()).counts
        tags = driver.time_tags(3.0)
        gained = np.subtract(looks[-1], before)
        assert np.bincount(tags.detector, minlength=4).tolist() == gained.tolist()
        assert abs(gained.sum() - 6.0 * DARK_HZ) < SIGMAS * (6.0 * DARK_HZ) ** 0.5
        assert float(tags.clock.tick_s) == TICKS_S[name]
        assert (tags.clock.name, tags.first, tags.end, tags.live_s, tags.lost) == (name, 0, round(3.0 / TICKS_S[name]), 3.0, 0)
        assert (np.diff(tags.ticks) >= 0).all()
        assert 0 <= tags.ticks[0] < tags.ticks[-1] < tags.end
        # spread over the gate: the mean of n uniform times has a standard deviation of 3 s / sqrt(12 n)
        mean_s = float(np.mean(tags.ticks)) * TICKS_S[name]
        assert abs(mean_s - 1.5) < SIGMAS * 3.0 / (12.0 * tags.ticks.size) ** 0.5
        assert max(driver.singles(1.0)) > 0
        again = driver.time_tags(0.05)
        assert again.ticks.size < tags.ticks.size


@pytest.mark.parametrize("name", ["tdc1", "id900"])
def test_on_a_real_clock_too(name: str) -> None:
    """Behind a pty and over ZMQ, as long as the gate takes; counted are those and what came until the looks at the counters."""
    clock = SystemClock()
    with biased(name, clock) as host, opened(host, name, clock) as driver:
        begun_ns, before = clock.now_ns(), host.world.counters("bob", clock.now_ns()).counts
        tags = driver.time_tags(0.3)
        assert clock.now_ns() - begun_ns >= 300_000_000
        gained = np.subtract(host.world.counters("bob", clock.now_ns()).counts, before)
        counted = np.bincount(tags.detector, minlength=4)
        assert (counted <= gained).all()
        assert abs(tags.ticks.size - 0.6 * DARK_HZ) < SIGMAS * (0.6 * DARK_HZ) ** 0.5


@pytest.fixture
def id900() -> Iterator[TwinHost]:
    with biased("id900", SystemClock()) as host:
        yield host


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_client_of_the_maker_streams_time_stamps(id900: TwinHost) -> None:
    """As in the maker's Timestamp_acquisition_stream: connected before the stream is, a message a record, gone at its stop."""
    at, port = id900.addresses["id900"], free_port()
    with (
        zmq.Context() as context,
        context.socket(zmq.PAIR) as stream,
        context.socket(zmq.REQ) as tc,
        context.socket(zmq.REQ) as dlt,
    ):
        for each in (stream, tc, dlt):
            each.rcvtimeo, each.linger = 20_000, 0
        monitor = stream.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        stream.connect(f"tcp://127.0.0.1:{port}")
        tc.connect(at.resource)
        dlt.connect(at.data_resource)

        def ask(client: Any, command: str) -> str:
            client.send_string(command)
            return str(client.recv().decode("utf-8"))

        assert json.loads(ask(dlt, "list")) == []
        answer = json.loads(ask(dlt, f"start-stream --channel 2 --address 127.0.0.1 --stream-port {port} --with-ref-index"))
        for command in ("RAW2:SEND ON", "REC:NUM 2", "REC:PWID 50000000000;PPER 60000000000", "REC:PLAY"):
            ask(tc, command)
        messages = [np.frombuffer(stream.recv(), dtype="<u8").reshape(-1, 2) for _ in range(2)]
        status = json.loads(ask(dlt, f"status --id {answer['id']}"))
        assert status["acquisitions_count"] == 2
        assert status["timestamps_count"] == sum(len(each) for each in messages)
        assert max(int(each[:, 0].max()) for each in messages) < 50_000_000_000
        json.loads(ask(dlt, f"stop --id {answer['id']}"))
        assert monitor.poll(20_000)
        assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
        for _ in range(5):  # its port is free at once
            assert json.loads(ask(dlt, f"start-stream --channel 2 --address 127.0.0.1 --stream-port {port}")) == answer
            ask(dlt, f"stop --id {answer['id']}")
        stream.disable_monitor()
        monitor.close()


def test_a_stream_port_that_is_taken_is_named(id900: TwinHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the service's own answer, and so by the driver's error; with free ones the next time stamps come."""
    clock = SystemClock()
    with opened(id900, "id900", clock) as driver:
        with socket.create_server(("127.0.0.1", 0)) as holder, monkeypatch.context() as patch:
            taken = holder.getsockname()[1]
            free = _idq_data_link._stream_port
            patch.setattr(_idq_data_link, "_stream_port", lambda host, channel: taken if channel == 2 else free(host, channel))
            with pytest.raises(InstrumentError, match=rf"start-stream.*port {taken}"):
                driver.time_tags(0.01)
        assert driver.time_tags(0.05).end == 50_000_000_000


def test_its_plug_ends_a_recording_and_it_comes_back() -> None:
    """Naming the device; after power-up the same driver reads time stamps."""
    clock = VirtualClock()
    with biased("id900", clock) as host, opened(host, "id900", clock) as driver:
        clock.call_at(500_000_000, lambda: host.control.unplug("id900"))
        with pytest.raises(DeviceUnreachableError, match="id900"):
            driver.time_tags(1.0)
        host.control.plug_in("id900")
        assert driver.time_tags(1.0).ticks.size > 500
