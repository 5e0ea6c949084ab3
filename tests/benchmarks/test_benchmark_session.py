"""Sifted bits per second of a session against the round trip, one block after the other and several in flight; and of tags.

Both parties run in threads of their own over loopback TCP, through a relay that delays every byte by half a round trip. The
figures are by the clock, as most of the time is waiting; they assert nothing about time.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.pipeline.authentication import Authenticator, KeyPool
from hil.pipeline.connecting import Caller, Listener
from hil.pipeline.distiller import Alice, Bob
from hil.pipeline.endpoint import Endpoint
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.lanes import lane_pools
from hil.pipeline.settings import BlockContext, DistillSettings, KeyFate
from hil.pipeline.stepping import run_pair
from hil.ports.detections import DetectionRecords, DetectorRole, Preparations, ReceiverDeclaration, SourceDeclaration
from hil.seeds import stream
from hil.transports.fault_proxy import Latency, ProxyHost

if TYPE_CHECKING:
    from hil.pipeline.settings import BlockResult

pytest.importorskip("pytest_benchmark")

EVENTS, SPACING, TIMEOUT_S = 300_000, 1000, 60.0
IN_FLIGHT = 16
SOURCE = SourceDeclaration(1e9, (0.3, 0.1, 0.0), (0.1, 0.6, 0.3), 0.7)
ROLES = (("z0", 0, 0), ("z1", 0, 1), ("x0", 1, 0), ("x1", 1, 1))
SETTINGS = DistillSettings(
    "session", SOURCE, ReceiverDeclaration(tuple(DetectorRole(*role) for role in ROLES), "passive", 5e-8)
)


@cache
def raw() -> tuple[Any, DetectionRecords]:
    """300,000 events with 1 % of errors: about 150,000 sifted bits of the key basis."""
    rng = stream(1, "session benchmark")
    basis, bases = ((rng.random(EVENTS) >= 0.7).astype(np.uint8) for _ in range(2))
    bit = rng.integers(0, 2, EVENTS, dtype=np.uint8)
    gain = np.array(SOURCE.probabilities) * (1.0 - np.exp(-0.1 * np.array(SOURCE.intensities)))
    intensity = rng.choice(3, EVENTS, p=gain / gain.sum()).astype(np.uint8)
    wrong = np.where(basis == bases, rng.random(EVENTS) < 0.01, rng.random(EVENTS) < 0.5).astype(np.uint8)
    index = np.arange(1, EVENTS + 1, dtype=np.int64) * SPACING

    def prepare(asked: Any) -> Preparations:
        number = asked // SPACING - 1
        return Preparations(basis[number], bit[number], intensity[number])

    return prepare, DetectionRecords(0, (EVENTS + 1) * SPACING, index, bases * 2 + (bit ^ wrong), 1.0)


def parties(lanes: int) -> list[tuple[Alice, Bob]]:
    pre_shared = bytes(range(256)) * 64
    pools = zip(lane_pools(pre_shared, lanes), lane_pools(pre_shared, lanes), strict=True)
    return [
        (Alice(SETTINGS, a, SeededEntropy(1, "alice", n)), Bob(SETTINGS, b, SeededEntropy(1, "bob", n)))
        for n, (a, b) in enumerate(pools)
    ]


def session(blocks: int, lanes: int, round_trip_s: float) -> float:
    """Million sifted key bits a second."""
    prepare, records = raw()
    both = parties(lanes)
    with ExitStack() as stack:
        listener = stack.enter_context(Listener(("127.0.0.1", 0), lanes, TIMEOUT_S))
        address = listener.address
        if round_trip_s:
            proxy = stack.enter_context(ProxyHost(seed=1)).proxy("line", address)
            for direction in ("upstream", "downstream"):
                proxy.add(Latency(round_trip_s / 2.0), direction)
            address = proxy.address
        caller = Caller(address, lanes, TIMEOUT_S)
        of_a: Endpoint[BlockResult] = stack.enter_context(Endpoint("a", listener.connect, lanes, TIMEOUT_S))
        of_b: Endpoint[BlockResult] = stack.enter_context(Endpoint("b", caller.connect, lanes, TIMEOUT_S))
        began_s = time.perf_counter()
        futures = []
        for number in range(blocks):
            context = BlockContext(number, float(number), number + 1.0, 1.0)
            alice, bob = both[number % lanes]
            futures.append(
                (of_a.submit(partial(alice.block, context, prepare)), of_b.submit(partial(bob.block, context, records)))
            )
        results = [(a.result(), b.result()) for a, b in futures]
        took_s = time.perf_counter() - began_s
    assert all(a.fate is b.fate is KeyFate.RELEASED for a, b in results)
    return sum(a.report.sifted_key_bits for a, _ in results) / 1e6 / took_s


@pytest.mark.parametrize("rtt_ms", [0, 1, 10, 100])
def test_session(figure: Any, all_cores: None, rtt_ms: int) -> None:
    """The peer of the pipelined figure is the same session with one block at a time."""
    alone = session(2, 1, rtt_ms / 1e3)
    together = session(2 * IN_FLIGHT, IN_FLIGHT, rtt_ms / 1e3)
    figure(f"session.mbit_s.rtt_{rtt_ms}ms", [together], "Mbit/s", peer="one block at a time", peer_runs=[alone])


def test_tags_against_the_chain(figure: Any, seconds: Any) -> None:
    """Gigabits a second through one-time Poly1305, beside what a block's whole distillation makes and hears of them."""
    transcript = [bytes(40_000)] * 200

    def tag() -> bytes:
        return Authenticator(KeyPool(bytes(128)), "a->b", "metro").tag(*transcript)

    length = 8.0 * sum(map(len, transcript)) / 1e9
    prepare, records = raw()
    said = 0.0

    def distil() -> None:
        nonlocal said
        alice, bob = parties(1)[0]
        context = BlockContext(0, 0.0, 1.0, 1.0)
        mine, _ = run_pair(alice.block(context, prepare), bob.block(context, records))
        (said,) = (line.value for line in mine.report.ledger if line.what == "length of them")

    taken = seconds(distil, rounds=3)
    needed = [8.0 * 2.0 * said / 1e9 / one for one in taken]  # each message is tagged once and checked once
    figure("auth.gbit_s", [length / one for one in seconds(tag)], "Gbit/s", peer="transcript of the chain", peer_runs=needed)
