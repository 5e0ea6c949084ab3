"""The two parties of an entangled link for one test, and what they know beforehand."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, cast

from hil.errors import BenchError, UsageError
from hil.pipeline.account import Account
from hil.pipeline.entangled import EntangledAlice, EntangledBob
from hil.pipeline.reconciliation.choice import require
from hil.pipeline.settings import EntangledSettings, settings_digest
from hil.ports.detections import DetectorRole, ReceiverDeclaration, TagRecords
from hil.testbed.distilling import key_size_bits, lane_shares

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.bench.model import Bench, PairSourceDevice, ReceiverDevice
    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockContext, BlockResult
    from hil.ports.detections import DetectionRecords, PairSourceDeclaration
    from hil.ports.roles import PairSource
    from hil.ports.run import BlockReport
    from hil.testbed.link import Link

    Begin = Callable[[], Party[BlockResult]]

__all__ = ["EntangledSession", "declared_pair_source"]

_CHSH = ((0, 2), (0, 3), (1, 2), (1, 3))


class EntangledSession:
    """Alice and Bob of one link for one test, a pair to each lane; records come as (b's, a's)."""

    def __init__(self, link: Link) -> None:
        settings = self._settings = _settings_of(link)
        of_alice, of_bob = lane_shares(link)
        self._alice = [EntangledAlice(settings, pool, entropy) for pool, entropy in of_alice]
        self._bob = [EntangledBob(settings, pool, entropy) for pool, entropy in of_bob]
        self.settings_digest = settings_digest(settings, self._alice[0].pool)

    def begin(self, context: BlockContext, records: tuple[DetectionRecords | TagRecords, ...]) -> tuple[Begin, Begin]:
        """What starts a block at either end; each sees its own detections and what the other sends."""
        of_b, of_a = (_slots(own) for own in records)
        lane = context.sequence % len(self._alice)
        return partial(self._alice[lane].block, context, of_a), partial(self._bob[lane].block, context, of_b)

    def lost(self, context: BlockContext, sentence: str) -> BlockReport:
        """The books of a block that neither of them ever saw."""
        return Account(self._settings, context).report(f"no key: {sentence}")


def _slots(records: DetectionRecords | TagRecords) -> DetectionRecords:
    """UsageError for tags: coincidences are found by slot."""
    if isinstance(records, TagRecords):
        raise UsageError("tags of a receiver of an entangled link; its receivers tell pulse indices")
    return records


def declared_pair_source(source: PairSource, bench: Bench) -> PairSourceDeclaration:
    """What the source says it sends; BenchError unless the bench file says the same."""
    told, declared = source.source(), cast("PairSourceDevice", bench.device[source.name])
    for what in ("pulse_rate_hz", "mean_pairs", "modes"):
        found, expected = getattr(told, what), getattr(declared, what)
        if not math.isclose(found, expected):
            raise BenchError(
                f"{source.name}: says its {what} is {found:g}; [device.{source.name}] says {expected:g}."
                " Correct the bench file, or set the device up as it says"
            )
    if told.statistics != declared.statistics:
        raise BenchError(
            f"{source.name}: says its pairs are {told.statistics}; [device.{source.name}] says {declared.statistics}."
            " Correct the bench file, or set the device up as it says"
        )
    return told


def _settings_of(link: Link) -> EntangledSettings:
    """What both parties know before the first block; TEST keys, as the raw bits of both ends cross this host."""
    proof, parties = link.declared.proof, link.declared.parties
    require(proof.reconciliation)
    devices = [cast("ReceiverDevice", link.testbed.bench.device[parties[party]]) for party in ("a", "b")]
    return EntangledSettings(
        link=link.name,
        source=link.source,
        receivers=(_declaration(devices[0]), _declaration(devices[1])),
        chsh=_CHSH if link.declared.protocol == "e91" else (),
        epsilon_secrecy=proof.epsilon_secrecy,
        epsilon_correctness=proof.epsilon_correctness,
        qber_limit=proof.qber_limit,
        reconciliation=proof.reconciliation,
        leakage=proof.leakage,
        bounds=proof.bounds,
        efficiency_ratio=devices[0].efficiency_ratio * devices[1].efficiency_ratio,
        key_size_bits=key_size_bits(link),
    )


def _declaration(device: ReceiverDevice) -> ReceiverDeclaration:
    """Detectors by meaning: two to a setting, bit 0 first, in the order of the bench file."""
    return ReceiverDeclaration(
        detectors=tuple(DetectorRole(name, number // 2, number % 2) for number, name in enumerate(device.detectors)),
        basis_choice=device.basis_choice,
        dead_time_s=device.dead_time_s,
    )
