"""How much of a sifted block nobody else knows: decoy-state bounds with two decoys, in every intensity of the key basis.

Source: C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014), equations 1 to 5, block of fixed
size. Written for this pipeline alone, so that the framework's yardstick can disagree with it.

Cascade talks in both directions. ``both-directions`` charges every bit that either party tells (chain rule: whatever it depends
on, a message of k bits takes at most k bits off the entropy) and credits vacuum. ``error-pattern`` is for comparison: Alice's
parities alone are charged, what Bob tells being a function of them and of the error pattern, which the eavesdropper is given.
Vacuum is not credited then: with the pattern, whoever sent the light that Bob saw would know Alice's bit. Docs, decision 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.pipeline.intensities import Sent
from hil.pipeline.split import Split, require_promise

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.pipeline.split import Bounds
    from hil.pipeline.tails import Tails
    from hil.ports.detections import SourceDeclaration

__all__ = [
    "Estimate",
    "Promise",
    "SiftedCounts",
    "entropy_of",
    "estimate",
    "key_length_bits",
    "longer_by",
    "uncovered",
]

_LONGEST = 1e9


@dataclass(frozen=True)
class SiftedCounts:
    """Sifted bits by intensity, strongest first, and the errors of the test basis.

    ``key_errors`` are those of the key basis, known once the correction is over; empty before.
    """

    key: tuple[float, ...]
    test: tuple[float, ...]
    test_errors: tuple[float, ...]
    key_errors: tuple[float, ...] = ()

    @property
    def test_qber(self) -> float:
        """Error ratio of the test basis; nan without test bits."""
        return sum(self.test_errors) / sum(self.test) if sum(self.test) else math.nan

    def times(self, factor: float) -> SiftedCounts:
        """Those of a block ``factor`` times as long."""
        parts = (self.key, self.test, self.test_errors, self.key_errors)
        return SiftedCounts(*(tuple(factor * n for n in counts) for counts in parts))

    def guessed(self) -> SiftedCounts:
        """With errors of the key basis as the test basis has them, where they are not counted yet."""
        if self.key_errors or not sum(self.test):
            return self
        ratios = (wrong / n if n else self.test_qber for wrong, n in zip(self.test_errors, self.test, strict=True))
        return replace(self, key_errors=tuple(n * ratio for n, ratio in zip(self.key, ratios, strict=True)))


@dataclass(frozen=True)
class Promise:
    """Two decoys: source and security promise; UsageError for a source the bound does not cover (:func:`uncovered`).

    ``bounds`` and ``efficiency_ratio``: :mod:`hil.pipeline.split`; ``intensity_uncertainty``: :mod:`hil.pipeline.intensities`.
    """

    source: SourceDeclaration
    epsilon_secrecy: float
    epsilon_correctness: float
    bounds: Bounds = "published"
    intensity_uncertainty: float = 0.0
    efficiency_ratio: float = 1.0

    def __post_init__(self) -> None:
        if words := uncovered(self.source, self.intensity_uncertainty):
            raise UsageError(words)
        if len(self.source.intensities) != 3:
            raise UsageError("two decoys are three intensities")
        require_promise(self.epsilon_secrecy, self.epsilon_correctness, self.efficiency_ratio)

    @property
    def split(self) -> Split:
        """21 events in the paper. Exact: five tails for the single photons of either basis, two of errors, one of sampling."""
        return Split.of(self.epsilon_secrecy, self.bounds, {"published": 21, "exact": 13}, self.efficiency_ratio)

    @property
    def cost_bits(self) -> float:
        """What the epsilons take off every key."""
        split = self.split
        return split.price_bits(6.0 * math.log2(21.0 / split.in_formula), self.epsilon_correctness)

    def estimate(self, counts: SiftedCounts) -> Estimate:
        """See :func:`estimate`."""
        return estimate(counts, self)

    def length_bits(self, found: Estimate, disclosed_bits: float, *, credit_vacuum: bool) -> int:
        """See :func:`key_length_bits`."""
        return key_length_bits(found, self.cost_bits, disclosed_bits, credit_vacuum=credit_vacuum)


def uncovered(source: SourceDeclaration, intensity_uncertainty: float = 0.0) -> str:
    """Why the proof does not cover a source, in words; empty where it does."""
    mu = source.intensities
    if source.source != "weak-coherent":
        return f"the proof takes weak coherent pulses; the source declares {source.source} ones"
    if source.phase != "randomised":
        return f"the proof takes pulses of random phase; the source declares a {source.phase} one"
    if source.bit_one_probability != 0.5:
        return f"the proof takes even bits; the source declares a bit 1 with probability {source.bit_one_probability:g}"
    if len(mu) not in {2, 3} or len(source.probabilities) != len(mu):
        return f"the proof takes a signal and one or two decoys; the source declares intensities {mu}"
    sent = Sent.of(source, intensity_uncertainty)
    least, most = sent.low, sent.high
    ordered, order = (
        (least[0] > most[1] and least[1] > 0.0, "mu1 > mu2 > 0")
        if len(mu) == 2
        else (least[0] > most[1] + most[2] and least[1] > most[2] and mu[2] >= 0.0, "mu1 > mu2 + mu3 and mu2 > mu3 >= 0")
    )
    if not (ordered and min(source.probabilities) > 0.0):
        within = f", each to {100.0 * intensity_uncertainty:g} %" if intensity_uncertainty else ""
        return (
            f"the proof takes intensities {order}, each with a probability above 0; "
            f"the source declares {mu}{within} with {source.probabilities}"
        )
    return ""


@dataclass(frozen=True)
class Estimate:
    """Bounds on the events of a block: lower ones but for ``phase_error_ratio``, which is at most one half."""

    vacuum: float
    single_photons: float
    single_photon_tests: float
    single_photon_test_errors: float
    phase_error_ratio: float

    def private_bits(self, *, credit_vacuum: bool) -> float:
        """What is private before anything is disclosed."""
        private = self.single_photons * (1.0 - entropy_of(self.phase_error_ratio))
        return private + self.vacuum if credit_vacuum else private


def key_length_bits(found: Estimate, cost_bits: float, disclosed_bits: float, *, credit_vacuum: bool = False) -> int:
    """Longest key after ``disclosed_bits`` were disclosed and the epsilons took ``cost_bits``; 0 where there is none."""
    if found.phase_error_ratio >= 0.5:
        return 0
    return max(0, math.floor(found.private_bits(credit_vacuum=credit_vacuum) - disclosed_bits - cost_bits))


def estimate(counts: SiftedCounts, promise: Promise) -> Estimate:
    """All bounds for the counts of one block."""
    pieces, split = Sent.of(promise.source, promise.intensity_uncertainty).pieces(), promise.split
    of_key, of_test, of_errors = (_corridor(part, split.tails) for part in (counts.key, counts.test, counts.test_errors))
    in_key, in_test = ([_lower_bounds(*part, sent) for sent in pieces] for part in (of_key, of_test))
    vacuum = min(none for none, _ in in_key)
    single, tests = (split.alike(min(one for _, one in part), promise.efficiency_ratio) for part in (in_key, in_test))
    errors = max(_single_photon_errors(*of_errors, sent) for sent in pieces)
    if split.bounds == "exact":
        return Estimate(vacuum, single, tests, errors, split.sampled_ratio(tests, errors, single))
    errors = max(1.0, errors)  # a finite sample without any error does not show that there are none: one is assumed
    return Estimate(vacuum, single, tests, errors, _phase_error(errors, tests, single, split.in_formula))


def longer_by(gives_key: Callable[[float], bool]) -> float:
    """The smallest factor that gives key, to a hundredth; inf when none does."""
    if not gives_key(_LONGEST):
        return math.inf
    low, high = 1.0, _LONGEST
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if gives_key(middle) else (middle, high)
    return high


def entropy_of(ratio: float) -> float:
    """Binary entropy in bits."""
    if ratio <= 0.0 or ratio >= 1.0:
        return 0.0
    return -ratio * math.log2(ratio) - (1.0 - ratio) * math.log2(1.0 - ratio)


def _corridor(counts: tuple[float, ...], tails: Tails) -> tuple[list[float], list[float]]:
    """Least and most that is expected of each intensity."""
    total = sum(counts)
    return [tails.below(n, total) for n in counts], [tails.above(n, total) for n in counts]


def _single_photon_errors(least: list[float], most: list[float], sent: Sent) -> float:
    """Most errors of single-photon events among errors in this corridor (equation 4)."""
    difference = sent.weighed_most(most[1], 1) - sent.weighed_least(least[2], 2)
    return max(0.0, sent.emitted_most(1) * difference / (sent.low[1] - sent.high[2]))


def _lower_bounds(at_least: list[float], at_most: list[float], sent: Sent) -> tuple[float, float]:
    """Vacuum and single-photon events among counts in this corridor (equations 2 and 3)."""
    least = [sent.weighed_least(n, i) for i, n in enumerate(at_least)]
    most = [sent.weighed_most(n, i) for i, n in enumerate(at_most)]
    (mu1_least, mu2_least, mu3_least), (mu1_most, mu2_most, mu3_most) = sent.low, sent.high
    # (mu2 a - mu3 b) / (mu2 - mu3) rises or falls with mu3 / mu2 throughout
    ratios = mu3_least / mu2_most, mu3_most / mu2_least
    none = max(0.0, min((least[2] - ratio * most[1]) / (1.0 - ratio) for ratio in ratios))
    several = most[0] - none
    squares = (mu2_most**2 - mu3_least**2, mu1_least) if several > 0.0 else (mu2_least**2 - mu3_most**2, mu1_most)
    numerator = least[1] - most[2] - squares[0] / squares[1] ** 2 * several
    denominator = (mu2_most - mu3_least) * (1.0 - (mu2_least + mu3_least) / mu1_most)
    return sent.emitted_least(0) * none, max(0.0, sent.emitted_least(1) * numerator / denominator)


def _phase_error(errors: float, tests: float, single: float, epsilon: float) -> float:
    """Errors seen in the test basis, carried over to the key basis by random sampling."""
    if tests <= 0.0 or single <= 0.0 or 2.0 * errors >= tests:
        return 0.5
    seen = errors / tests
    scale = (tests + single) / (tests * single)
    variance = seen * (1.0 - seen)
    doubt_bits = max(math.log2(scale / variance * (21.0 / epsilon) ** 2), 0.0)  # none for very many events
    spread = math.sqrt(scale * variance / math.log(2.0) * doubt_bits)
    return min(0.5, seen + spread)
