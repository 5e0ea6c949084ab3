"""The twin of a bench: one world, and behind real sockets and ptys every simulated device that looks at it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hil import discovery
from hil.bench.model import KmeDevice, RecordingDevice
from hil.bench.wording import nearest
from hil.clock import VirtualClock
from hil.errors import UnknownNameError, UsageError

from .carriers._conversation import Port
from .carriers._loop import LoopThread
from .carriers.tcp import TcpCarrier, listen
from .world.time_of_day import EPOCH
from .world.world import World

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from typing import Self

    from hil.bench.model import Bench
    from hil.clock import Clock

    from .carriers.pty import PtyCarrier
    from .carriers.zmq import ZmqCarrier
    from .spec import Endpoint, TwinSpec

    Carrier = TcpCarrier | PtyCarrier | ZmqCarrier

__all__ = ["Control", "TwinAddress", "TwinHost"]

_HOST = "127.0.0.1"
_ROUNDS = 10


@dataclass(frozen=True)
class TwinAddress:
    """Where one simulated device is: VISA resources for drivers, and the same as host and port or path for anybody else.

    ``data_resource`` and ``data_port`` are those of a device with a data plane; ``path`` is that of a serial line.
    """

    device: str
    resource: str = ""
    data_resource: str = ""
    host: str = ""
    port: int = 0
    data_port: int = 0
    path: str = ""


class TwinHost:
    """Serves the simulated devices of a bench from construction until :meth:`close`, which leaves no thread, port or pty.

    ``devices`` names those to serve; KMEs and recordings among them are not its business. ``ports`` gives fixed TCP ports by
    device (``"alice"``, ``"alice.data"``); all others are free ones. ``speed`` is how much faster than real a real-time
    clock runs; on a virtual clock devices answer at once. ``serial_lines="tcp"`` serves serial devices as a device server
    would, as on Windows, which has no ptys. ``paced``: bytes to and from a serial device take the time of its baud rate, on a
    real clock, over whichever carrier. ``epoch`` is the date at time zero, with its zone, which devices with a
    calendar tell.
    """

    def __init__(
        self,
        bench: Bench,
        devices: Collection[str],
        seed: int,
        clock: Clock,
        *,
        ports: Mapping[str, int] | None = None,
        speed: float = 1.0,
        serial_lines: str = "tcp" if sys.platform == "win32" else "pty",
        paced: bool = False,
        epoch: datetime = EPOCH,
    ) -> None:
        specs = _twins_of(bench, devices)
        self.world = World(bench, seed, epoch)
        self.addresses: dict[str, TwinAddress] = {}
        self._specs = specs
        self._carriers: dict[str, list[Carrier]] = {}
        self._unplugged: set[str] = set()
        self._clock = clock
        self._ports = dict(ports or {})
        self._speed = speed
        self._serial_lines = serial_lines
        self._paced = paced
        self.world.beside.watch_power(self._power_changed)
        with ExitStack() as stack:
            self._thread = LoopThread(f"hil-twin-{bench.bench.name}")
            stack.callback(self._thread.close)
            stack.callback(self._drop_carriers)
            for name, spec in specs.items():
                self._serve(name, spec)
            if self._ports:
                unknown = next(iter(self._ports))
                raise UsageError(f"no simulated device's port goes by {unknown!r}; expected {nearest(unknown, specs)}")
            if isinstance(clock, VirtualClock) and any(spec.late for spec in specs.values()):
                stack.callback(clock.before_jumps(self._settle))
            self._stack = stack.pop_all()
        self.control = Control(self)

    def close(self) -> None:
        """Drop every connection, give back ports and ptys, end the thread; a second call does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def power_cycle(self, seed: int) -> None:
        """World and instruments as at power-up with another seed; what drivers hold open stays open."""
        self._thread.run(lambda: self._power_cycle(seed))

    def now_ns(self) -> int:
        """The time at which the devices answer."""
        return self._clock.now_ns()

    def has_power(self, device: str) -> bool:
        """Whether its plug is in; UnknownNameError."""
        self._need(device)
        return device not in self._unplugged

    def switch_power(self, device: str, *, on: bool) -> None:
        """Take a device's plug out, or put it in again, which is a power-up."""
        self._thread.run(lambda: self._switch_power(device, on=on))

    def _power_cycle(self, seed: int) -> None:
        self.world.reset(seed)
        self._unplugged.clear()
        for name in self._specs:
            self._power_up(name)

    def _switch_power(self, device: str, *, on: bool) -> None:
        self._need(device)
        if on:
            self._unplugged.discard(device)
        else:
            self._unplugged.add(device)
            self.world.darken(device, self.now_ns())
        self._power_changed(device, on)

    def _need(self, device: str) -> None:
        if device not in self._specs:
            raise UnknownNameError(f"no simulated device goes by {device!r}; expected {nearest(device, self._specs)}")

    def _power_changed(self, device: str, on: bool) -> None:
        if on:
            self.world.restart(device, self.now_ns())
        self._thread.run(lambda: self._power_up(device) if on else self._power_down(device))

    def _power_down(self, name: str) -> None:
        for carrier in self._carriers.get(name, ()):
            carrier.cut_power()

    def _power_up(self, name: str) -> None:
        if name not in self._specs:
            return
        for carrier, endpoint in zip(self._carriers[name], self._endpoints(name, self._specs[name]), strict=True):
            carrier.power_cycle(endpoint)

    def _serve(self, name: str, spec: TwinSpec) -> None:
        carriers = self._carriers.setdefault(name, [])
        address = TwinAddress(name)
        for endpoint in self._endpoints(name, spec):
            port = Port(name, endpoint, self._clock, self._thread.loop, self._speed)
            carrier = self._carrier(port, f"{name}.data" if endpoint.name == "data" else name)
            carriers.append(carrier)
            self._thread.wait(carrier.start())
            address = _with(address, endpoint, carrier)
        self.addresses[name] = address

    def _endpoints(self, name: str, spec: TwinSpec) -> list[Endpoint]:
        """The ports of one device fresh from power-up, those of serial devices with one session for good."""
        endpoints = spec.build(self.world, name)
        return [_for_good(endpoint) if endpoint.carrier == "pty" else endpoint for endpoint in endpoints]

    def _settle(self) -> None:
        """Wait until every connection made over TCP is taken and every request heard: both lie in their sockets once sent.

        A round of the loop reads a request; taking a connection goes over a few.
        """

        async def rounds() -> None:
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)

        self._thread.wait(rounds())

    def _carrier(self, port: Port, key: str) -> Carrier:
        behind_server = port.clock.virtual and self._specs[port.device].late
        if port.endpoint.carrier == "pty" and self._serial_lines == "pty" and not behind_server:
            from .carriers.pty import PtyCarrier

            return PtyCarrier(port, paced=self._paced)
        if port.endpoint.carrier == "zmq":
            from .carriers.zmq import ZmqCarrier

            return ZmqCarrier(port, _HOST, self._ports.pop(key, 0))
        return TcpCarrier(port, listen(port.device, _HOST, self._ports.pop(key, 0)), paced=self._paced)

    def _drop_carriers(self) -> None:
        async def close() -> None:
            for carriers in self._carriers.values():
                for carrier in carriers:
                    await carrier.close()
            self._carriers.clear()

        self._thread.wait(close())


