"""One proxy: a listening port, the server behind it, and the toxics in between. Lives in an event loop; see ``host``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.clock import NS_PER_S
from hil.errors import BenchError, UnknownNameError, UsageError
from hil.transports.fault_proxy.connection import DIRECTIONS, Connection
from hil.transports.fault_proxy.piece import HEADER_BYTES
from hil.transports.fault_proxy.stage import Draws
from hil.transports.fault_proxy.toxics import stage_of

if TYPE_CHECKING:
    from hil.clock import Clock
    from hil.transports.fault_proxy.connection import Direction
    from hil.transports.fault_proxy.piece import Framing
    from hil.transports.fault_proxy.toxics import Toxic

__all__ = ["HERE", "ActiveToxic", "Proxies", "Proxy"]

HERE = "127.0.0.1"
"""Proxies listen on loopback only."""


@dataclass(frozen=True)
class ActiveToxic:
    """A toxic in a proxy: on which direction, in which share of the connections, and until when.

    It is gone when ``owner`` is (a control connection; empty: this process) and at ``expires_ns`` of the proxy's clock.
    """

    name: str
    toxic: Toxic
    direction: Direction
    toxicity: float = 1.0
    owner: str = ""
    expires_ns: int | None = None


class Proxy:
    """What one proxy does; every method is called in the event loop's thread."""

    def __init__(self, name: str, upstream: tuple[str, int], framing: Framing, seed: int, clock: Clock) -> None:
        self.name = name
        self.upstream = upstream
        self.framing: Framing = framing
        self.toxics: dict[str, ActiveToxic] = {}
        self.connections: set[Connection] = set()
        self.port = 0
        self._seed = seed
        self._clock = clock
        self._count = 0
        self._server: asyncio.Server | None = None
        self._idle = asyncio.Event()
        self._dialling: set[asyncio.Task[None]] = set()
        self._expiries: dict[str, asyncio.TimerHandle] = {}

    # --- listening ----------------------------------------------------------------------------------------------------

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def enable(self, port: int | None = None) -> None:
        """Listen, on the port it had before if it had one; BenchError when that is taken."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        wanted = self.port if port is None else port
        try:
            self._server = await loop.create_server(self._accept, HERE, wanted)
        except OSError as error:
            raise BenchError(f"fault proxy {self.name}: port {wanted} of {HERE} cannot be had: {error}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def disable(self) -> None:
        """The service is down: new connections are refused, the present ones are closed."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._dialling:
            task.cancel()
        for connection in list(self.connections):
            connection.abort()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        if self.connections:
            await self._idle.wait()

    # --- toxics -------------------------------------------------------------------------------------------------------

    def add(self, active: ActiveToxic) -> None:
        """Put a toxic into this proxy, in the connections that are there and those to come; UsageError for a name in use."""
        if active.name in self.toxics:
            raise UsageError(f"fault proxy {self.name} has a toxic {active.name!r} already")
        if active.direction not in DIRECTIONS:
            raise UsageError(f"fault proxy {self.name}: direction {active.direction!r}; expected {' or '.join(DIRECTIONS)}")
        if not 0.0 <= active.toxicity <= 1.0:
            raise UsageError(f"fault proxy {self.name}: toxicity {active.toxicity:g}; expected a share from 0 to 1")
        self.toxics[active.name] = active
        for connection in self.connections:
            self._into(connection, active)
        self._watch(active)

    def remove(self, name: str) -> None:
        """Take a toxic out; UnknownNameError."""
        if name not in self.toxics:
            raise UnknownNameError(
                f"fault proxy {self.name} has no toxic {name!r}; expected {', '.join(self.toxics) or 'none'}"
            )
        active = self.toxics.pop(name)
        if name in self._expiries:
            self._expiries.pop(name).cancel()
        now_ns = self._clock.now_ns()
        for connection in list(self.connections):
            pump = connection.pumps[active.direction]
            pump.chain.remove(name, now_ns)
            pump.run()

    def find(self, name: str) -> ActiveToxic:
        """The toxic of that name; UnknownNameError."""
        if name not in self.toxics:
            raise UnknownNameError(
                f"fault proxy {self.name} has no toxic {name!r}; expected {', '.join(self.toxics) or 'none'}"
            )
        return self.toxics[name]

    def replace(self, active: ActiveToxic) -> None:
        """Set a toxic anew, with a lease that begins now; as it acts nowhere else, it then stands behind the others."""
        self.remove(active.name)
        self.add(active)

    def disown(self, owner: str) -> None:
        """The owner is gone, and its toxics go with it."""
        for name in [name for name, active in self.toxics.items() if active.owner == owner]:
            self.remove(name)

    def _watch(self, active: ActiveToxic) -> None:
        if active.expires_ns is not None:
            wait_s = max(active.expires_ns - self._clock.now_ns(), 0) / NS_PER_S
            self._expiries[active.name] = asyncio.get_running_loop().call_later(wait_s, self.remove, active.name)

    def _into(self, connection: Connection, active: ActiveToxic) -> None:
        key = (self.name, connection.number, active.direction, active.name)
        if active.toxicity < 1.0 and Draws(self._seed, *key).at("toxicity").random() >= active.toxicity:
            return
        stage = stage_of(active.toxic, Draws(self._seed, *key), HEADER_BYTES[self.framing])
        pump = connection.pumps[active.direction]
        pump.chain.add(active.name, stage, self._clock.now_ns())
        pump.run()

    # --- connections --------------------------------------------------------------------------------------------------

    def _accept(self) -> asyncio.Protocol:
        connection = Connection(self._count, self.framing, self._clock, self._forget)
        self._count += 1
        self.connections.add(connection)
        self._idle.clear()
        for active in self.toxics.values():
            self._into(connection, active)
        task = asyncio.get_running_loop().create_task(self._dial(connection))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)
        return connection.client

    def _forget(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._idle.set()

    async def _dial(self, connection: Connection) -> None:
        with suppress(OSError):
            await asyncio.get_running_loop().create_connection(lambda: connection.server, *self.upstream)
            return
        connection.reset()  # the nearest to "connection refused" that is left once it was accepted here


class Proxies:
    """All proxies of one event loop, by name. Times are those of ``clock``, draws are keyed by ``seed``."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.clock = clock
        self.all: dict[str, Proxy] = {}
        self._seed = seed

    def find(self, name: str) -> Proxy:
        """The proxy of that name; UnknownNameError."""
        if name not in self.all:
            raise UnknownNameError(f"no fault proxy {name!r}; expected {', '.join(self.all) or 'none: there is none yet'}")
        return self.all[name]

    async def create(self, name: str, upstream: tuple[str, int], framing: Framing, listen_port: int) -> Proxy:
        """Make a proxy that listens; UsageError for a name in use."""
        if name in self.all:
            raise UsageError(f"there is a fault proxy {name!r} already")
        made = Proxy(name, upstream, framing, self._seed, self.clock)
        await made.enable(listen_port)
        self.all[name] = made
        return made

    async def delete(self, name: str) -> None:
        """Close a proxy and forget it."""
        await self.find(name).disable()
        del self.all[name]

    async def close(self) -> None:
        """Close them all."""
        for name in list(self.all):
            await self.delete(name)
