"""What is under contract: an instrument's driver, its device, and what its maker's papers say of the two."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from hil.clock import VirtualClock
from hil.errors import HilError
from hil.suites.contracts.relaying import can_relay, relay_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from hil.ports.spec import DeviceSettings, DriverSpec
    from hil.suites.contracts.relay import Relay


__all__ = [
    "PATIENCE_S",
    "SETTERS",
    "Call",
    "Case",
    "Check",
    "ErrorQueue",
    "Papers",
    "Plug",
    "PowerControl",
    "Setter",
    "Took",
    "TwinPlug",
    "matches",
    "papers_of",
    "took",
]

PATIENCE_S = 0.15
"""How long a driver waits for an answer where none will come."""


@dataclass(frozen=True)
class Setter:
    """The one setter of a role: its setting, its method, the method that reads back, how near they must be."""

    setting: str
    write: str
    read: str
    tolerance: float


SETTERS = {
    "attenuator": Setter("attenuation_db", "set_attenuation_db", "attenuation_db", 0.1),
    "switch": Setter("channel", "select", "channel", 0),
    "power-meter": Setter("wavelength_nm", "set_wavelength_nm", "wavelength_nm", 0.5),
    "laser": Setter("current_a", "set_current_a", "current_a", 1e-5),
    "temperature-controller": Setter("setpoint_c", "set_setpoint_c", "setpoint_c", 0.1),
}


class Plug(Protocol):
    """The device's power."""

    def cut(self) -> None: ...
    def restore(self) -> None: ...


class PowerControl(Protocol):
    """What a host of simulated devices offers as its ``control``."""

    def unplug(self, device: str) -> None: ...
    def plug_in(self, device: str) -> None: ...


@dataclass(frozen=True)
class TwinPlug:
    """The plug of a simulated device, in the hands of its host's control port."""

    control: PowerControl
    device: str

    def cut(self) -> None:
        """Take its power."""
        self.control.unplug(self.device)

    def restore(self) -> None:
        """Give it again, which is a power-up."""
        self.control.plug_in(self.device)


@dataclass(frozen=True)
class Call:
    """A call of the driver and what goes over the wire for it in turns.

    ``>`` is what the driver says, exactly, or ``~`` a pattern of it; ``<`` a pattern of what the device answers.
    """

    method: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    turns: tuple[tuple[str, bytes], ...] = ()

    def __str__(self) -> str:
        given = [*map(str, self.arguments), *(f"{name}={value}" for name, value in self.named.items())]
        return f"{self.method}({', '.join(given)})"


@dataclass(frozen=True)
class ErrorQueue:
    """How the device tells what it refused: ``ask`` is answered by ``none`` (a pattern) when there is nothing.

    ``refused`` is a command that it takes, refuses and does not answer.
    """

    ask: bytes
    none: bytes
    refused: bytes


@dataclass(frozen=True)
class Papers:
    """What is documented of an instrument, and where.

    ``power_up``: questions, and patterns of their answers after a power-up whatever stood before. ``once``: patterns of
    requests that must not be said again by themselves: moves, toggles, what reading destroys, what begins to emit.
    """

    source: str = ""
    end: bytes = b"\n"
    """What every answer ends with; empty where answers are counted."""
    harmless: bytes = b"*IDN?\n"
    """A question that changes nothing."""
    calls: tuple[Call, ...] = ()
    power_up: tuple[tuple[bytes, bytes], ...] = ()
    errors: ErrorQueue | None = None
    once: tuple[bytes, ...] = ()


def papers_of(table: Mapping[str, Any]) -> Papers:
    """Papers from a table of a TOML file, whose texts stand for Latin-1 bytes."""

    def pair(texts: Sequence[str]) -> tuple[bytes, bytes]:
        first, second = texts
        return _bytes(first), _bytes(second)

    errors = table.get("errors")
    return Papers(
        source=table["source"],
        end=_bytes(table.get("end", "\n")),
        harmless=_bytes(table.get("harmless", "*IDN?\n")),
        calls=tuple(_call(each) for each in table.get("calls", ())),
        power_up=tuple(pair(each) for each in table.get("power_up", ())),
        errors=ErrorQueue(**{name: _bytes(text) for name, text in errors.items()}) if errors else None,
        once=tuple(_bytes(text) for text in table.get("once", ())),
    )


def _call(table: Mapping[str, Any]) -> Call:
    turns = tuple((text[0], _bytes(text[1:])) for text in table["turns"])
    return Call(table["call"], tuple(table.get("with", ())), table.get("named", {}), turns)


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


class Case:
    """One instrument under contract, with a relay on its wire where there can be one.

    A check that cannot be made is skipped with its reason. :meth:`driver` gives an opened driver that talks through the relay.
    """

    def __init__(
        self,
        spec: DriverSpec,
        settings: DeviceSettings,
        dead: DeviceSettings,
        papers: Papers | None = None,
        plug: Plug | None = None,
    ) -> None:
        self.spec, self.direct, self.dead = spec, settings, dead
        self.papers = papers or Papers()
        self._plug = plug
        self._relay: Relay | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        if can_relay(self.direct.resource):
            self._relay = self._held.enter_context(relay_to(self.direct.resource))
            if isinstance(self.direct.clock, VirtualClock):  # what the relay still holds, the device has not heard
                self._held.callback(self.direct.clock.before_jumps(self._relay.settle, first=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def name(self) -> str:
        """The device's name."""
        return self.direct.name

    @property
    def role(self) -> str:
        """The role the bench file gives the device, or the driver's own."""
        config = getattr(self.direct.declared, "__struct_config__", None)
        return self.spec.role if config is None else str(config.tag)

    @property
    def settings(self) -> DeviceSettings:
        """Settings by which the driver goes through the relay."""
        return self.direct if self._relay is None else replace(self.direct, resource=self._relay.resource)

    @property
    def relay(self) -> Relay:
        """The relay, or a skip."""
        if self._relay is None:
            pytest.skip(f"nothing can be put on the wire of {self.direct.resource}")
        return self._relay

    @property
    def plug(self) -> Plug:
        """The device's plug, or a skip."""
        if self._plug is None:
            pytest.skip("the contract was given no plug of the device")
        return self._plug

    @property
    def setter(self) -> Setter:
        """The role's setter, or a skip."""
        if self.role not in SETTERS:
            pytest.skip(f"the role {self.role} has no setter with a range")
        return SETTERS[self.role]

    @contextmanager
    def driver(self, **changed: Any) -> Iterator[Any]:
        """The driver, opened on a good line, with other settings where named; closed on a good line at the end."""
        if self._relay is not None:
            self._relay.behave()
        device = self.spec.build(replace(self.settings, **changed))
        device.open()
        try:
            yield device
        finally:
            if self._relay is not None:
                self._relay.behave()
            device.close()


@dataclass
class Took:
    """How long something took, and what it raised."""

    seconds: float = 0.0
    error: Exception | None = None


Check = Callable[[Case], None]
"""One promise: raises, mostly an AssertionError, where it is not kept. Its first line says what is promised."""


@contextmanager
def took() -> Iterator[Took]:
    """Times what is inside and keeps the framework's own error of it; any other comes out."""
    result, began = Took(), time.monotonic()
    try:
        yield result
    except HilError as error:
        result.error = error
    finally:
        result.seconds = time.monotonic() - began


def matches(pattern: bytes, data: bytes) -> bool:
    """Whether a pattern of the papers is all of it."""
    return re.fullmatch(pattern, data, re.DOTALL) is not None
