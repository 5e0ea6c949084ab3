"""Runs fault proxies in a thread of their own, for a program that blocks on its connections."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

from hil.clock import NS_PER_S, SystemClock
from hil.transports.fault_proxy.connection import DIRECTIONS
from hil.transports.fault_proxy.control import Control
from hil.transports.fault_proxy.proxy import HERE, ActiveToxic, Proxies, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from hil.transports.fault_proxy.connection import Direction
    from hil.transports.fault_proxy.piece import Framing
    from hil.transports.fault_proxy.toxics import Toxic

__all__ = ["FaultProxy", "ProxyHost"]

T = TypeVar("T")

_STOP_S = 10.0


class ProxyHost:
    """Fault proxies on loopback, all in one thread; ``with ProxyHost(seed) as host``.

    Everything random is keyed by ``seed``, the proxy, the connection and the toxic. Times are those of the system: real bytes
    take real time. Closing it closes every connection and port and ends the thread.
    """

    def __init__(self, seed: int) -> None:
        self.clock = SystemClock()
        self._proxies = Proxies(seed, self.clock)
        self._control = Control(self._proxies)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hil-fault-proxy", daemon=True)
        self._thread.start()
        self._closed = False

    def proxy(self, name: str, upstream: tuple[str, int], *, framing: Framing = "chunks", listen_port: int = 0) -> FaultProxy:
        """Listen on loopback for connections to ``upstream`` (host, port); port 0 takes a free one.

        ``framing`` says what one unit of the stream is for toxics that lose, repeat, reorder or reflect units.
        """
        self.call(self._proxies.create(name, upstream, framing, listen_port))
        return FaultProxy(self, name)

    def serve_control(self, port: int = 0) -> tuple[str, int]:
        """Serve toxiproxy's HTTP interface on loopback, for other processes; where.

        BenchError where the port cannot be had.
        """
        return HERE, self.call(self._control.listen(port))

    def close(self) -> None:
        """Close everything; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self.call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    # --- in the loop --------------------------------------------------------------------------------------------------

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the loop's thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def find(self, name: str) -> Proxy:
        """The proxy of that name; UnknownNameError."""
        return self._proxies.find(name)

    def delete(self, name: str) -> None:
        """Close a proxy and forget it."""
        self.call(self._proxies.delete(name))

    async def _shut(self) -> None:
        self._control.close()
        await self._proxies.close()
        ended = asyncio.all_tasks() - {asyncio.current_task()}  # control connections that are just being told
        await asyncio.gather(*ended, return_exceptions=True)


class FaultProxy:
    """One proxy of a host, as other threads see it."""

    def __init__(self, host: ProxyHost, name: str) -> None:
        self.name = name
        self._host = host

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect to."""
        return HERE, self._proxy.port

    @property
    def toxics(self) -> tuple[ActiveToxic, ...]:
        """What acts at present."""
        return self._do(lambda proxy: tuple(proxy.toxics.values()))

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return self._do(lambda proxy: len(proxy.connections))

    def passed_bytes(self, direction: Direction) -> int:
        """Bytes that the present connections delivered in that direction."""
        return self._do(lambda proxy: sum(each.pumps[direction].passed_bytes for each in proxy.connections))

    def add(
        self,
        toxic: Toxic,
        direction: Direction | None = None,
        *,
        name: str | None = None,
        toxicity: float = 1.0,
        ttl_s: float | None = None,
    ) -> tuple[str, ...]:
        """Put a toxic in, on both directions where none is given; the names it got.

        It dies with this process, or after ``ttl_s``. UsageError for a name in use.
        """
        expires_ns = None if ttl_s is None else self._host.clock.now_ns() + round(ttl_s * NS_PER_S)
        stem = name or toxic.type
        actives = [
            ActiveToxic(f"{stem}_{each}", toxic, each, toxicity, expires_ns=expires_ns)
            for each in (DIRECTIONS if direction is None else (direction,))
        ]

        def put(proxy: Proxy) -> None:
            for active in actives:
                proxy.add(active)

        self._do(put)
        return tuple(active.name for active in actives)

    def remove(self, *names: str) -> None:
        """Take toxics out; what they held goes on in order. UnknownNameError."""

        def take(proxy: Proxy) -> None:
            for name in names:
                proxy.remove(name)

        self._do(take)

    def down(self) -> None:
        """Refuse connections, and close those there are."""
        self._host.call(self._proxy.disable())

    def up(self) -> None:
        """Listen again, on the same port."""
        self._host.call(self._proxy.enable())

    def close(self) -> None:
        """Close its port and connections."""
        self._host.delete(self.name)

    @property
    def _proxy(self) -> Proxy:
        return self._host.find(self.name)

    def _do(self, what: Callable[[Proxy], T]) -> T:
        async def work() -> T:
            return what(self._proxy)

        return self._host.call(work())