class Control:
    """The way into the twin that no driver under test can reach."""

    def __init__(self, host: TwinHost) -> None:
        self._host = host

    def inject(self, device: str, parameter: str, value: float) -> None:
        """Change a physical parameter of a device or link now; UsageError names the injectable ones."""
        self._host.world.inject(device, parameter, value, self._host.now_ns())

    def injected(self, device: str, parameter: str) -> float:
        """A parameter's present value, injected or declared."""
        return self._host.world.injected(device, parameter)

    def snapshot(self) -> dict[tuple[str, str], float]:
        """Everything that was set or can be injected, as it stands: (device or link, setting or parameter) -> value."""
        return self._host.world.snapshot()

    def unplug(self, device: str) -> None:
        """Take a simulated device's power: its connections break, its light and bias are gone; UnknownNameError."""
        self._host.switch_power(device, on=False)

    def plug_in(self, device: str) -> None:
        """Give it its power again: it answers as after power-up."""
        self._host.switch_power(device, on=True)

    def powered(self, device: str) -> bool:
        """Whether its plug is in."""
        return self._host.has_power(device)

    def reset(self, seed: int) -> None:
        """World and instruments as at power-up with another seed; what drivers hold open stays open."""
        self._host.power_cycle(seed)


def _twins_of(bench: Bench, devices: Collection[str]) -> dict[str, TwinSpec]:
    """The twins to serve, in the order of the bench file."""
    if unknown := sorted(set(devices) - set(bench.device)):
        raise UnknownNameError(
            f"no device {', '.join(unknown)} on bench {bench.bench.name!r}; known: {', '.join(bench.device)}"
        )
    specs = {}
    for name, device in bench.device.items():
        if name not in devices or isinstance(device, (KmeDevice, RecordingDevice)):
            continue
        spec: TwinSpec = discovery.find("twin", device.twin or device.driver)
        role = str(device.__struct_config__.tag)
        if role not in spec.roles:
            raise UsageError(f"{name}: the twin {spec.name!r} plays {' or '.join(spec.roles)}, the bench file says {role}")
        specs[name] = spec
    return specs


def _for_good(endpoint: Endpoint) -> Endpoint:
    """The same port with one session, whoever connects and however often."""
    session = endpoint.session()
    return replace(endpoint, session=lambda: session)


def _with(address: TwinAddress, endpoint: Endpoint, carrier: Carrier) -> TwinAddress:
    if hasattr(carrier, "path"):
        return replace(address, resource=f"ASRL{carrier.path}::INSTR", path=carrier.path)
    at = f"{carrier.host}:{carrier.number}"
    resource = f"ASRLsocket://{at}::INSTR" if endpoint.carrier == "pty" else f"TCPIP::{carrier.host}::{carrier.number}::SOCKET"
    if scheme := {"http": "http", "zmq": "tcp"}.get(endpoint.carrier):
        resource = f"{scheme}://{at}"
    if endpoint.name == "data":
        return replace(address, data_resource=resource, data_port=carrier.number)
    return replace(address, resource=resource, host=carrier.host, port=carrier.number)
