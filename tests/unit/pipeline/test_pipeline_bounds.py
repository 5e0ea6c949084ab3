"""Exact tails, uncertain intensities and unequal detectors: against brute force, the yardstick, random sources and states."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.physics.decoy_key import Conditions, IntensityCounts, decoy_key_bits, decoy_proof
from hil.physics.pair_finite_key import pair_key_length_bits
from hil.pipeline.estimation import Promise, SiftedCounts, entropy_of
from hil.pipeline.one_decoy import OneDecoyPromise
from hil.pipeline.pair_estimation import PairPromise
from hil.pipeline.split import Split
from hil.pipeline.tails import ClopperPearson, Hoeffding, sampled_errors
from hil.ports.detections import SourceDeclaration
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

TWO = SourceDeclaration(1e9, (0.55, 0.25, 2e-4), (0.4, 0.4, 0.2), 0.83)
ONE = SourceDeclaration(1e9, (0.55, 0.2), (0.7, 0.3), 0.83)
# a second of the metropolitan bench, rounded, and the same with one decoy
OF_TWO = SiftedCounts((1_300_590, 595_810, 3_810), (54_310, 25_100, 170), (630, 330, 80), (15_900, 7_500, 800))
OF_ONE = SiftedCounts((2_276_000, 357_000), (95_000, 15_000), (1_150, 200), (27_700, 4_600))
CONDITIONS = [Conditions(exact, spread, ratio) for exact in (False, True) for spread in (0.0, 0.02) for ratio in (1.0, 0.9)]
BOTH = pytest.mark.parametrize(("source", "counts"), [(TWO, OF_TWO), (ONE, OF_ONE)], ids=["two decoys", "one decoy"])


def promise_of(source: SourceDeclaration, conditions: Conditions) -> Promise | OneDecoyPromise:
    kind = Promise if len(source.intensities) == 3 else OneDecoyPromise
    bounds: Any = "exact" if conditions.exact else "published"
    return kind(source, 1e-9, 1e-15, bounds, conditions.intensity_uncertainty, conditions.efficiency_ratio)


def length(source: SourceDeclaration, conditions: Conditions, counts: SiftedCounts) -> int:
    promise = promise_of(source, conditions)
    return promise.length_bits(promise.estimate(counts), 0.0, credit_vacuum=True)


def yardstick(source: SourceDeclaration, conditions: Conditions, counts: SiftedCounts) -> int:
    proof = decoy_proof(source.intensities, source.probabilities, 1e-9, 1e-15)
    told = IntensityCounts(counts.key, counts.key_errors, counts.test, counts.test_errors)
    return decoy_key_bits(told, proof, 0.0, conditions=conditions)


class TestTails:
    """Each against its definition."""

    @pytest.mark.parametrize(("count", "trials"), [(0, 7), (3, 7), (7, 7), (12, 40), (40, 300)])
    def test_the_binomial_tail_beyond_the_count_is_the_failure(self, count: int, trials: int) -> None:
        """Summed term by term at the bounds themselves."""
        tails = ClopperPearson(1e-6)

        def at_most(k: int, chance: float) -> float:
            return sum(math.comb(trials, j) * chance**j * (1.0 - chance) ** (trials - j) for j in range(k + 1))

        if count < trials:
            assert at_most(count, tails.above(count, trials) / trials) == pytest.approx(1e-6, rel=1e-6)
        if count:
            others = 1.0 - at_most(count - 1, tails.below(count, trials) / trials)
            assert others == pytest.approx(1e-6, rel=1e-4)
        assert tails.below(0, trials) == 0.0
        assert tails.above(trials, trials) == trials

    def test_exact_tails_are_closer_than_hoeffdings_for_rare_events(self) -> None:
        exact, published = ClopperPearson(1e-10), Hoeffding(1e-10)
        assert exact.above(100, 10**6) - 100 < 0.05 * (published.above(100, 10**6) - 100)

    @pytest.mark.parametrize(
        ("sample", "seen", "rest", "failure"), [(20, 1, 30, 1e-3), (40, 0, 10, 1e-4), (15, 4, 60, 1e-2), (60, 5, 60, 1e-6)]
    )
    def test_the_hypergeometric_tail(self, sample: int, seen: int, rest: int, failure: float) -> None:
        """By counting samples one by one; no closer than exact, and no further than an error."""

        def chance(wrong: int) -> float:
            ways = (math.comb(wrong, j) * math.comb(sample + rest - wrong, sample - j) for j in range(seen + 1))
            return sum(ways) / math.comb(sample + rest, sample)

        most = max(wrong for wrong in range(seen, seen + rest + 1) if chance(wrong) > failure) - seen
        assert most <= sampled_errors(sample, seen, rest, failure) <= most + 1

    def test_the_sample_tells_as_often_as_it_says(self) -> None:
        """Of 20,000 random splits of 400 with 24 errors a bound of 5 % fails in no more than 5 % and chance (4.9 sigma)."""
        rng = stream(3, "bounds", "sample")
        seen = rng.hypergeometric(24, 376, 150, size=20_000)
        bounds = {int(n): sampled_errors(150, n, 250, 0.05) for n in np.unique(seen)}
        failed = np.mean([24 - n > bounds[int(n)] for n in seen])
        assert 0.0 < failed < 0.05 + 4.9 * math.sqrt(0.05 * 0.95 / 20_000)


@pytest.mark.parametrize("conditions", CONDITIONS, ids=str)
@BOTH
def test_no_more_than_the_yardstick_and_hardly_less(
    source: SourceDeclaration, counts: SiftedCounts, conditions: Conditions
) -> None:
    """hil.physics is written apart, takes other tails, and looks into corners instead of taking each factor at its worst."""
    mine, theirs = length(source, conditions, counts), yardstick(source, conditions, counts)
    assert 0 < mine <= theirs + 1
    assert mine > (0.9 if conditions.intensity_uncertainty else 0.9999) * theirs


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5_000_000), min_size=3, max_size=3),
    st.lists(st.integers(0, 500_000), min_size=3, max_size=3),
    st.floats(0.0, 0.1),
    st.sampled_from(CONDITIONS),
)
def test_never_more_than_the_yardstick(key: list[int], test: list[int], qber: float, conditions: Conditions) -> None:
    for source, n in ((TWO, 3), (ONE, 2)):
        parts = (key, test, [math.ceil(qber * each) for each in test], [math.ceil(qber * each) for each in key])
        counts = SiftedCounts(*(tuple(part[:n]) for part in parts))
        assert length(source, conditions, counts) <= yardstick(source, conditions, counts) + 1


@BOTH
def test_exact_tails_give_more_and_flaws_less(source: SourceDeclaration, counts: SiftedCounts) -> None:
    published, exact = (length(source, Conditions(exact), counts) for exact in (False, True))
    assert exact > published
    for exactly, whole in ((False, published), (True, exact)):
        assert length(source, Conditions(exactly, 0.01), counts) < whole
        assert 0.5 * whole < length(source, Conditions(exactly, 0.0, 0.9), counts) < 0.9 * whole


@BOTH
def test_the_bound_of_uncertain_intensities_holds_for_any_of_them(source: SourceDeclaration, counts: SiftedCounts) -> None:
    """500 sources at random within 3 % of what is declared: none of their own bounds is below that of the interval."""
    whole = length(source, Conditions(intensity_uncertainty=0.03), counts)
    rng, lengths = stream(4, "bounds", len(source.intensities)), []
    for _ in range(500):
        factors = 1.0 + 0.03 * rng.uniform(-1.0, 1.0, len(source.intensities))
        real = replace(source, intensities=tuple((np.array(source.intensities) * factors).tolist()))
        lengths.append(length(real, Conditions(), counts))
    assert 0 < whole <= min(lengths)


@pytest.mark.parametrize("source", [TWO, ONE], ids=["two decoys", "one decoy"])
def test_single_photons_are_as_many_as_the_bound_says(source: SourceDeclaration) -> None:
    """Photon numbers of 40,000 events and the intensities they came from, drawn 600 times over at a secrecy of 0.99.

    Each of five tails then fails with 0.0047 or 0.0051 at most, so that more than 0.026 and 4.9 deviations of failures do not
    come up by chance; the bound is near, so that one that says too much would fail.
    """
    rng, failed, margins = stream(8, "bounds", len(source.intensities)), 0, []
    mu, often = np.array(source.intensities)[:, np.newaxis], np.array(source.probabilities)[:, np.newaxis]
    photons = np.arange(8)
    sent = often * np.exp(-mu) * mu**photons / np.array([math.factorial(n) for n in photons])
    clicks = 1.0 - (1.0 - 2e-3) * (1.0 - 0.1) ** photons
    numbers = sent.sum(axis=0) * clicks
    for _ in range(600):
        events = rng.multinomial(40_000, numbers / numbers.sum())
        of_intensity = np.array([rng.multinomial(n, part / part.sum()) for n, part in zip(events, sent.T, strict=True)])
        wrong = rng.binomial(of_intensity, np.where(photons == 0, 0.5, 0.01)[:, np.newaxis])
        key, errors = (tuple(part.sum(axis=0).tolist()) for part in (of_intensity, wrong))
        kind = Promise if len(source.intensities) == 3 else OneDecoyPromise
        found = kind(source, 0.99, 1e-9, "exact").estimate(SiftedCounts(key, key, errors, errors))
        failed += found.single_photons > events[1]
        margins.append(float(events[1]) - found.single_photons)
    assert failed <= 600 * (0.026 + 4.9 * math.sqrt(0.026 / 600))
    assert np.median(margins) < 0.25 * 40_000


def test_what_the_epsilons_are_split_into_is_no_more_than_they_are() -> None:
    """2 sqrt(sum of failures) and the hash's half; of published formulas with tags, theirs and 2 sqrt(of two tags)."""
    for ratio in (1.0, 0.9):
        exact = Split.of(1e-9, "exact", {"published": 21, "exact": 13}, ratio)
        assert 2.0 * math.sqrt(exact.events * exact.failure) + exact.secrecy / 2.0 == pytest.approx(1e-9)
        assert exact.events == (13 if ratio == 1.0 else 15)
    tagged = Split.of(1e-9, "published", {"published": 21, "exact": 13}, 0.9)
    assert tagged.in_formula + 2.0 * math.sqrt(2.0 * tagged.tagging_failure) == pytest.approx(1e-9)
    assert 21 * tagged.failure == pytest.approx(tagged.in_formula)


