"""Every shipped driver keeps the driver contract, against small devices written here for it, over real sockets and ptys."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil import discovery
from hil.bench import load
from hil.bench.model import RecordingDevice, SwitchDevice
from hil.clock import VirtualClock
from hil.drivers import (
    agiltron_ff1x4,
    ozoptics_dd100mc,
    recording,
    reference_repeater,
    reference_transceiver,
    thorlabs_pm100d,
    thorlabs_tc200,
)
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.suites.contracts.driver_contract import DriverContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHELF = Path(__file__).with_name("shelf.toml")

needs_ptys = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ptys")


class Wire:
    """Serves one device on a socket or a pty until closed: ``answer`` takes what was heard and returns (rest, reply)."""

    def __init__(self, answer: Callable[[bytes], tuple[bytes, bytes]]) -> None:
        self._answer = answer
        self._closers: list[Callable[[], object]] = []

    def _converse(self, read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
        heard = b""
        with suppress(OSError):
            while data := read():
                heard, reply = self._answer(heard + data)
                if reply:
                    write(reply)

    def on_socket(self) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        connections: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connections.append(connection)
                    with closing(connection):
                        self._converse(lambda c=connection: c.recv(4096), connection.sendall)  # type: ignore[misc]

        thread = threading.Thread(target=accept)
        thread.start()

        def close() -> None:
            for one in (listener, *connections):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            thread.join()

        self._closers.append(close)
        return f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"

    def on_pty(self) -> str:
        import select
        import tty

        master, slave = os.openpty()
        tty.setraw(master)
        tty.setraw(slave)
        stop_read, stop_write = os.pipe()

        def read() -> bytes:
            ready, _, _ = select.select([master, stop_read], [], [])
            return b"" if stop_read in ready else os.read(master, 4096)

        thread = threading.Thread(target=self._converse, args=(read, lambda data: os.write(master, data)))
        thread.start()

        def close() -> None:
            os.write(stop_write, b"x")
            thread.join()
            for descriptor in (master, slave, stop_read, stop_write):
                os.close(descriptor)

        self._closers.append(close)
        return f"ASRL{os.ttyname(slave)}::INSTR"

    def close(self) -> None:
        for close in self._closers:
            close()


def by_lines(end: bytes, answer: Callable[[str], str | bytes]) -> Callable[[bytes], tuple[bytes, bytes]]:
    """Splits what was heard at ``end`` and joins the answers."""

    def split(heard: bytes) -> tuple[bytes, bytes]:
        *requests, rest = heard.split(end)
        replies = [answer(request.decode()) for request in requests]
        return rest, b"".join(reply if isinstance(reply, bytes) else reply.encode() for reply in replies)

    return split


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    wires = []

    def make(answer: Callable[[bytes], tuple[bytes, bytes]]) -> Wire:
        wires.append(Wire(answer))
        return wires[-1]

    yield make
    for one in wires:
        one.close()


class TestThorlabsPm100d(DriverContract):
    """Against a meter that knows four queries and one set."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        return thorlabs_pm100d.SPEC

    @pytest.fixture
    def settings(self, wire) -> DeviceSettings:
        state = {"wavelength": 1550.0}

        def answer(request: str) -> str:
            if request.startswith("SENS:CORR:WAV "):
                state["wavelength"] = float(request.split()[1])
                return ""
            fixed = {
                "*IDN?": "Thorlabs,PM100D,P1,2.4.0\n",
                "SYST:ERR?": '+0,"No error"\n',
                "MEAS:POW?": "1.5E-9\n",
                "SYST:SENS:IDN?": "S154C,1,01-Jan-2026,1,1,33\n",
                "SENS:CORR:WAV? MIN": "800\n",
                "SENS:CORR:WAV? MAX": "1700\n",
            }
            return fixed.get(request, f"{state['wavelength']:.6E}\n")

        return DeviceSettings("meter", wire(by_lines(b"\n", answer)).on_socket(), VirtualClock())


