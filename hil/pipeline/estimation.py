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

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.detections import SourceDeclaration

__all__ = [
    "Estimate",
    "Promise",
    "SiftedCounts",
    "emitted",
    "entropy_of",
    "estimate",
    "key_length_bits",
    "longer_by",
    "require_epsilons",
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
    """Two decoys: source and security promise; UsageError for a source the bound does not cover (:func:`uncovered`)."""

    source: SourceDeclaration
    epsilon_secrecy: float
    epsilon_correctness: float

    def __post_init__(self) -> None:
        if words := uncovered(self.source) or ("" if len(self.source.intensities) == 3 else "two decoys are three intensities"):
            raise UsageError(words)
        require_epsilons(self.epsilon_secrecy, self.epsilon_correctness)

    @property
    def cost_bits(self) -> float:
        """What the epsilons take off every key."""
        return 6.0 * math.log2(21.0 / self.epsilon_secrecy) + math.log2(2.0 / self.epsilon_correctness)

    def estimate(self, counts: SiftedCounts) -> Estimate:
        """See :func:`estimate`."""
        return estimate(counts, self)

    def length_bits(self, found: Estimate, disclosed_bits: float, *, credit_vacuum: bool) -> int:
        """See :func:`key_length_bits`."""
        return key_length_bits(found, self.cost_bits, disclosed_bits, credit_vacuum=credit_vacuum)


def require_epsilons(secrecy: float, correctness: float) -> None:
    """UsageError for epsilons that promise nothing."""
    if not (0.0 < secrecy < 1.0 and 0.0 < correctness < 1.0):
        raise UsageError("epsilon_secrecy and epsilon_correctness lie between 0 and 1")


def uncovered(source: SourceDeclaration) -> str:
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
    ordered, order = (
        (mu[0] > mu[1] > 0.0, "mu1 > mu2 > 0")
        if len(mu) == 2
        else (mu[0] > mu[1] + mu[2] and mu[1] > mu[2] >= 0.0, "mu1 > mu2 + mu3 and mu2 > mu3 >= 0")
    )
    if not (ordered and min(source.probabilities) > 0.0):
        return (
            f"the proof takes intensities {order}, each with a probability above 0; "
            f"the source declares {mu} with {source.probabilities}"
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
    vacuum, single = _lower_bounds(counts.key, promise)
    _, tests = _lower_bounds(counts.test, promise)
    low, high = _corridor(counts.test_errors, promise)
    mu = promise.source.intensities
    # a finite sample without any error does not show that there are none: one is assumed
    errors = max(1.0, emitted(promise.source, 1) * (high[1] - low[2]) / (mu[1] - mu[2]))
    return Estimate(vacuum, single, tests, errors, _phase_error(errors, tests, single, promise.epsilon_secrecy))


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


def emitted(source: SourceDeclaration, photons: int) -> float:
    """Probability that a pulse holds this many photons, over all intensities."""
    pairs = zip(source.intensities, source.probabilities, strict=True)
    return sum(p * math.exp(-mu) * mu**photons / math.factorial(photons) for mu, p in pairs)


def _corridor(counts: tuple[float, ...], promise: Promise) -> tuple[list[float], list[float]]:
    """Hoeffding's corridor around the counts of each intensity, low and high, divided by how often it is sent."""
    spread = math.sqrt(0.5 * sum(counts) * math.log(21.0 / promise.epsilon_secrecy))
    weights = [math.exp(mu) / p for mu, p in zip(promise.source.intensities, promise.source.probabilities, strict=True)]
    low = [weight * (n - spread) for weight, n in zip(weights, counts, strict=True)]
    return low, [weight * (n + spread) for weight, n in zip(weights, counts, strict=True)]


def _lower_bounds(counts: tuple[float, ...], promise: Promise) -> tuple[float, float]:
    """Vacuum and single-photon events among the counts."""
    mu1, mu2, mu3 = promise.source.intensities
    tau0, tau1 = emitted(promise.source, 0), emitted(promise.source, 1)
    low, high = _corridor(counts, promise)
    vacuum = max(0.0, tau0 * (mu2 * low[2] - mu3 * high[1]) / (mu2 - mu3))
    numerator = low[1] - high[2] - (mu2**2 - mu3**2) / mu1**2 * (high[0] - vacuum / tau0)
    return vacuum, max(0.0, tau1 * mu1 * numerator / (mu1 * (mu2 - mu3) - (mu2**2 - mu3**2)))


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
