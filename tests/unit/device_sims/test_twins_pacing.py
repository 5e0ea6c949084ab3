"""Bytes on a paced serial line arrive when their last bit does: start bit, eight of data, stop bit, at the baud rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.clock import SystemClock, VirtualClock
from hil.device_sims.carriers._conversation import Port
from hil.device_sims.carriers._pacing import paced_line
from hil.device_sims.spec import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.clock import Clock

BAUD_RATE = 9600
BYTE_S = 10 / BAUD_RATE
"""TIA-232 framing 8N1: ten bits for a byte."""


@dataclass
class Handle:
    """A call that is to come."""

    due_s: float
    call: Callable[[], None]
    cancelled: bool = False

    def when(self) -> float:
        return self.due_s

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Loop:
    """An event loop whose time is moved by hand."""

    now_s: float = 100.0
    handles: list[Handle] = field(default_factory=list)

    def time(self) -> float:
        return self.now_s

    def call_at(self, due_s: float, to: Callable[[bytes], None], data: bytes) -> Handle:
        self.handles.append(Handle(due_s, lambda: to(data)))
        return self.handles[-1]

    def run(self) -> None:
        """Everything that is due, each at its time."""
        for handle in sorted(self.handles, key=Handle.when):
            if not handle.cancelled:
                self.now_s = handle.due_s
                handle.call()
        self.handles.clear()


def port_of(loop: Loop, clock: Clock, baud_rate: int = BAUD_RATE, speed: float = 1.0) -> Port:
    endpoint = Endpoint("control", "pty", cast("Any", object), baud_rate=baud_rate)
    return Port("voa", endpoint, clock, cast("Any", loop), speed)


@pytest.mark.parametrize("speed", [1.0, 20.0])
def test_every_byte_takes_ten_bits_and_the_directions_do_not_share(speed: float) -> None:
    """The last of n bytes is there after 10 n / baud; what is sent meanwhile queues behind; the other way is free."""
    loop = Loop()
    there, back = paced_line(port_of(loop, SystemClock(), speed=speed), paced=True)
    arrived: list[tuple[float, bytes]] = []
    there.carry(b"CD\r" * 20, lambda data: arrived.append((loop.now_s, data)))
    there.carry(b"D\r", lambda data: arrived.append((loop.now_s, data)))
    answered: list[float] = []
    back.carry(b"x", lambda _: answered.append(loop.now_s))
    loop.run()
    assert b"".join(data for _, data in arrived) == b"CD\r" * 20 + b"D\r"
    assert arrived[-1][0] - 100.0 == pytest.approx(62 * BYTE_S / speed)
    assert answered[0] - 100.0 == pytest.approx(BYTE_S / speed)
    so_far = 0
    for at_s, data in arrived:
        so_far += len(data)
        assert at_s - 100.0 == pytest.approx(so_far * BYTE_S / speed)


def test_a_line_that_was_idle_is_not_behind() -> None:
    """A second message is timed from when it was sent."""
    loop = Loop()
    there, _ = paced_line(port_of(loop, SystemClock()), paced=True)
    arrived: list[float] = []
    there.carry(b"D", lambda _: arrived.append(loop.now_s))
    loop.run()
    loop.now_s += 5.0
    began_s = loop.now_s
    there.carry(b"D", lambda _: arrived.append(loop.now_s))
    loop.run()
    assert arrived[1] - began_s == pytest.approx(BYTE_S)


def test_what_is_dropped_never_arrives() -> None:
    """A power cycle forgets what is on the line."""
    loop = Loop()
    there, _ = paced_line(port_of(loop, SystemClock()), paced=True)
    arrived: list[bytes] = []
    there.carry(b"CD\r", arrived.append)
    there.drop()
    there.carry(b"D\r", arrived.append)
    loop.run()
    assert b"".join(arrived) == b"D\r"


@pytest.mark.parametrize(
    ("paced", "clock", "baud_rate"), [(False, SystemClock, BAUD_RATE), (True, VirtualClock, BAUD_RATE), (True, SystemClock, 0)]
)
def test_everything_passes_at_once_otherwise(paced: bool, clock: type[Clock], baud_rate: int) -> None:
    """Unasked for, in virtual time, or on a port that is no serial line."""
    loop = Loop()
    arrived: list[bytes] = []
    for way in paced_line(port_of(loop, clock(), baud_rate), paced=paced):
        way.carry(b"CD\r" * 100, arrived.append)
    assert arrived == [b"CD\r" * 100] * 2
    assert not loop.handles
