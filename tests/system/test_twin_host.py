"""A bench's simulated devices behind real sockets and ptys: served together, disturbed by nobody, gone without a trace."""

from __future__ import annotations

import gc
import os
import re
import socket
import struct
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
import serial

from hil import discovery
from hil.bench import load, simulated_devices
from hil.clock import SystemClock, VirtualClock
from hil.device_sims.host import TwinHost
from hil.device_sims.spec import Endpoint, Reply, TwinSpec
from hil.errors import BenchError, UnknownNameError, UsageError
from hil.ports.spec import DeviceSettings
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.bench.model import Bench
    from hil.clock import Clock

needs_ptys = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ptys")
ALL = {"alice", "bob", "voa", "switch", "meter", "stage"}


class Client:
    """A plain socket or serial line that reads up to what it waits for; 20 s without it fail the test."""

    def __init__(self, read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
        self._read = read
        self.write = write
        self._have = b""

    def until(self, end: bytes) -> bytes:
        while end not in self._have:
            data = self._read()
            assert data, f"nothing more came after {self._have[-80:]!r}"
            self._have += data
        reply, self._have = self._have[: self._have.index(end) + len(end)], self._have[self._have.index(end) + len(end) :]
        return reply

    def ask(self, request: bytes, end: bytes = b"\n") -> bytes:
        self.write(request)
        return self.until(end)


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(held: ExitStack) -> Callable[..., TwinHost]:
    """Starts a host of all twins of a bench."""

    def start(clock: Clock | None = None, bench: Bench | None = None, **options: object) -> TwinHost:
        bench = bench or load("metro-25km")
        options = {"devices": simulated_devices(bench), "seed": 3, **options}
        return held.enter_context(TwinHost(bench, clock=clock or VirtualClock(), **options))

    return start


@pytest.fixture
def on_socket(held: ExitStack) -> Callable[[int], Client]:
    def connect(port: int) -> Client:
        connection = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        return Client(lambda: connection.recv(1 << 16), connection.sendall)

    return connect


@pytest.fixture
def on_line(held: ExitStack) -> Callable[[str], Client]:
    def connect(path: str) -> Client:
        line = held.enter_context(serial.Serial(path, 9600, timeout=20, exclusive=True))
        return Client(lambda: line.read(line.in_waiting or 1), line.write)

    return connect


def descriptors() -> set[str]:
    """What this process holds open."""
    return {f"{fd.name} {fd.readlink()}" for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()}


class TestLeavesNothing:
    """After close, and after a start that failed."""

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to list open files")
    def test_no_thread_port_pty_or_file(self) -> None:
        """With clients still connected, half a request said, and a reply still to come."""
        threads, files = set(threading.enumerate()), descriptors()
        host = TwinHost(load("metro-25km"), ALL, 3, SystemClock())
        assert set(host.addresses) == ALL
        port = host.addresses["meter"].port
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"*OPC?\nSYST:")
            assert client.recv(10) == b"1\n"
            line = os.open(host.addresses["voa"].path, os.O_RDWR | os.O_NOCTTY)
            os.write(line, b"A60\r")
            host.close()
            host.close()
            assert client.recv(10) == b""
            os.close(line)
        assert set(threading.enumerate()) == threads
        assert descriptors() == files
        with closing(socket.create_server(("127.0.0.1", port))):
            pass

    def test_no_connection_that_was_just_arriving(self) -> None:
        """Closing a host while clients connect leaves no socket behind, whatever stage their connection has come to."""
        bench = load("metro-25km")
        for _ in range(30):
            host = TwinHost(bench, {"meter"}, 3, VirtualClock())
            port = host.addresses["meter"].port
            with ExitStack() as clients:
                for _ in range(8):
                    clients.enter_context(socket.create_connection(("127.0.0.1", port)))
                host.close()
            gc.collect()  # an unclosed socket warns, and a warning is an error

    def test_a_port_in_use_is_one_error_with_device_and_port_and_what_was_begun_is_undone(self) -> None:
        threads = set(threading.enumerate())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(BenchError, match=rf"meter: port {port} of 127.0.0.1 is in use"):
                TwinHost(load("metro-25km"), ALL, 3, VirtualClock(), ports={"meter": port})
        assert set(threading.enumerate()) == threads


