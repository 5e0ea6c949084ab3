"""The two parties of a link: who they are, what they know beforehand, and one block between them."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from hil.bench.model import KmeDevice
from hil.errors import BenchError, DeviceError, UsageError
from hil.pipeline.account import Account
from hil.pipeline.authentication import KEY_BYTES
from hil.pipeline.distiller import Alice, Bob
from hil.pipeline.lanes import lane_pools
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.reconciliation.choice import require
from hil.pipeline.settings import DistillSettings, settings_digest
from hil.ports.detections import DetectorRole, ReceiverDeclaration, TagTiming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    import numpy.typing as npt

    from hil.pipeline.authentication import KeyPool
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockContext, BlockResult
    from hil.ports.detections import DetectionRecords, Preparations, SourceDeclaration, TagRecords
    from hil.ports.run import BlockReport
    from hil.testbed.link import Link

    Begin = Callable[[], Party[BlockResult]]

__all__ = [
    "Session",
    "declared_source",
    "key_size_bits",
    "lane_shares",
    "settings_of",
]

_PRE_SHARED_KEYS = 256
"""One-time authentication keys that both directions of a link start with, together."""

_KEY_BITS = 256
_TOLD = (
    "key_basis_probability",
    "source",
    "g2",
    "bit_one_probability",
    "intensity_fluctuation",
    "intensity_correlation",
    "preparation_error",
    "phase",
    "encoding",
)
"""What a transmitter says of itself by the same names as the bench file."""


class Session:
    """Alice and Bob of one link for one test: what they share grows and is spent from block to block, lane by lane."""

    def __init__(self, link: Link) -> None:
        self._transmitter = link.transmitter
        settings = self._settings = settings_of(link)
        of_alice, of_bob = lane_shares(link)
        self._alice = [Alice(settings, pool, entropy) for pool, entropy in of_alice]
        self._bob = [Bob(settings, pool, entropy) for pool, entropy in of_bob]
        self.settings_digest = settings_digest(settings, self._alice[0].pool)

    def begin(self, context: BlockContext, records: tuple[DetectionRecords | TagRecords, ...]) -> tuple[Begin, Begin]:
        """What starts a block at either end; each sees its own device and what the other sends."""
        lane = context.sequence % len(self._alice)
        alice, bob = self._alice[lane], self._bob[lane]
        return partial(alice.block, context, self._prepared), partial(bob.block, context, records[0])

    def _prepared(self, index: npt.NDArray[np.int64]) -> Preparations:
        """What Alice's device prepared; without it the block ends, and her side tells the other."""
        try:
            return self._transmitter.prepare(index)
        except DeviceError as error:
            raise NoKeyError(Reason.DEVICE, f"{Reason.DEVICE.sentence}: {error}") from error

    def lost(self, context: BlockContext, sentence: str) -> BlockReport:
        """The books of a block that neither of them ever saw."""
        return Account(self._settings, context).report(f"no key: {sentence}")


def lane_shares(link: Link) -> tuple[list[tuple[KeyPool, Entropy]], list[tuple[KeyPool, Entropy]]]:
    """Pool and random bits of each lane, at a's end of a link and at b's.

    The pre-shared key is drawn once, made afresh for each test as both ends are on this host; nothing of a pool outlives it.
    """
    testbed, lanes = link.testbed, link.declared.classical.lanes
    pre_shared = testbed.entropy(link.name, "pre-shared").draw("pre-shared", _PRE_SHARED_KEYS * KEY_BYTES)
    of_alice, of_bob = (
        [(pool, testbed.entropy(link.name, party, lane)) for lane, pool in enumerate(lane_pools(pre_shared, lanes))]
        for party in ("alice", "bob")
    )
    return of_alice, of_bob


def settings_of(link: Link) -> DistillSettings:
    """What both parties know before the first block.

    The keys are TEST keys also on hardware: the raw bits of both ends cross this host.
    """
    proof = link.declared.proof
    require(proof.reconciliation)
    return DistillSettings(
        link=link.name,
        source=link.source,
        receiver=_receiver_declaration(link),
        epsilon_secrecy=proof.epsilon_secrecy,
        epsilon_correctness=proof.epsilon_correctness,
        qber_limit=proof.qber_limit,
        reconciliation=proof.reconciliation,
        leakage=proof.leakage,
        bounds=proof.bounds,
        intensity_uncertainty=link.transmitter_declared.intensity_uncertainty,
        efficiency_ratio=link.receiver_declared.efficiency_ratio,
        key_size_bits=key_size_bits(link),
        test=True,
    )


def _receiver_declaration(link: Link) -> ReceiverDeclaration:
    """Detectors by meaning: key basis first, bit 0 before bit 1, as bench files list them."""
    declared = link.receiver_declared
    if len(declared.detectors) != 4:
        raise UsageError(
            f"device.{link.receiver.name}.detectors: found {len(declared.detectors)}; distillation takes four, two a basis"
        )
    return ReceiverDeclaration(
        detectors=tuple(DetectorRole(name, number // 2, number % 2) for number, name in enumerate(declared.detectors)),
        basis_choice=declared.basis_choice,
        dead_time_s=declared.dead_time_s,
        timing=TagTiming(Fraction(repr(declared.tick_s)), declared.window_s) if declared.timing == "tags" else None,
    )


def declared_source(link: Link) -> SourceDeclaration:
    """What the transmitter says it sends; BenchError unless the bench file says the same, as proofs rest on it."""
    told, declared = link.transmitter.source(), link.transmitter_declared
    pairs: list[tuple[str, tuple[object, ...], tuple[object, ...]]] = [
        ("pulse_rate_hz", (told.pulse_rate_hz,), (declared.pulse_rate_hz,)),
        ("intensities", told.intensities, declared.intensities),
        ("intensity_probabilities", told.probabilities, declared.intensity_probabilities),
        *((name, _several(getattr(told, name)), _several(getattr(declared, name))) for name in _TOLD),
    ]
    for what, found, expected in pairs:
        if len(found) != len(expected) or not all(map(_same, found, expected)):
            raise BenchError(
                f"{link.transmitter.name}: says its {what} is {_listed(found)}; [device.{link.transmitter.name}] says"
                f" {_listed(expected)}. Correct the bench file, or set the device up as it says"
            )
    return told


def _several(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _same(found: object, expected: object) -> bool:
    if isinstance(found, float | int) and isinstance(expected, float | int):
        return math.isclose(found, expected)
    return found == expected


def _listed(values: Iterable[object]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float | int) else str(value) for value in values) or "nothing"


def key_size_bits(link: Link) -> int:
    """Bits of each key of the link: what its key management entities ask for."""
    kme = link.testbed.bench.device.get(link.declared.kmes.get("a", ""))
    return kme.key_size if isinstance(kme, KmeDevice) else _KEY_BITS
