"""Bits per second of the key pipeline's stages, both parties on one core. They assert nothing about time.

The limit to hold them against is real time: the shipped
metropolitan bench sifts about 1.9 Mbit in a block of a second, so everything of ``block`` has to take less than a second on a
core of its own for each party, or two seconds here, where one core steps both.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.bench import load
from hil.bench.model import ReceiverDevice, TransmitterDevice
from hil.device_sims.world.world import World
from hil.pipeline.amplification import amplify, seed_bits
from hil.pipeline.authentication import Authenticator, KeyPool
from hil.pipeline.conversation import Conversation
from hil.pipeline.distiller import Alice, Bob
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Corrected
from hil.pipeline.reconciliation import cascade
from hil.pipeline.settings import BlockContext, DistillSettings, KeyFate
from hil.pipeline.sifting import detected_events
from hil.pipeline.stepping import run_pair
from hil.ports.detections import DetectorRole, ReceiverDeclaration, SourceDeclaration
from hil.seeds import stream

if TYPE_CHECKING:
    from hil.ports.detections import DetectionRecords

pytest.importorskip("pytest_benchmark")

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def block() -> tuple[World, DistillSettings, DetectionRecords]:
    """A second of the shipped bench."""
    bench = load("metro-25km")
    alice, bob = bench.device["alice"], bench.device["bob"]
    assert isinstance(alice, TransmitterDevice)
    assert isinstance(bob, ReceiverDevice)
    world = World(bench, 1)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    world.start_block("bob", 0)
    source = SourceDeclaration(
        alice.pulse_rate_hz, alice.intensities, alice.intensity_probabilities, alice.key_basis_probability
    )
    roles = tuple(DetectorRole(name, number // 2, number % 2) for number, name in enumerate(bob.detectors))
    settings = DistillSettings("metro", source, ReceiverDeclaration(roles, "passive", bob.dead_time_s))
    return world, settings, world.stop_block("bob", SECOND)


def test_block(benchmark: Any, figure: Any, block: tuple[World, DistillSettings, DetectionRecords]) -> None:
    """A block of a second through both parties, the preparations asked for included."""
    world, settings, records = block
    pre_shared = bytes(range(256)) * 8
    messages = 0

    def count(message: Any) -> tuple[bytes]:
        nonlocal messages
        messages += 1
        return (message.data,)

    def distil() -> Any:
        nonlocal messages
        messages = 0
        alice = Alice(settings, KeyPool(pre_shared), SeededEntropy(1, "alice"))
        bob = Bob(settings, KeyPool(pre_shared), SeededEntropy(1, "bob"))
        context = BlockContext(0, 0.0, 1.0, 1.0)
        parties = alice.block(context, lambda index: world.prepare("alice", index)), bob.block(context, records)
        return run_pair(*parties, count)

    mine, theirs = benchmark.pedantic(distil, rounds=5)
    assert mine.fate is theirs.fate is KeyFate.RELEASED
    benchmark.extra_info |= {
        "sifted_bits": mine.report.sifted_key_bits,
        "secret_bits": mine.report.secret_bits,
        "messages": messages,
    }
    figure("pipeline.block_s", benchmark, "s", peer="real time, a core for each party", peer_value=2.0)


def test_sifting_at_bob(seconds: Any, figure: Any, block: tuple[World, DistillSettings, DetectionRecords]) -> None:
    """Dead time, several clicks, and the announcement."""
    _, settings, records = block
    taken = seconds(lambda: detected_events(records, settings.receiver, 1e9, SeededEntropy(1)).announcement())
    figure("pipeline.sifting_at_bob", [records.index.size / 1e6 / one for one in taken], "million clicks/s")


@pytest.mark.parametrize("qber", [0.013, 0.05])
def test_cascade(seconds: Any, figure: Any, qber: float) -> None:
    """A million bits, both parties."""
    rng = stream(1, "benchmark")
    alice = rng.integers(0, 2, 1_000_000, dtype=np.uint8)
    bob = alice ^ (rng.random(alice.size) < qber).astype(np.uint8)

    def reconcile() -> tuple[int, int]:
        ends = Conversation("a"), Conversation("b")

        def bobs() -> Any:
            corrected = yield from cascade.correct(ends[1], bob, qber, SeededEntropy(1))
            yield from ends[1].send(Corrected((0, 0, 0)))
            return corrected

        (_, disclosed), (corrected, _) = run_pair(cascade.answer(ends[0], alice), bobs())
        assert np.array_equal(corrected, alice)
        return disclosed.by_alice, len(ends[0].sent) + len(ends[1].sent)

    disclosed, _messages = reconcile()
    taken = seconds(reconcile, warmup=0)
    q = float((alice != bob).mean())
    entropy = -q * math.log2(q) - (1 - q) * math.log2(1 - q)
    figure(f"pipeline.cascade.qber_{qber}", [alice.size / 1e6 / one for one in taken], "Mbit/s")
    efficiency = [disclosed / (alice.size * entropy)]
    figure(f"pipeline.cascade.efficiency.qber_{qber}", efficiency, "disclosed bits", peer="Slepian-Wolf limit", peer_value=1.0)


@pytest.mark.parametrize("length", [100_000, 1_000_000, 2_000_000])
def test_amplification(seconds: Any, figure: Any, length: int) -> None:
    """One party, to a quarter of the length."""
    rng = stream(1, "benchmark")
    bits = rng.integers(0, 2, length, dtype=np.uint8)
    seed = rng.integers(0, 2, seed_bits(length, length // 4), dtype=np.uint8)
    taken = seconds(lambda: amplify(bits, seed, length // 4))
    figure(f"pipeline.amplification.{length}", [length / 1e6 / one for one in taken], "Mbit/s")


def test_tag(seconds: Any, figure: Any) -> None:
    """A transcript of eight megabytes under one key."""
    transcript = bytes(8_000_000)

    def tag() -> bytes:
        return Authenticator(KeyPool(bytes(128)), "a->b", "metro").tag(transcript)

    figure("pipeline.tag", [len(transcript) / 1e6 / one for one in seconds(tag)], "MB/s")