@pytest.mark.parametrize(
    "conditions", [Conditions(exact, 0.0, ratio) for exact in (False, True) for ratio in (1.0, 0.9)], ids=str
)
def test_pairs(conditions: Conditions) -> None:
    """The same for BBM92; exact sampling gives more, unequal detectors less."""
    counts = SiftedCounts((40_000,), (40_000,), (700,))
    promise = PairPromise(1e-9, 1e-15, "exact" if conditions.exact else "published", conditions.efficiency_ratio)
    mine = promise.length_bits(promise.estimate(counts), 0.0, credit_vacuum=True)
    epsilons = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15}
    theirs = pair_key_length_bits(40_000, 40_000, 700, 0.0, **epsilons, conditions=conditions)
    assert 0 < mine <= theirs + 1
    assert mine > 0.999 * theirs
    published = PairPromise(1e-9, 1e-15)
    whole = published.length_bits(published.estimate(counts), 0.0, credit_vacuum=True)
    if conditions.exact and conditions.efficiency_ratio == 1.0:
        assert mine > 1.1 * whole


def test_a_ratio_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="least efficiency over the greatest"):
        Promise(TWO, 1e-9, 1e-15, "published", 0.0, 1.1)


def test_intensities_that_may_cross_are_not_covered() -> None:
    """0.55 and 0.5 to 10 % may be the same intensity."""
    source = replace(ONE, intensities=(0.55, 0.5))
    OneDecoyPromise(source, 1e-9, 1e-15)
    with pytest.raises(UsageError, match="each to 10 %"):
        OneDecoyPromise(source, 1e-9, 1e-15, "published", 0.1)


