"""A small link that gives key within milliseconds, for tests that run the whole protocol many times."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.pipeline.authentication import KeyPool
from hil.pipeline.distiller import Alice, Bob
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.lanes import lane_pools
from hil.pipeline.settings import BlockContext, DistillSettings
from hil.pipeline.stepping import run_pair
from hil.ports.detections import DetectionRecords, DetectorRole, Preparations, ReceiverDeclaration, SourceDeclaration
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Interceptor

if TYPE_CHECKING:
    Begin = Callable[[], Party[BlockResult]]

PRE_SHARED = bytes(range(256)) * 2
SPACING = 1000
INTENSITIES = (0.3, 0.1, 0.0)
PROBABILITIES = (0.1, 0.6, 0.3)

SOURCE = SourceDeclaration(1e9, INTENSITIES, PROBABILITIES, 0.7)
RECEIVER = ReceiverDeclaration(
    tuple(DetectorRole(name, basis, bit) for name, basis, bit in (("z0", 0, 0), ("z1", 0, 1), ("x0", 1, 0), ("x1", 1, 1))),
    "passive",
    50e-9,
)
SETTINGS = DistillSettings("short", SOURCE, RECEIVER, epsilon_secrecy=1e-2, epsilon_correctness=1e-9)


@dataclass
class SmallLink:
    """Alice and Bob with their pools, and raw blocks made of nothing but random numbers: each click is of one pulse.

    ``settings`` may be changed before the first block.
    """

    settings: DistillSettings = SETTINGS
    seed: int = 1
    pre_shared: bytes = PRE_SHARED
    context: BlockContext = field(default_factory=lambda: BlockContext(-1, -1.0, 0.0, 1.0))

    def __post_init__(self) -> None:
        self.alice = Alice(self.settings, KeyPool(self.pre_shared), SeededEntropy(self.seed, "alice"))
        self.bob = Bob(self.settings, KeyPool(self.pre_shared), SeededEntropy(self.seed, "bob"))

    def raw(
        self, events: int = 20_000, qber: float = 0.01
    ) -> tuple[Callable[[npt.NDArray[np.int64]], Preparations], DetectionRecords]:
        """What Alice can be asked for, and what clicked at Bob."""
        rng = stream(self.seed, "raw", self.context.sequence, events)
        basis, bases = ((rng.random(events) >= 0.7).astype(np.uint8) for _ in range(2))
        bit = rng.integers(0, 2, events, dtype=np.uint8)
        source = self.settings.source
        gain = np.array(source.probabilities) * (1.0 - np.exp(-0.1 * np.array(source.intensities)))
        intensity = rng.choice(gain.size, events, p=gain / gain.sum()).astype(np.uint8)
        wrong = np.where(basis == bases, rng.random(events) < qber, rng.random(events) < 0.5)
        index = np.arange(1, events + 1, dtype=np.int64) * SPACING

        def prepare(asked: npt.NDArray[np.int64]) -> Preparations:
            number = (asked // SPACING - 1) % max(events, 1)
            return Preparations(basis[number], bit[number], intensity[number])

        records = DetectionRecords(0, (events + 1) * SPACING, index, bases * 2 + (bit ^ wrong.astype(np.uint8)), 1.0)
        return prepare, records

    def next_block(self, **about: Any) -> BlockContext:
        """Go on to the next block."""
        number = self.context.sequence + 1
        self.context = replace(BlockContext(number, float(number), number + 1.0, 1.0, pulses=(0, 1_000_000_000)), **about)
        return self.context

    def run(self, interceptor: Interceptor | None = None, **about: Any) -> tuple[BlockResult, BlockResult]:
        """One more block; ``events`` and ``qber`` of the raw data, the rest goes into the context."""
        raw = {name: about.pop(name) for name in ("events", "qber") if name in about}
        self.next_block(**about)
        prepare, records = self.raw(**raw)
        return run_pair(self.alice.block(self.context, prepare), self.bob.block(self.context, records), interceptor)


@dataclass
class SmallLanes:
    """Small links side by side, one to a lane: blocks in flight. Lane keys are shares of ``pre_shared``."""

    lanes: int
    settings: DistillSettings = SETTINGS
    seed: int = 1
    pre_shared: bytes = PRE_SHARED * 4
    events: int = 20_000
    qber: float = 0.01
    begun: int = 0

    def __post_init__(self) -> None:
        pools = (lane_pools(self.pre_shared, self.lanes), lane_pools(self.pre_shared, self.lanes))
        self.alice = [Alice(self.settings, pool, SeededEntropy(self.seed, "alice", n)) for n, pool in enumerate(pools[0])]
        self.bob = [Bob(self.settings, pool, SeededEntropy(self.seed, "bob", n)) for n, pool in enumerate(pools[1])]

    def next_blocks(self, number: int, events: int | None = None) -> tuple[list[Begin], list[Begin]]:
        """What begins the next blocks at either end."""
        of_a: list[Begin] = []
        of_b: list[Begin] = []
        for sequence in range(self.begun, self.begun + number):
            context = BlockContext(sequence, float(sequence), sequence + 1.0, 1.0)
            raw = SmallLink(self.settings, self.seed, context=context)
            prepare, records = raw.raw(self.events if events is None else events, self.qber)
            lane = sequence % self.lanes
            of_a.append(partial(self.alice[lane].block, context, prepare))
            of_b.append(partial(self.bob[lane].block, context, records))
        self.begun += number
        return of_a, of_b


@pytest.fixture
def small_lanes() -> Callable[..., SmallLanes]:
    """Makes small links with blocks in flight."""
    return SmallLanes


@pytest.fixture
def small() -> Callable[..., SmallLink]:
    """Makes small links."""
    return SmallLink