def _free_ports() -> tuple[int, int]:
    """Two that nobody has, below those that the system gives away: such a one another test may take at once."""
    for port in range(15_000 + os.getpid() % 8_000, 30_000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
            return port, port + 1
    raise AssertionError("no free port below 30000")


class TestStarting:
    """What is served, where, and what cannot be."""

    def test_ports_can_be_given(self, serve) -> None:
        control, data = _free_ports()
        at = serve(ports={"alice": control, "alice.data": data}).addresses["alice"]
        assert at.resource == f"TCPIP::127.0.0.1::{control}::SOCKET"
        assert at.data_resource == f"TCPIP::127.0.0.1::{data}::SOCKET"

    def test_only_what_is_asked_for_is_served(self, serve) -> None:
        assert set(serve(devices={"voa", "kme_a"}).addresses) == {"voa"}

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"devices": {"voa2"}}, UnknownNameError, "no device voa2 on bench 'metro-25km'"),
            ({"ports": {"metre": 5000}}, UsageError, "no simulated device's port goes by 'metre'"),
            ({"ports": {"meter": 70_000}}, UsageError, "meter: port 70000: expected 1 to 65535"),
        ],
    )
    def test_what_cannot_be_served_is_named(self, serve, options, error, message) -> None:
        with pytest.raises(error, match=message):
            serve(**options)

    def test_a_twin_of_another_role_is_refused(self, serve) -> None:
        bench = load("metro-25km")
        wrong = msgspec.structs.replace(bench.device["voa"], twin="agiltron-ff1x4")
        with pytest.raises(UsageError, match="voa: the twin 'agiltron-ff1x4' plays switch, the bench file says attenuator"):
            serve(bench=msgspec.structs.replace(bench, device={**bench.device, "voa": wrong}))


class TestOneWorld:
    """All clients look at the same world, through their own connections."""

    @needs_ptys
    def test_turning_the_attenuator_moves_the_power_meter(self, serve, on_socket, on_line) -> None:
        """Ten decibels more take nine tenths of the power."""
        host = serve()
        alice, meter = on_socket(host.addresses["alice"].port), on_socket(host.addresses["meter"].port)
        voa = on_line(host.addresses["voa"].path)
        assert alice.ask(b"EMIT ON\n") == b"OK\n"
        before_w = float(meter.ask(b"MEAS:POW?\n"))
        assert voa.ask(b"A13.00\r", b"Done\r\n\r\n") == b"Pos:1300\r\nDone\r\n\r\n"
        assert float(meter.ask(b"MEAS:POW?\n")) / before_w == pytest.approx(0.1, rel=0.01)

    def test_the_same_conversation_with_the_same_seed_is_the_same_byte_for_byte(self, serve, on_socket) -> None:
        """Ten runs, one transcript; another seed, another noise."""

        def transcript(seed: int) -> bytes:
            clock = VirtualClock()
            host = serve(clock, seed=seed)
            alice, meter = on_socket(host.addresses["alice"].port), on_socket(host.addresses["meter"].port)
            said = alice.ask(b"EMIT ON\n")
            for _ in range(5):
                clock.sleep(0.1)
                said += meter.ask(b"MEAS:POW?\n") + alice.ask(b"PULSE?\n")
            return said

        assert len({transcript(3) for _ in range(10)}) == 1
        assert transcript(4) != transcript(3)

    def test_control_injects_and_reads_back(self, serve, on_socket) -> None:
        """Light that a worse fibre takes is missing at the meter: 3 dB are half of it."""
        host = serve()
        alice, meter = on_socket(host.addresses["alice"].port), on_socket(host.addresses["meter"].port)
        alice.ask(b"EMIT ON\n")
        before_w = float(meter.ask(b"MEAS:POW?\n"))
        host.control.inject("fibre", "excess_loss_db", 3.0103)
        assert host.control.injected("metro", "excess_loss_db") == 3.0103
        assert float(meter.ask(b"MEAS:POW?\n")) == pytest.approx(before_w / 2, rel=0.01)
        with pytest.raises(UsageError, match="excess_loss_db"):
            host.control.inject("voa", "colour", 1.0)