def test_unequal_detectors_leave_what_the_tags_say() -> None:
    """Bob's detectors of either basis have random efficiencies from r to 1: H(Z | E) of what he detects, of random states.

    In the limit of many events: at least r (1 - h(e / r)), with e the error ratio that the test basis shows.
    """
    rng, margins = stream(6, "bounds", "detectors"), []
    hadamard = np.array([[1, 1], [1, -1]]) / math.sqrt(2.0)
    for _ in range(300):
        ratio = float(rng.uniform(0.6, 1.0))
        eta = rng.uniform(ratio, 1.0, size=(2, 2))
        eta[0, rng.integers(2)] = ratio
        state = _attacked(rng, 4, float(rng.uniform(0.0, 0.3)))
        seen = (abs(np.einsum("ia,jb,abe->ije", hadamard, hadamard, state)) ** 2).sum(axis=2) * eta[1][np.newaxis, :]
        error = float((seen[0, 1] + seen[1, 0]) / seen.sum())
        detected = state * np.sqrt(eta[0])[np.newaxis, :, np.newaxis]
        detected = detected / np.sqrt((abs(detected) ** 2).sum())
        margins.append(_unknown_bits(detected) - ratio * (1.0 - entropy_of(min(0.5, error / ratio))))
    assert -1e-9 <= min(margins) < 0.2


