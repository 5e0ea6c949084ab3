"""A block's books: what was counted, disclosed, spent and allowed, and the report that both parties draw from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hil.pipeline.authentication import KEY_BITS
from hil.pipeline.estimation import SiftedCounts
from hil.pipeline.ledger import entries
from hil.pipeline.reconciliation.cascade import Disclosed
from hil.ports.run import BlockReport

if TYPE_CHECKING:
    from hil.pipeline.estimation import Estimate
    from hil.pipeline.messages import Detections, Partners, Synchronised
    from hil.pipeline.pair_estimation import PairEstimate
    from hil.pipeline.pair_sifting import PairSifted
    from hil.pipeline.settings import BlockContext, DistillSettings, EntangledSettings
    from hil.pipeline.sifting import Sifted

__all__ = ["Account"]


@dataclass
class Account:
    """Numbers of one block as far as it got; no key material."""

    settings: DistillSettings | EntangledSettings
    context: BlockContext
    announced: Detections | None = None
    synchronised: Synchronised | None = None
    disclosed_pulses: int = 0
    partners: Partners | None = None
    coincidences: int = 0
    chsh: tuple[tuple[int, int], ...] = ()
    """Pairs of each two CHSH settings, and those of them whose bits differ."""
    key: tuple[int, ...] = ()
    test: tuple[int, ...] = ()
    test_errors: tuple[int, ...] = ()
    key_errors: tuple[int, ...] | None = None
    disclosed: Disclosed = field(default_factory=Disclosed)
    check_bits: int = 0
    estimate: Estimate | PairEstimate | None = None
    barred: bool = False
    allowed_bits: int = 0
    secret_bits: int = 0
    pool_bits: int = 0
    spent_keys: int = 0
    transcript_bytes: int = 0
    messages: int = 0

    def sifted(self, sifted: Sifted | PairSifted) -> None:
        """Take over the counts."""
        self.key, self.test, self.test_errors = sifted.key, sifted.test, sifted.test_errors or ()

    @property
    def counts(self) -> SiftedCounts:
        """What the estimation takes."""
        return SiftedCounts(self.key, self.test, self.test_errors, self.key_errors or ())

    @property
    def key_qber(self) -> float:
        """Error ratio of the key basis, counted by the correction."""
        return sum(self.key_errors or ()) / sum(self.key)

    @property
    def disclosed_bits(self) -> int:
        """What is charged to the key: parities under the declared accounting, and the verification hash."""
        charged = self.disclosed.by_alice + self.check_bits
        if self.settings.leakage == "both-directions":
            charged += self.disclosed.by_bob + self.told_errors_bits
        return charged

    @property
    def told_errors_bits(self) -> int:
        """What Bob's counts of errors by intensity can tell of the key: they are one of so many numbers each."""
        return 0 if self.key_errors is None else sum(bits.bit_length() for bits in self.key)

    @property
    def delivered_bits(self) -> int:
        """What leaves as keys: whole pieces of what the pool leaves."""
        left = self.secret_bits - self.pool_bits
        return left - left % self.settings.key_size_bits

    @property
    def authentication_bits(self) -> int:
        """One-time keys spent in this block."""
        return KEY_BITS * self.spent_keys

    @property
    def taken_out(self) -> int:
        """Clicks that synchronisation took out of the block."""
        told = self.synchronised
        return 0 if told is None else told.outside + told.unassigned + told.disclosed

    def adds_up(self) -> bool:
        """Whether no more goes out than may, and every part is a part of something."""
        if self.announced is None or self.key_errors is None or self.estimate is None:
            return False
        sifted = sum(self.key) + sum(self.test)
        return (
            sifted <= self.announced.events <= self.announced.clicks - self.taken_out
            and all(wrong <= all_ for wrong, all_ in zip(self.test_errors, self.test, strict=True))
            and all(wrong <= all_ for wrong, all_ in zip(self.key_errors, self.key, strict=True))
            and 0 <= self.delivered_bits + self.pool_bits <= self.secret_bits <= self.allowed_bits <= sum(self.key)
        )

    def report(self, sentence: str, fingerprints: tuple[str, ...] = (), *, released: bool = False) -> BlockReport:
        """As both parties see the block."""
        context = self.context
        key_errors: tuple[int | None, ...] = self.key_errors or (None,) * len(self.key)
        test_errors = self.test_errors or (0,) * len(self.test)
        by_intensity = [
            *((number, 0, bits, wrong) for number, (bits, wrong) in enumerate(zip(self.key, key_errors, strict=True))),
            *((number, 1, bits, wrong) for number, (bits, wrong) in enumerate(zip(self.test, test_errors, strict=True))),
        ]
        return BlockReport(
            sequence=context.sequence,
            start_s=context.start_s,
            end_s=context.end_s,
            live_s=context.live_s,
            detections=self.announced.clicks if self.announced is not None else 0,
            sifted_key_bits=sum(self.key),
            sifted_test_bits=sum(self.test),
            test_errors=sum(self.test_errors),
            key_errors=None if self.key_errors is None else sum(self.key_errors),
            disclosed_bits=self.disclosed_bits,
            authentication_bits=self.authentication_bits,
            secret_bits=self.secret_bits if released else 0,
            released=released,
            sentence=sentence,
            key_fingerprints=fingerprints,
            by_intensity=tuple(by_intensity),
            chsh=self.chsh,
            ledger=entries(self, released=released),
            faults=context.faults,
            barred=self.barred,
        )