@needs_ptys
class TestReset:
    """World and instruments at power-up again, connections as they were."""

    def test_brings_back_every_instruments_own_state_under_open_connections(self, serve, on_socket, on_line) -> None:
        """Settings, error queues and half-said requests are gone."""
        host = serve()
        at = host.addresses
        meter, alice = on_socket(at["meter"].port), on_socket(at["alice"].port)
        voa, switch, stage = (on_line(at[name].path) for name in ("voa", "switch", "stage"))
        alice.ask(b"EMIT ON\n")
        meter.ask(b"SENS:CORR:WAV 1310;AVER 5;FOO\n*OPC?\n")
        meter.write(b"SENS:POW:UN")
        voa.ask(b"A20\r", b"Done\r\n\r\n")
        switch.ask(bytes.fromhex("01120003"), bytes.fromhex("01120003"))
        stage.ask(b"tmax=60\rtset=55\rens\r", b"ens\r> ")
        host.control.inject("meter", "tap_ratio", 0.5)
        host.control.reset(9)
        assert meter.ask(b"*OPC?;SENS:CORR:WAV?;:SYST:ERR?\n") == b'1;1.550000E+03;+0,"No error"\n'
        assert alice.ask(b"EMIT?\n") == b"OFF\n"
        assert voa.ask(b"D\r", b"Done\r\n\r\n") == b"DPos:300\r\nATTEN:3.00\r\nDone\r\n\r\n"
        assert switch.ask(bytes.fromhex("01110000"), b"\x01\x11\x00\x01")
        assert stage.ask(b"tset?\rtmax?\rstat?\r", b"11 > ") == b"tset?\r30.0 Celsius\r> tmax?\r200.0\r> stat?\r11 > "
        assert host.control.injected("meter", "tap_ratio") == 0.1
        assert host.world.seed == 9

    def test_a_reply_that_was_still_to_come_never_comes(self, serve, on_line) -> None:
        """The motor that was on its way is at power-up again; a longer move afterwards is the first to be answered."""
        host = serve(SystemClock())
        voa = on_line(host.addresses["voa"].path)
        voa.write(b"A15\r")
        while host.world.attenuation_db("voa", host.now_ns()) != 15.0:
            pass
        host.control.reset(3)
        assert voa.ask(b"A17\r", b"Done\r\n\r\n") == b"Pos:1700\r\nDone\r\n\r\n"


@needs_ptys
class TestDelays:
    """A slow device is slow on a real clock only."""

    @pytest.mark.parametrize(
        ("clock", "speed", "least_s"), [(SystemClock, 1.0, 0.09), (SystemClock, 10.0, 0.009), (VirtualClock, 1e-3, 0)]
    )
    def test_answers_come_in_order_and_no_earlier_than_the_motor_stands(self, serve, on_line, clock, speed, least_s) -> None:
        """12 dB take 0.1 s; what is asked meanwhile is answered afterwards. A virtual clock makes nobody wait."""
        host = serve(clock(), speed=speed)
        voa = on_line(host.addresses["voa"].path)
        measured = SystemClock()
        voa.write(b"A15\rD\r")
        assert voa.until(b"Done\r\n\r\n") == b"Pos:1500\r\nDone\r\n\r\n"
        assert measured.now_ns() >= least_s * 1e9
        assert voa.until(b"Done\r\n\r\n").startswith(b"DPos:1500")


