"""The two parties of a link: who they are, what they know beforehand, and one block between them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from hil.bench.model import KmeDevice
from hil.errors import BenchError, UsageError
from hil.pipeline.authentication import KEY_BYTES, KeyPool
from hil.pipeline.distiller import Alice, Bob
from hil.pipeline.reconciliation.choice import require
from hil.pipeline.settings import DistillSettings
from hil.pipeline.stepping import run_pair
from hil.ports.detections import DetectorRole, ReceiverDeclaration, TagTiming

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.pipeline.settings import BlockContext, BlockResult
    from hil.pipeline.stepping import Interceptor
    from hil.ports.detections import DetectionRecords, SourceDeclaration, TagRecords
    from hil.testbed.link import Link

__all__ = ["PRE_SHARED_KEYS", "Session", "declared_source", "key_size_bits", "receiver_declaration", "settings_of"]

PRE_SHARED_KEYS = 256
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
    """Alice and Bob of one link for one test: what they share grows and is spent from block to block."""

    def __init__(self, link: Link) -> None:
        self._prepare = link.transmitter.prepare
        settings = settings_of(link)
        pre_shared = link.testbed.entropy(link.name, "pre-shared").draw("pre-shared", PRE_SHARED_KEYS * KEY_BYTES)
        self._alice = Alice(settings, KeyPool(pre_shared), link.testbed.entropy(link.name, "alice"))
        self._bob = Bob(settings, KeyPool(pre_shared), link.testbed.entropy(link.name, "bob"))

    def block(
        self, context: BlockContext, records: tuple[DetectionRecords | TagRecords, ...], interceptor: Interceptor | None
    ) -> tuple[BlockResult, BlockResult]:
        """One block, by both parties; each sees its own device and what the other sends."""
        return run_pair(self._alice.block(context, self._prepare), self._bob.block(context, records[0]), interceptor)


def settings_of(link: Link) -> DistillSettings:
    """What both parties know before the first block.

    The keys are TEST keys also on hardware: the raw bits of both ends cross this host.
    """
    proof = link.declared.proof
    require(proof.reconciliation)
    return DistillSettings(
        link=link.name,
        source=link.source,
        receiver=receiver_declaration(link),
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


def receiver_declaration(link: Link) -> ReceiverDeclaration:
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
