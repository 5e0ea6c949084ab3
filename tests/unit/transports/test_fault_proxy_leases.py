"""Leases of toxics, in a loop whose time can be put forward: each ends when it says, and one that was renewed not before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hil.clock import NS_PER_S, VirtualClock
from hil.transports.fault_proxy.proxy import ActiveToxic, Proxy
from hil.transports.fault_proxy.toxics import Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Ahead(asyncio.SelectorEventLoop):
    """Later than it is."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s

    def carry_out(self, what: Callable[[], None]) -> None:
        """In the loop, with whatever is due by now."""
        self.call_soon(what)
        for _ in range(3):
            self.call_soon(self.stop)
            self.run_forever()

    def go_on_to(self, ahead_s: float) -> None:
        """What is due until then is done."""
        self.ahead_s = ahead_s
        self.carry_out(lambda: None)


@pytest.fixture
def loop() -> Iterator[Ahead]:
    made = Ahead()
    yield made
    made.close()


@pytest.fixture
def proxy() -> Proxy:
    """Its own clock stands at zero."""
    return Proxy("p", ("127.0.0.1", 9), "chunks", 1, VirtualClock())


def cut(name: str, lease_s: float) -> ActiveToxic:
    return ActiveToxic(name, Stall(), "downstream", expires_ns=round(lease_s * NS_PER_S))


def test_a_toxic_ends_with_its_lease(loop: Ahead, proxy: Proxy) -> None:
    """And no other with it."""
    loop.carry_out(lambda: proxy.add(cut("short", 100.0)))
    loop.carry_out(lambda: proxy.add(cut("long", 300.0)))
    loop.go_on_to(90.0)
    assert set(proxy.toxics) == {"short", "long"}
    loop.go_on_to(101.0)
    assert set(proxy.toxics) == {"long"}


def test_a_renewed_lease_ends_when_the_new_one_does(loop: Ahead, proxy: Proxy) -> None:
    """The old one's end takes nothing away that was set anew."""
    loop.carry_out(lambda: proxy.add(cut("cut", 100.0)))
    loop.carry_out(lambda: proxy.replace(cut("cut", 300.0)))
    loop.go_on_to(200.0)
    assert set(proxy.toxics) == {"cut"}
    loop.go_on_to(301.0)
    assert not proxy.toxics


def test_the_end_of_a_lease_takes_no_later_toxic_of_that_name(loop: Ahead, proxy: Proxy) -> None:
    """Taken out and set anew without a lease, it stays."""
    loop.carry_out(lambda: proxy.add(cut("cut", 100.0)))
    loop.carry_out(lambda: proxy.remove("cut"))
    loop.carry_out(lambda: proxy.add(ActiveToxic("cut", Stall(), "downstream")))
    loop.go_on_to(1000.0)
    assert set(proxy.toxics) == {"cut"}
