"""What a distillation is told beforehand, and what comes out of a block."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.pipeline.authentication import KeyPool
    from hil.pipeline.event_log import Event
    from hil.pipeline.split import Bounds
    from hil.pipeline.stopwatch import Spent
    from hil.ports.detections import PairSourceDeclaration, ReceiverDeclaration, SourceDeclaration
    from hil.ports.run import BlockReport
    from hil.ports.secret import SecretBytes

__all__ = ["BlockContext", "BlockResult", "DistillSettings", "EntangledSettings", "KeyFate", "settings_digest"]


@dataclass(frozen=True)
class DistillSettings:
    """Known to both parties before the first block of a link.

    Keys are delivered in pieces of ``key_size_bits``; ``test`` marks them TEST (simulated, or seen by the test host).
    ``leakage`` is how a two-way correction is charged (:mod:`hil.pipeline.estimation` says what each rests on).
    ``reconciliation`` names the error correction (:mod:`hil.pipeline.reconciliation.choice`). ``bounds`` and
    ``efficiency_ratio``: :mod:`hil.pipeline.split`; ``intensity_uncertainty``: :mod:`hil.pipeline.intensities`.
    """

    link: str
    source: SourceDeclaration
    receiver: ReceiverDeclaration
    epsilon_secrecy: float = 1e-9
    epsilon_correctness: float = 1e-15
    qber_limit: float = 0.08
    key_size_bits: int = 256
    test: bool = True
    leakage: Literal["both-directions", "error-pattern"] = "both-directions"
    bounds: Bounds = "published"
    intensity_uncertainty: float = 0.0
    efficiency_ratio: float = 1.0
    reconciliation: Literal["cascade", "cascade-fast", "cascade-efficient", "ldpc"] = "cascade"


@dataclass(frozen=True)
class EntangledSettings:
    """As :class:`DistillSettings`, of a link with a pair source between two receivers, ``receivers`` of a and of b.

    ``chsh``: which settings of a and b are disclosed for the CHSH value, in the order of its sum (the second is subtracted).
    """

    link: str
    source: PairSourceDeclaration
    receivers: tuple[ReceiverDeclaration, ReceiverDeclaration]
    chsh: tuple[tuple[int, int], ...] = ()
    epsilon_secrecy: float = 1e-9
    epsilon_correctness: float = 1e-15
    qber_limit: float = 0.08
    key_size_bits: int = 256
    test: bool = True
    leakage: Literal["both-directions", "error-pattern"] = "both-directions"
    bounds: Bounds = "published"
    efficiency_ratio: float = 1.0
    reconciliation: Literal["cascade", "cascade-fast", "cascade-efficient", "ldpc"] = "cascade"


@dataclass(frozen=True)
class BlockContext:
    """What the bench knows of a block, in bench seconds; ``faults`` name the fault windows that touch it.

    ``only_in_fault``: some fault was in at every moment of it, so it gives no key. ``pulses``: what Alice's own count was when
    the block began and when it ended, good to milliseconds; she answers no event of another pulse. None where nobody counts
    (an entangled link); a receiver with tags needs it.
    """

    sequence: int
    start_s: float
    end_s: float
    live_s: float
    faults: tuple[str, ...] = ()
    only_in_fault: bool = False
    pulses: tuple[int, int] | None = None


class KeyFate(Enum):
    """What became of a block's key at one party."""

    RELEASED = "released"
    DISCARDED = "discarded"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True)
class BlockResult:
    """One party's end of a block; ``keys`` holds (key ID, key), and is empty unless the fate is RELEASED.

    ``settled``: an earlier block of this party that was in doubt and found its fate at the start of this one, keys included.
    ``log``: what the party sent, heard and learned, in order. ``stages``: what each stage took of this process at this party;
    two results that differ in it alone are equal.
    """

    fate: KeyFate
    report: BlockReport
    keys: tuple[tuple[str, SecretBytes], ...] = ()
    settled: BlockResult | None = None
    log: tuple[Event, ...] = field(default=(), repr=False)
    stages: Mapping[str, Spent] = field(default_factory=dict, compare=False, repr=False)


def settings_digest(settings: DistillSettings | EntangledSettings, pool: KeyPool) -> bytes:
    """Names everything that both ends have to be set up with alike."""
    return hashlib.sha256(f"{settings!r} {pool.target_keys}".encode()).digest()
