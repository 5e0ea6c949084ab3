"""Devices that answer after a while, or speak without being asked, on virtual and on real time; and devices without power."""

from __future__ import annotations

import select
import socket
import sys
import time
import types
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec
import pytest

from hil.bench import load
from hil.bench.model import PowerOutletDevice
from hil.clock import SystemClock, VirtualClock
from hil.device_sims.host import TwinHost
from hil.device_sims.spec import Endpoint, Later, Reply, TwinSpec
from hil.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECOND = 1_000_000_000


class Counting:
    """Answers ``counts?`` after 0.2 s with the times of question and answer; ``push`` starts a line every 0.1 s."""

    def received(self, data: bytes, now_ns: int) -> list[Reply | Later]:
        if data == b"counts?\n":
            return [Later(0.2, lambda then_ns: (b"%d %d\n" % (now_ns, then_ns), None))]
        return [Later(0.1, lambda then_ns: (b"%d\n" % then_ns, 0.1))]


class Talkative:
    """Says the time every 50 ms to whoever connects."""

    def opened(self, now_ns: int) -> list[Later]:
        return [Later(0.05, lambda then_ns: (b"%d\n" % (then_ns - now_ns), 0.05))]

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        return []


class Breaking:
    """Breaks down 10 ms after ``break``; answers anything else after 50 ms."""

    def received(self, data: bytes, now_ns: int) -> list[Later]:
        def make(then_ns: int) -> tuple[bytes, None]:
            if b"break" in data:
                raise ZeroDivisionError
            return b"%d\n" % then_ns, None

        return [Later(0.01 if b"break" in data else 0.05, make)]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TwinHost]]:
    """A host of metro-25km whose meter is one of the sessions above."""
    with ExitStack() as stack:

        def start(session: type, clock: VirtualClock | SystemClock, carrier: str = "tcp") -> TwinHost:
            endpoint = Endpoint("control", carrier, session)  # type: ignore[arg-type]
            module = types.ModuleType("late_twin")
            module.SPEC = TwinSpec("late", ("power-meter",), "late", lambda *_: (endpoint,), late=True)  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, "late_twin", module)
            bench = load("metro-25km")
            late = msgspec.structs.replace(bench.device["meter"], twin="late_twin:SPEC")
            outlet = PowerOutletDevice(driver="x", feeds=("meter",))
            bench = msgspec.structs.replace(bench, device={**bench.device, "meter": late, "pdu": outlet})
            return stack.enter_context(TwinHost(bench, ["meter", "alice"], 3, clock))

        yield start


def _connect(host: TwinHost, device: str = "meter") -> socket.socket:
    return socket.create_connection(("127.0.0.1", host.addresses[device].port), timeout=20)


def _line(client: socket.socket) -> list[int]:
    data = b""
    while not data.endswith(b"\n"):
        piece = client.recv(1)
        assert piece
        data += piece
    return [int(part) for part in data.split()]


def _is_silent(client: socket.socket) -> bool:
    """Nothing has come that was not read."""
    return not select.select([client], [], [], 0)[0]


@pytest.mark.parametrize("carrier", ["tcp", "pty"])
def test_virtual_time_waits_for_what_is_on_its_way(serve: Callable[..., TwinHost], carrier: str) -> None:
    """A question and a wait of just its integration time, 300 times: asked at that very time, answered at its end."""
    clock = VirtualClock()
    with _connect(serve(Counting, clock, carrier)) as client:
        for number in range(300):
            client.sendall(b"counts?\n")
            clock.sleep(0.2)
            assert _line(client) == [number * SECOND // 5, (number + 1) * SECOND // 5]


def test_a_device_that_speaks_by_itself_does_so_in_virtual_time(serve: Callable[..., TwinHost]) -> None:
    """A line every 100 ms of it while time passes, and none before."""
    clock = VirtualClock()
    with _connect(serve(Counting, clock)) as client:
        client.sendall(b"push\n")
        clock.sleep(0.55)
        assert [_line(client)[0] for _ in range(5)] == [number * SECOND // 10 for number in range(1, 6)]
        assert _is_silent(client)


def test_on_a_real_clock_it_takes_as_long_as_it_says(serve: Callable[..., TwinHost]) -> None:
    """From connection on a line each 50 ms of real time, none early."""
    began = time.monotonic()
    with _connect(serve(Talkative, SystemClock())) as client:
        times = [_line(client)[0] for _ in range(3)]
    assert time.monotonic() - began >= 0.15
    assert all(found >= number * SECOND // 20 for number, found in enumerate(times, 1))


def test_nothing_of_a_closed_connection_or_a_reset_world_is_said(serve: Callable[..., TwinHost]) -> None:
    """Promises of a client that left, or from before a power cycle, are void."""
    clock = VirtualClock()
    host = serve(Counting, clock)
    with _connect(host) as client:
        client.sendall(b"counts?\n")
        clock.sleep(0.1)
        host.power_cycle(4)
        clock.sleep(0.5)
        assert _is_silent(client)
    with _connect(host) as client:
        client.sendall(b"counts?\n")
    clock.sleep(1.0)


@pytest.mark.parametrize("clock", [VirtualClock(), SystemClock()], ids=["virtual", "real"])
def test_a_device_that_breaks_down_later_breaks_alone(
    serve: Callable[..., TwinHost], clock: VirtualClock | SystemClock, caplog: pytest.LogCaptureFixture
) -> None:
    """On either clock the error is logged with the device's name, and the connection begins anew."""
    with _connect(serve(Breaking, clock)) as client:
        client.sendall(b"break\n")
        clock.sleep(0.1)
        client.sendall(b"counts?\n")
        clock.sleep(0.1)
        assert _line(client)
    assert "meter: the simulated device broke down" in caplog.text


def test_a_device_whose_plug_is_pulled_is_gone_until_it_is_put_in_again(serve: Callable[..., TwinHost]) -> None:
    """Its connections break at once, new ones too; with power it answers; nobody else notices."""
    host = serve(Counting, VirtualClock())
    with _connect(host) as client, _connect(host, "alice") as other:
        host.control.unplug("meter")
        assert client.recv(10) == b""
        with _connect(host) as late:
            assert late.recv(10) == b""
        other.sendall(b"*IDN?\n")
        assert other.recv(10)
    host.control.plug_in("meter")
    with _connect(host) as client:
        client.sendall(b"push\n")
    with pytest.raises(UnknownNameError, match="meter"):
        host.control.unplug("metre")


def test_an_outlet_pulls_the_plug_of_what_it_feeds(serve: Callable[..., TwinHost]) -> None:
    """Through the world, as the twin of a power distribution unit would; a new test finds everything on again."""
    host = serve(Counting, VirtualClock())
    with _connect(host) as client:
        host.world.beside.set_powered("pdu", 0, powered=False)
        assert client.recv(10) == b""
    host.power_cycle(5)
    with _connect(host) as client:
        client.sendall(b"push\n")
        assert host.world.beside.powered("pdu")
