"""A world, a way to talk to a simulated device's port without any carrier, and counts that show a mistake of 1 %."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec
import pytest
from scipy import stats

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


@dataclass(frozen=True)
class Counted:
    """A count beside its prediction; ``variance`` is the count's, ``beside`` the relative error of the closed form."""

    what: str
    count: float
    mean: float
    variance: float
    beside: float = 0.0


class OnePercent:
    """Judges counts: a wrong prediction shows, one that is off by 1 % either way too.

    All the comparisons of a file together raise a false alarm with a probability below 1e-6, shared evenly over 1000 of them.
    The power is counted from the prediction alone. Every comparison is made twice more with the planted mistake of a factor
    1.01 and 1 / 1.01, and has to reject both.
    """

    sigmas = float(stats.norm.isf(1e-6 / 1000 / 2.0))
    power = 0.99
    mistake = 0.01
    counts = math.ceil(1.3 * ((sigmas + float(stats.norm.isf(1.0 - power))) / mistake) ** 2)
    """So many Poissonian counts show 1 %, and a third more for what a formula leaves out."""

    def poisson(self, what: str, count: float, mean: float, beside: float = 0.0) -> Counted:
        """Of independent pulses: a little narrower than Poisson."""
        return Counted(what, float(count), mean, mean, beside)

    def spread(self, what: str, count: float, mean: float, fano: float, beside: float = 0.0) -> Counted:
        """Of a count whose variance is this many times its mean."""
        return Counted(what, float(count), mean, fano * mean, beside)

    def rejects(self, one: Counted, factor: float = 1.0) -> bool:
        """Whether the count refutes this many times the prediction."""
        off = abs(one.count - factor * one.mean) - one.beside * one.mean
        return off > self.sigmas * math.sqrt(one.variance)

    def power_of(self, one: Counted) -> float:
        """How probably a prediction that is off by 1 % is rejected."""
        shift = (self.mistake / (1.0 + self.mistake) - one.beside) * one.mean / math.sqrt(one.variance)
        return float(stats.norm.sf(self.sigmas - shift))

    def hold(self, comparisons: list[Counted]) -> None:
        """Nothing is refuted, the power is there, and every planted 1 % is refuted."""
        assert {one.what: self.power_of(one) for one in comparisons if self.power_of(one) < self.power} == {}
        assert [one for one in comparisons if self.rejects(one)] == []
        planted = (1.0 + self.mistake, 1.0 / (1.0 + self.mistake))
        assert [one for one in comparisons for factor in planted if not self.rejects(one, factor)] == []


@pytest.fixture
def one_percent() -> OnePercent:
    """The judge."""
    return OnePercent()


@pytest.fixture
def fastest_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clicks are the same."""
    monkeypatch.setenv("HIL_ENGINE", "numba" if find_spec("numba") else "numpy")
