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
from hil.pipeline.estimation import Estimate, emitted, key_length_bits, require_epsilons, uncovered

if TYPE_CHECKING:
    from hil.pipeline.estimation import SiftedCounts
    from hil.ports.detections import SourceDeclaration

__all__ = ["OneDecoyPromise"]


@dataclass(frozen=True)
class OneDecoyPromise:
    """Source and security promise; UsageError for a source the bound does not cover."""

    source: SourceDeclaration
    epsilon_secrecy: float
    epsilon_correctness: float

    def __post_init__(self) -> None:
        if words := uncovered(self.source) or ("" if len(self.source.intensities) == 2 else "one decoy is two intensities"):
            raise UsageError(words)
        require_epsilons(self.epsilon_secrecy, self.epsilon_correctness)

    @property
    def cost_bits(self) -> float:
        """What the epsilons take off every key."""
        return 4.0 * math.log2(15.0 / self.epsilon_secrecy) - 1.0 + math.log2(2.0 / self.epsilon_correctness)

    def estimate(self, counts: SiftedCounts) -> Estimate:
        """All bounds for the counts of one block.

        Before the errors of the key basis are counted, what the bounds will be if those are as the test basis has them.
        """
        counts = counts.guessed()
        single = self._single_photons(counts.key, counts.key_errors or (0.0, 0.0))
        tests = self._single_photons(counts.test, counts.test_errors)
        errors = self._single_photon_errors(counts.test_errors)
        return Estimate(0.0, single, tests, errors, self._phase_error(errors, tests, single))

    def length_bits(self, found: Estimate, disclosed_bits: float, *, credit_vacuum: bool) -> int:
        """Longest key after ``disclosed_bits`` were disclosed; 0 where there is none."""
        return key_length_bits(found, self.cost_bits, disclosed_bits, credit_vacuum=credit_vacuum)

    def _spread(self, events: float) -> float:
        """Hoeffding's distance between a count and what is expected of it."""
        return math.sqrt(0.5 * events * math.log(15.0 / self.epsilon_secrecy))

    def _sent(self, events: float, intensity: int) -> float:
        """Events as if every pulse had this intensity, but for the factor exp(mu) that Poisson's law takes off."""
        return math.exp(self.source.intensities[intensity]) / self.source.probabilities[intensity] * events

    def _single_photons(self, counts: tuple[float, ...], errors: tuple[float, ...]) -> float:
        """Least number of single-photon events among the counts."""
        mu, nu = self.source.intensities
        all_events, spread = sum(counts), self._spread(sum(counts))
        decoy = self._sent(max(counts[1] - spread, 0.0), 1)
        signal = self._sent(min(counts[0] + spread, all_events), 0)
        vacuum = self._vacuum_at_most(errors, all_events) / emitted(self.source, 0)
        left = decoy - (nu / mu) ** 2 * signal - (1.0 - (nu / mu) ** 2) * vacuum
        return min(max(emitted(self.source, 1) * mu / (nu * (mu - nu)) * left, 0.0), all_events)

    def _vacuum_at_most(self, errors: tuple[float, ...], all_events: float) -> float:
        """Half of the vacuum events are wrong, and they are no more than the errors of either intensity allow."""
        spread, of_errors = self._spread(all_events), self._spread(sum(errors))
        wrong = (self._sent(min(errors[i] + of_errors, sum(errors)), i) * emitted(self.source, 0) for i in (0, 1))
        return min(2.0 * (min(wrong) + spread), all_events)

    def _single_photon_errors(self, errors: tuple[float, ...]) -> float:
        """Most errors of single-photon events."""
        mu, nu = self.source.intensities
        spread = self._spread(sum(errors))
        signal = self._sent(min(errors[0] + spread, sum(errors)), 0)
        decoy = self._sent(max(errors[1] - spread, 0.0), 1)
        return max(emitted(self.source, 1) * (signal - decoy) / (mu - nu), 0.0)

    def _phase_error(self, errors: float, tests: float, single: float) -> float:
        """Errors seen in the test basis, carried over to the key basis by random sampling (Serfling); at most one half."""
        if tests <= 0.0 or single <= 0.0 or 2.0 * errors >= tests:
            return 0.5
        doubt = math.log(15.0 / self.epsilon_secrecy)
        return min(0.5, errors / tests + math.sqrt((tests + single) / (tests * single) * (tests + 1.0) / tests * doubt))
