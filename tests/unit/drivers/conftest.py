"""A driver's conversation, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from hil.clock import VirtualClock
from hil.ports.spec import DeviceSettings
from hil.transports import RetryPolicy, ScriptedPort, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.transports import Marker
    from hil.transports.tape import Turn


@dataclass
class Script:
    """Opens transports over written conversations, and checks at the end that each was played to its last turn."""

    ports: list[ScriptedPort] = field(default_factory=list)

    def __call__(self, turns: list[Turn], *, markers: tuple[Marker, ...] = (), reopens_clean: bool = True) -> Transport:
        port = ScriptedPort(turns, device="dut", reopens_clean=reopens_clean)
        self.ports.append(port)
        return Transport(port, markers=markers, retry=RetryPolicy(backoff_s=0.0))


@pytest.fixture
def script() -> Iterator[Script]:
    """Transports over scripted ports; leftovers fail the test."""
    made = Script()
    yield made
    for port in made.ports:
        port.finish()


@pytest.fixture
def settings() -> Callable[..., DeviceSettings]:
    """Settings of a device named ``dut`` on a virtual clock."""

    def make(**changes: Any) -> DeviceSettings:
        return DeviceSettings(**{"name": "dut", "resource": "", "clock": VirtualClock(), **changes})

    return make