class TestPacing:
    """Bytes on a serial line take their time where one asks for it, over a pty and behind a device server alike."""

    @pytest.fixture(params=[pytest.param("pty", marks=needs_ptys), "tcp"])
    def lines(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def voa(self, serve, on_line, on_socket, lines):
        """A paced host, and a client on the attenuator's line."""
        host = serve(SystemClock(), paced=True, serial_lines=lines)
        at = host.addresses["voa"]
        assert at.resource == (f"ASRL{at.path}::INSTR" if lines == "pty" else f"ASRLsocket://127.0.0.1:{at.port}::INSTR")
        return host, on_line(at.path) if lines == "pty" else on_socket(at.port)

    def test_ten_bits_a_byte_both_ways(self, voa) -> None:
        """Twenty times CD at 9600 baud: never sooner than the first question there and all answers back."""
        _, client = voa
        measured = SystemClock()
        client.write(b"CD\r" * 20)
        answers = b"".join(client.until(b"Done\r\n\r\n") for _ in range(20))
        assert measured.now_ns() / 1e9 >= (3 + len(answers)) * 10 / 9600
        assert len(set(answers.split(b"Done\r\n\r\n"))) == 2

    def test_a_client_that_left_with_a_message_on_the_line(self, serve, on_socket) -> None:
        """Behind a device server its last words reach the device, the answers go nowhere, and the next client is served."""
        host = serve(SystemClock(), paced=True, serial_lines="tcp")
        at = host.addresses["voa"]
        with socket.create_connection(("127.0.0.1", at.port), timeout=20) as leaving:
            leaving.sendall(b"CD\r" * 20 + b"A12\r")
        assert on_socket(at.port).ask(b"D\r", b"Done\r\n\r\n").startswith(b"DPos:1200\r\nATTEN:12.00")

    def test_a_reset_drops_what_is_on_the_line(self, voa) -> None:
        """Half an answer was on its way; the next one begins at its beginning."""
        host, client = voa
        client.write(b"CD\r" * 20)
        client.until(b"\r\n")
        host.control.reset(3)
        client.write(b"D\r")
        assert client.until(b"Done\r\n\r\n").endswith(b"DPos:300\r\nATTEN:3.00\r\nDone\r\n\r\n")


class TestUndisturbed:
    """Whatever one client does, the others are served."""

    def test_ten_clients_on_ten_instruments(self, serve, on_socket) -> None:
        """Each of 300 answers to each client comes from its own instrument."""
        bench = load("metro-25km")
        meters = {f"meter{number}": msgspec.structs.replace(bench.device["meter"], serial=f"P{number}") for number in range(10)}
        host = serve(bench=msgspec.structs.replace(bench, device={**bench.device, **meters}), devices=set(meters))

        def converse(name: str) -> set[bytes]:
            client = on_socket(host.addresses[name].port)
            return {client.ask(b"*IDN?\n") for _ in range(300)}

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(converse, meters))
        assert answers == [{f"Thorlabs,PM100D,P{number},2.4.0\n".encode()} for number in range(10)]

    def test_a_client_that_never_reads_is_not_read_either_and_loses_nothing(self, serve, on_socket) -> None:
        """It asks until its own pipe is full; the others are answered; in the end it finds every answer."""
        host = serve()
        port, most = host.addresses["meter"].port, 1 << 26
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.settimeout(0.2)
            request = (b"*IDN?;" * 50).ljust(3999) + b"\n"
            sent = 0
            while sent < most:
                try:
                    sent += slow.send((request + request)[sent % len(request) :])
                except TimeoutError:
                    break
            assert sent < most, "the device reads requests without end, and keeps the answers nobody reads"
            assert on_socket(port).ask(b"*OPC?\n") == b"1\n"
            slow.settimeout(20)
            slow.shutdown(socket.SHUT_WR)
            received = 0
            while data := slow.recv(1 << 20):
                received += data.count(b"\n")
        assert received == sent // len(request)

    def test_clients_that_vanish_or_never_speak(self, serve, on_socket) -> None:
        """Half-open, reset in mid-request, or silent: the next one is served."""
        host = serve()
        port = host.addresses["meter"].port
        with ExitStack() as silent:
            for _ in range(20):
                silent.enter_context(socket.create_connection(("127.0.0.1", port)))
                rude = socket.create_connection(("127.0.0.1", port))
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                rude.sendall(b"*IDN?\n" * 50 + b"MEAS:")
                rude.close()
            assert on_socket(port).ask(b"SYST:ERR?\n") == b'+0,"No error"\n'

    @needs_ptys
    def test_a_serial_line_that_nobody_reads(self, serve, on_line, on_socket) -> None:
        """What does not fit is lost, as on any line without flow control; the next to open the line is served."""
        clock = VirtualClock()
        host = serve(clock)
        at = host.addresses["stage"]
        with serial.Serial(at.path, 115_200, write_timeout=20) as deaf:
            for _ in range(400):
                deaf.write(b"id?\r" * 50)
            assert on_socket(host.addresses["meter"].port).ask(b"*OPC?\n") == b"1\n"
            assert len(host._carriers["stage"][0]._unsent) <= 1 << 16, "replies that nobody reads pile up"
        driver = discovery.find("driver", "thorlabs-tc200").build(DeviceSettings("stage", at.resource, clock))
        driver.open()
        assert driver.setpoint_c() == 30.0
        driver.close()

    @needs_ptys
    def test_noise_on_every_port_at_once(self, serve, on_socket, held, caplog) -> None:
        """16 KiB of seeded noise to each port; other clients are answered meanwhile, and each real driver opens afterwards."""
        clock = VirtualClock()
        host = serve(clock)
        noise = stream(3, "noise").bytes(1 << 14)
        other = on_socket(host.addresses["meter"].port)
        for at in host.addresses.values():
            for port in filter(None, (at.port, at.data_port)):
                babbler = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
                babbler.sendall(noise)
            if at.path:
                with serial.Serial(at.path, 115_200, write_timeout=20) as line:
                    line.write(noise)
            assert other.ask(b"*OPC?\n") == b"1\n"
        bench = load("metro-25km")
        for name, at in host.addresses.items():
            settings = DeviceSettings(name, at.resource, clock, data_resource=at.data_resource, declared=bench.device[name])
            driver = discovery.find("driver", bench.device[name].driver).build(settings)
            driver.open()
            assert driver.identity().vendor
            driver.close()
        assert "broke down" not in caplog.text

    def test_a_simulated_device_that_breaks_down_breaks_alone(self, serve, on_socket, monkeypatch, caplog) -> None:
        """Its error is logged with its name, the connection begins anew, and nobody else notices."""

        class Broken:
            def __init__(self) -> None:
                self.said = 0

            def received(self, data: bytes, now_ns: int) -> list[Reply]:
                self.said += 1
                if data == b"break\n":
                    raise ZeroDivisionError
                return [Reply(b"%d\n" % self.said)]

        spec = TwinSpec("broken", ("power-meter",), "breaks", lambda *_: (Endpoint("control", "tcp", Broken),))
        module = types.ModuleType("somebodys_twin")
        module.SPEC = spec
        monkeypatch.setitem(sys.modules, "somebodys_twin", module)
        bench = load("metro-25km")
        theirs = msgspec.structs.replace(bench.device["meter"], twin="somebodys_twin:SPEC")
        host = serve(bench=msgspec.structs.replace(bench, device={**bench.device, "meter": theirs}))
        client, other = (on_socket(host.addresses["meter"].port) for _ in range(2))
        assert [client.ask(b"a\n"), client.ask(b"a\n"), other.ask(b"a\n")] == [b"1\n", b"2\n", b"1\n"]
        client.write(b"break\n")
        assert other.ask(b"a\n") == b"2\n"
        assert client.ask(b"a\n") == b"1\n"
        assert re.search("meter: the simulated device broke down", caplog.text)