def _attacked(rng: np.random.Generator, eve: int, noise: float) -> npt.NDArray[np.complex128]:
    """Amplitudes of a Bell pair of which Eve, with so many levels, acted on Bob's half; shape (2, 2, eve)."""
    drawn = rng.normal(size=(2 * eve, 2)) + 1j * rng.normal(size=(2 * eve, 2))
    gentle = np.zeros((2 * eve, 2), dtype=np.complex128)
    gentle[0, 0] = gentle[eve, 1] = 1.0
    isometry, _ = np.linalg.qr((1.0 - noise) * gentle + noise * drawn)
    return isometry.T.reshape(2, 2, eve) / math.sqrt(2.0)


def _unknown_bits(state: npt.NDArray[np.complex128]) -> float:
    """H(Z_A | E)."""

    def entropy(rho: npt.NDArray[np.complex128]) -> float:
        kept = [value for value in np.linalg.eigvalsh(rho).tolist() if value > 1e-14]
        return -sum(value * math.log2(value) for value in kept)

    parts = [np.einsum("be,bf->ef", state[a], state[a].conj()) for a in (0, 1)]
    return entropy(parts[0]) + entropy(parts[1]) - entropy(parts[0] + parts[1])


@pytest.mark.parametrize("bounds", ["published", "exact"])
def test_blocks_with_declared_flaws_name_them(small: Callable[..., Any], bounds: Any) -> None:
    """Both ends agree, and the ledger names the proof, its split, its price and what was declared."""
    plain = small().settings
    link = small(settings=replace(plain, bounds=bounds, intensity_uncertainty=0.01, efficiency_ratio=0.95))
    of_a, of_b = link.run(events=60_000)
    assert of_a.report == of_b.report
    assert of_a.report.released, of_a.report.sentence
    said = {entry.what: entry for entry in of_a.report.ledger if entry.stage == "proof"}
    assert any("exact tails" in what for what in said) == (bounds == "exact")
    assert any(what.startswith("intensities to 1 % of their value") for what in said)
    assert any(what.startswith("least efficiency of a detector 0.95 of the greatest") for what in said)
    kinds = {entry.unit for what, entry in said.items() if what.startswith("key length from the counts")}
    assert kinds == ({"covered"} if bounds == "exact" else {"not covered"})
    assert said["price of the epsilons"].value > 0.0
