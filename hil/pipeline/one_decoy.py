"""How much of a sifted block nobody else knows when the source sends a signal and one decoy.

Source: J. Wiesemann, J. Krause, D. Tupkary, N. Lütkenhaus, D. Rusca, N. Walenta, "A consolidated and accessible security proof
for finite-size decoy-state quantum key distribution" (arXiv:2405.16578), which mends D. Rusca et al., Appl. Phys. Lett. 112,
171104 (2018). Hoeffding for the decoys, Serfling for the sample, 15 events that may fail. The bound on vacuum takes errors of
the key basis too, so the length is settled once the correction has counted them, and holds once the verification passed.

Written for this pipeline alone, so that the framework's yardstick (hil.physics) can disagree with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.pipeline.estimation import Estimate, key_length_bits, uncovered
from hil.pipeline.intensities import Sent
from hil.pipeline.split import Split, require_promise

if TYPE_CHECKING:
    from hil.pipeline.estimation import SiftedCounts
    from hil.pipeline.split import Bounds
    from hil.ports.detections import SourceDeclaration

__all__ = ["OneDecoyPromise"]


@dataclass(frozen=True)
class OneDecoyPromise:
    """Source and security promise, as :class:`hil.pipeline.estimation.Promise` has them for two decoys."""

    source: SourceDeclaration
    epsilon_secrecy: float
    epsilon_correctness: float
    bounds: Bounds = "published"
    intensity_uncertainty: float = 0.0
    efficiency_ratio: float = 1.0

    def __post_init__(self) -> None:
        if words := uncovered(self.source, self.intensity_uncertainty):
            raise UsageError(words)
        if len(self.source.intensities) != 2:
            raise UsageError("one decoy is two intensities")
        require_promise(self.epsilon_secrecy, self.epsilon_correctness, self.efficiency_ratio)

    @property
    def split(self) -> Split:
        """15 events in the paper. Exact: two counts, two of errors and the vacuum's in either basis, one error, sampling."""
        return Split.of(self.epsilon_secrecy, self.bounds, {"published": 15, "exact": 12}, self.efficiency_ratio)

    @property
    def cost_bits(self) -> float:
        """What the epsilons take off every key."""
        split = self.split
        return split.price_bits(4.0 * math.log2(15.0 / split.in_formula) - 1.0, self.epsilon_correctness)

    def estimate(self, counts: SiftedCounts) -> Estimate:
        """All bounds for the counts of one block.

        Before the errors of the key basis are counted, what the bounds will be if those are as the test basis has them.
        """
        counts, split, ratio = counts.guessed(), self.split, self.efficiency_ratio
        pieces = Sent.of(self.source, self.intensity_uncertainty).pieces()
        in_key = _Corridors.of(counts.key, counts.key_errors or (0.0, 0.0), split)
        in_test = _Corridors.of(counts.test, counts.test_errors, split)
        single, tests = (split.alike(min(map(part.single_photons, pieces)), ratio) for part in (in_key, in_test))
        errors = max(map(in_test.single_photon_errors, pieces))
        if split.bounds == "exact":
            return Estimate(0.0, single, tests, errors, split.sampled_ratio(tests, errors, single))
        return Estimate(0.0, single, tests, errors, self._phase_error(errors, tests, single))

    def length_bits(self, found: Estimate, disclosed_bits: float, *, credit_vacuum: bool) -> int:
        """Longest key after ``disclosed_bits`` were disclosed; 0 where there is none."""
        return key_length_bits(found, self.cost_bits, disclosed_bits, credit_vacuum=credit_vacuum)

    def _phase_error(self, errors: float, tests: float, single: float) -> float:
        """Errors seen in the test basis, carried over to the key basis by random sampling (Serfling); at most one half."""
        if tests <= 0.0 or single <= 0.0 or 2.0 * errors >= tests:
            return 0.5
        doubt = math.log(15.0 / self.split.in_formula)
        return min(0.5, errors / tests + math.sqrt((tests + single) / (tests * single) * (tests + 1.0) / tests * doubt))


@dataclass(frozen=True)
class _Corridors:
    """Between what signal and decoy are expected to be counted, and their errors: pairs of least and most."""

    total: float
    signal: tuple[float, float]
    decoy: tuple[float, float]
    wrong_signal: tuple[float, float]
    wrong_decoy: tuple[float, float]
    split: Split

    @classmethod
    def of(cls, counts: tuple[float, ...], errors: tuple[float, ...], split: Split) -> _Corridors:
        def between(part: tuple[float, ...], number: int) -> tuple[float, float]:
            total, tails = sum(part), split.tails
            return max(tails.below(part[number], total), 0.0), min(tails.above(part[number], total), total)

        return cls(sum(counts), between(counts, 0), between(counts, 1), between(errors, 0), between(errors, 1), split)

    def single_photons(self, sent: Sent) -> float:
        """Least number of single-photon events."""
        decoy, signal = sent.weighed_least(self.decoy[0], 1), sent.weighed_most(self.signal[1], 0)
        vacuum = self._vacuum_at_most(sent)
        # a (nu / mu)^2 share of the signal against the vacuum: the bracket rises or falls with it throughout
        shares = (sent.low[1] / sent.high[0]) ** 2, (sent.high[1] / sent.low[0]) ** 2
        left = decoy - max(share * signal + (1.0 - share) * vacuum for share in shares)
        mu, nu = sent.high[0], min(max(sent.high[0] / 2.0, sent.low[1]), sent.high[1])  # where nu (1 - nu / mu) is greatest
        return min(max(sent.emitted_least(1) / (nu * (1.0 - nu / mu)) * left, 0.0), self.total)

    def _vacuum_at_most(self, sent: Sent) -> float:
        """Vacuum events over their probability: half of them are wrong, no more than the errors of either intensity allow."""
        none, doubt = sent.emitted_least(0), 0.5 * math.log(1.0 / self.split.failure)
        wrong = none * min(sent.weighed_most(self.wrong_signal[1], 0), sent.weighed_most(self.wrong_decoy[1], 1))
        if self.split.bounds == "published":
            return min(2.0 * (wrong + math.sqrt(doubt * self.total)), self.total) / none
        # as many vacuum events n as leave n / 2 - sqrt(n doubt) of them wrong
        return min((math.sqrt(doubt) + math.sqrt(doubt + 2.0 * wrong)) ** 2, self.total) / none

    def single_photon_errors(self, sent: Sent) -> float:
        """Most errors of single-photon events."""
        signal, decoy = sent.weighed_most(self.wrong_signal[1], 0), sent.weighed_least(self.wrong_decoy[0], 1)
        return max(sent.emitted_most(1) * (signal - decoy) / (sent.low[0] - sent.high[1]), 0.0)
