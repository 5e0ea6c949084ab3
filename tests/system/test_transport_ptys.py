"""Transports over real ptys: late, unplugged, exclusively held, binary. Raw and through VISA alike."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from hil.errors import DeviceTimeoutError, DeviceUnreachableError
from hil.transports import Exactly, Marker, RetryPolicy, SerialLine, SerialPort, Transport, Until, VisaPort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ptys")

LINE = Until(b"\r\n")
MARKERS = (Marker(b"id?\r", LINE, lambda reply: reply == b"PTY-1"),)


class PtyDevice:
    """Answers each request that ends with a carriage return by ``answer(request)``, in order, from a thread."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        import tty

        self._answer = answer
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.resource = f"ASRL{os.ttyname(self._slave)}::INSTR"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        heard = b""
        while data := os.read(self._master, 1024):
            heard += data
            while b"\r" in heard:
                request, _, heard = heard.partition(b"\r")
                if request == b"off":
                    return
                os.write(self._master, self._answer(request))

    def close(self) -> None:
        if self._thread.is_alive():
            os.write(self._slave, b"")
            self._stop()
        os.close(self._master)
        os.close(self._slave)

    def _stop(self) -> None:
        line = os.open(os.ttyname(self._slave), os.O_RDWR | os.O_NOCTTY)
        os.write(line, b"\roff\r")
        os.close(line)
        self._thread.join()

    def unplug(self) -> None:
        """End the device and take its end of the line away."""
        self._stop()
        os.close(self._master)
        self._master = os.open(os.devnull, os.O_RDONLY)


def identified(request: bytes) -> bytes:
    return b"PTY-1\r\n" if request == b"id?" else b"echo " + request + b"\r\n"


@pytest.fixture
def device() -> Iterator[Callable[..., PtyDevice]]:
    devices = []

    def start(answer: Callable[[bytes], bytes] = identified) -> PtyDevice:
        devices.append(PtyDevice(answer))
        return devices[-1]

    yield start
    for one in devices:
        one.close()


@pytest.fixture(params=["raw", "visa", "visa, as the line is set"])
def connect(request) -> Iterator[Callable[..., Transport]]:
    transports = []

    def make(resource: str, timeout_s: float = 20.0, markers: tuple[Marker, ...] = MARKERS) -> Transport:
        line = SerialLine(115_200) if request.param != "visa, as the line is set" else None
        port = (
            SerialPort("dut", resource, line or SerialLine())
            if request.param == "raw"
            else VisaPort("dut", resource, line=line)
        )
        transports.append(Transport(port, timeout_s=timeout_s, markers=markers, retry=RetryPolicy(backoff_s=0.0)))
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


def test_asks_and_answers(connect, device):
    """A query over a serial line is answered, again and again."""
    transport = connect(device().resource)
    transport.open()
    assert [transport.query(b"%d\r" % i, LINE) for i in range(20)] == [b"echo %d" % i for i in range(20)]


def test_a_late_reply_never_reaches_the_next_query(connect, device):
    """On a line that cannot be reopened clean, the marker tells the late reply from the next one's."""
    release = threading.Event()

    def late_once(request: bytes) -> bytes:
        if request == b"slow":
            release.wait(20.0)
        return identified(request)

    transport = connect(device(late_once).resource, timeout_s=0.2)
    transport.open()
    with pytest.raises(DeviceTimeoutError):
        transport.query(b"slow\r", LINE)
    release.set()
    assert [transport.query(b"%d\r" % i, LINE) for i in range(3)] == [b"echo 0", b"echo 1", b"echo 2"]


def test_a_line_is_held_exclusively(connect, device):
    """A second program cannot take the line from under us: it is refused, with what to check."""
    resource = device().resource
    transport = connect(resource)
    transport.open()
    with pytest.raises(DeviceUnreachableError, match="no other program holds"):
        connect(resource).open()
    assert transport.query(b"still there\r", LINE) == b"echo still there"


def test_an_unplugged_device_is_found_at_once(connect, device):
    """A line whose other end is gone is unreachable now, not after the timeout."""
    one = device()
    transport = connect(one.resource)
    transport.open()
    one.unplug()
    began = time.monotonic()
    with pytest.raises(DeviceUnreachableError):
        transport.query(b"A\r", LINE)
    assert time.monotonic() - began < 5.0


def test_a_line_that_is_not_there_is_unreachable(connect):
    """A path without a device names the path."""
    with pytest.raises(DeviceUnreachableError, match="/dev/no-such-line"):
        connect("ASRL/dev/no-such-line::INSTR").open()


def test_binary_replies_hold_any_byte(connect, device):
    """Four bytes are four bytes, whatever they are: no terminator is looked for, no control character acted on."""
    frame = b"\x11\x0d\x0a\x03"
    markers = (Marker(b"?\r", Exactly(4), lambda reply: reply == frame),)
    transport = connect(device(lambda _: frame).resource, markers=markers)
    transport.open()
    assert transport.query(b"?\r", Exactly(4)) == frame


def test_two_threads_sharing_a_line_never_mix(connect, device):
    """Each thread gets the answers to its own questions."""
    transport = connect(device().resource)
    transport.open()
    wrong = []

    def ask(name: bytes) -> None:
        for number in range(100):
            question = name + b"%d" % number
            if transport.query(question + b"\r", LINE) != b"echo " + question:
                wrong.append(question)

    threads = [threading.Thread(target=ask, args=(name,)) for name in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
