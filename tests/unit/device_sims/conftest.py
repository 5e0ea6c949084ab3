"""A world and a way to talk to a simulated device's port without any carrier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from hil import discovery
from hil.bench import load
from hil.device_sims.spec import Later, Reply
from hil.device_sims.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hil.device_sims.spec import Session


@pytest.fixture
def lit_world() -> World:
    """The world of metro-25km with its transmitter on: 134.9 nW on the meter (-20 dBm less 8.7 dB of path and 10 dB of tap)."""
    world = World(load("metro-25km"), seed=7)
    world.set_emitting("alice", 0, emitting=True)
    return world


class Talk:
    """One session: bytes in, bytes out, and how late each reply would be."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.delays_s: list[float] = []

    def __call__(self, data: bytes, now_ns: int = 0) -> bytes:
        replies = self.session.received(data, now_ns)
        self.delays_s = [reply.delay_s for reply in replies]
        return b"".join(reply.data for reply in self._kept(replies, now_ns))

    def _kept(self, replies: Sequence[Reply | Later], now_ns: int) -> list[Reply]:
        """What comes later is asked for at its time, once."""
        due_ns = [now_ns + round(reply.delay_s * 1e9) for reply in replies]
        return [
            Reply(reply.make(then_ns)[0]) if isinstance(reply, Later) else reply
            for reply, then_ns in zip(replies, due_ns, strict=True)
        ]


@pytest.fixture
def talk() -> Callable[..., Talk]:
    """Opens the control port of a device of a world."""

    def begin(world: World, device: str) -> Talk:
        declared = world.bench.device[device]
        control, *_ = discovery.find("twin", declared.twin or declared.driver).build(world, device)
        return Talk(control.session())

    return begin


@pytest.fixture
def world_where() -> Callable[..., World]:
    """A world of metro-25km with other values in one device's table."""

    def make(device: str, **values: object) -> World:
        bench = load("metro-25km")
        changed = msgspec.structs.replace(bench.device[device], **values)
        return World(msgspec.structs.replace(bench, device={**bench.device, device: changed}), seed=7)

    return make
