"""Leases of toxics, by a loop whose time can be put forward: each ends when it says, and one that was renewed not before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hil.clock import NS_PER_S, VirtualClock
from hil.transports.fault_proxy.proxy import ActiveToxic, Proxy
from hil.transports.fault_proxy.toxics import Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Ahead(asyncio.SelectorEventLoop):
    """Later than it is."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s

    async def go_on_to(self, ahead_s: float) -> None:
        """What was due until then is done."""
        self.ahead_s = ahead_s
        for _ in range(3):
            await asyncio.sleep(0)


def told(story: Callable[[Ahead, Proxy], Coroutine[Any, Any, None]]) -> None:
    loop = Ahead()
    try:
        loop.run_until_complete(story(loop, Proxy("p", ("127.0.0.1", 9), "chunks", 1, VirtualClock())))
    finally:
        loop.close()


def cut(name: str, lease_s: float) -> ActiveToxic:
    """The proxy's own clock stands at zero."""
    return ActiveToxic(name, Stall(), "downstream", expires_ns=round(lease_s * NS_PER_S))


def test_a_toxic_ends_with_its_lease() -> None:
    """And no other with it."""

    async def story(loop: Ahead, proxy: Proxy) -> None:
        proxy.add(cut("short", 100.0))
        proxy.add(cut("long", 300.0))
        await loop.go_on_to(99.0)
        assert set(proxy.toxics) == {"short", "long"}
        await loop.go_on_to(101.0)
        assert set(proxy.toxics) == {"long"}

    told(story)


def test_a_renewed_lease_ends_when_the_new_one_does() -> None:
    """The old one's end takes nothing away that was set anew."""

    async def story(loop: Ahead, proxy: Proxy) -> None:
        proxy.add(cut("cut", 100.0))
        proxy.replace(cut("cut", 300.0))
        await loop.go_on_to(200.0)
        assert set(proxy.toxics) == {"cut"}
        await loop.go_on_to(301.0)
        assert not proxy.toxics

    told(story)


def test_the_end_of_a_lease_does_not_take_a_later_toxic_of_that_name() -> None:
    """Taken out and set anew without a lease, it stays."""

    async def story(loop: Ahead, proxy: Proxy) -> None:
        proxy.add(cut("cut", 100.0))
        proxy.remove("cut")
        proxy.add(ActiveToxic("cut", Stall(), "downstream"))
        await loop.go_on_to(1000.0)
        assert set(proxy.toxics) == {"cut"}

    told(story)