@needs_ptys
class TestOzOpticsDd100Mc(DriverContract):
    """Against an attenuator that moves at once."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        return ozoptics_dd100mc.SPEC

    @pytest.fixture
    def settings(self, wire) -> DeviceSettings:
        state = {"db": "3.00"}

        def answer(request: str) -> str:
            if request.startswith("A"):
                state["db"] = request[1:]
                return "Pos:77\r\nDone\r\n\r\n"
            text = f"DPos:77\r\nATTEN:{state['db']}\r\n" if request == "D" else "DD-100-MC V1.2\r\n"
            return text + "Done\r\n\r\n"

        resource = wire(by_lines(b"\r", answer)).on_pty()
        return DeviceSettings("voa", resource, VirtualClock(), envelope={"attenuation_db": (1.0, 45.0)})


@needs_ptys
class TestAgiltronFf1x4(DriverContract):
    """Against a switch of four-byte frames."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        return agiltron_ff1x4.SPEC

    @pytest.fixture
    def settings(self, wire) -> DeviceSettings:
        state = {"channel": 1}

        def answer(heard: bytes) -> tuple[bytes, bytes]:
            reply = b""
            while len(heard) >= 4:
                frame, heard = heard[:4], heard[4:]
                if frame[1] == 0x12:
                    state["channel"] = frame[3]
                reply += frame if frame[1] == 0x12 else bytes([1, 0x11, 0, state["channel"]])
            return heard, reply

        declared = SwitchDevice(driver="agiltron-ff1x4", dark_channel=4)
        return DeviceSettings("switch", wire(answer).on_pty(), VirtualClock(), declared=declared)


@needs_ptys
class TestThorlabsTc200(DriverContract):
    """Against a controller that echoes and prompts."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        return thorlabs_tc200.SPEC

    @pytest.fixture
    def settings(self, wire) -> DeviceSettings:
        state = {"tset": "30.0", "on": False}

        def answer(request: str) -> str:
            if match := re.fullmatch(r"tset=([\d.]+)", request):
                state["tset"] = match[1]
                return request + "\r> "
            if request == "stat?":
                return "stat?\r10 > "
            texts = {
                "id?": "THORLABS TC200 VERSION 2.0",
                "pid?": "125 50 50",
                "tset?": f"{state['tset']} Celsius",
                "tact?": "25.4 C",
            }
            return f"{request}\r{texts.get(request, 'CMD_NOT_DEFINED')}\r> "

        resource = wire(by_lines(b"\r", answer)).on_pty()
        return DeviceSettings("stage", resource, VirtualClock(), envelope={"setpoint_c": (20.0, 60.0)})


class TestReferenceTransceiver(DriverContract):
    """Against a black-box transmitter without a bench file, so that it is asked for its role."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        return reference_transceiver.SPEC

    @pytest.fixture
    def settings(self, wire) -> DeviceSettings:
        replies = {"*IDN?": "QKD Works,QT-1,A7,2.4.1", "ROLE?": "TRANSMITTER", "LEVEL?": "L0", "PARK": "OK", "EMIT?": "OFF"}
        answer = by_lines(b"\n", lambda request: replies.get(request, "ERR 10 unknown command") + "\n")
        return DeviceSettings("alice", wire(answer).on_socket(), VirtualClock())


class TestReferenceRepeater(DriverContract):
    """Against a node that only answers."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        return reference_repeater.SPEC

    @pytest.fixture
    def settings(self, wire) -> DeviceSettings:
        state = {"RUN?": "OFF"}

        def answer(request: str) -> str:
            if request in {"START", "STOP", "PARK"}:
                state["RUN?"] = "ON" if request == "START" else "OFF"
                return "OK\n"
            return {"*IDN?": "QKD Works,QR-1,B2,2.1.3", **state}.get(request, "ERR 10 unknown command") + "\n"

        return DeviceSettings("middle", wire(by_lines(b"\n", answer)).on_socket(), VirtualClock())


class TestRecording(DriverContract):
    """Against a file of two events."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        return recording.SPEC

    @pytest.fixture
    def settings(self, tmp_path) -> DeviceSettings:
        path = tmp_path / "tags.txt"
        path.write_text("0 1\n4 2\n")
        return DeviceSettings("tags", str(path), VirtualClock(), declared=RecordingDevice(driver="recording", tick_s=1e-9))


def test_every_shipped_driver_is_bound_and_found_by_its_name():
    """A driver that nobody bound to the contract is not shipped, and each is found under its own name."""
    bound = {
        thorlabs_pm100d.SPEC.name,
        ozoptics_dd100mc.SPEC.name,
        agiltron_ff1x4.SPEC.name,
        thorlabs_tc200.SPEC.name,
        reference_repeater.SPEC.name,
        reference_transceiver.SPEC.name,
        recording.SPEC.name,
    }
    assert set(discovery.names("driver")) == bound | {device.driver for device in load(SHELF).device.values()}
    assert {discovery.find("driver", name).name for name in bound} == bound
