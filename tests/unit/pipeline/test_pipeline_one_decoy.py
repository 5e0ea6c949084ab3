"""The key length with one decoy: catalogue vectors, the yardstick, an implementation of the paper's authors, whole blocks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.physics.decoy_key import IntensityCounts, decoy_bound, decoy_proof
from hil.pipeline.estimation import Promise, SiftedCounts, entropy_of
from hil.pipeline.one_decoy import OneDecoyPromise
from hil.pipeline.proof import proof_of
from hil.ports.detections import SourceDeclaration

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.run import BlockReport

# Items onedecoy-50km-1e+11 and onedecoy-100km-1e+12 of the validation catalogue: the code that the authors of arXiv:2405.16578
# published, and a second implementation, agree to all digits. Counts follow from the parameters as there.
CATALOGUE = {
    (50.0, 1e11): (917308023.6232958, 2068302531.8800683, 24413701.120052338, 1071709.405590201, 0.045019194547965685),
    (100.0, 1e12): (881510325.3398012, 2056862613.687319, 24259955.88661227, 1100599.951950016, 0.046491809539804654),
}
SOURCE = SourceDeclaration(625e6, (0.5, 0.15), (0.9, 0.1), 0.9)
SMALL = SourceDeclaration(1e9, (0.3, 0.1), (0.3, 0.7), 0.7)


def catalogue_counts(length_km: float, pulses: float) -> SiftedCounts:
    """Expected counts of the catalogue's link: 0.2 dB/km, 200 dark counts a second, 2 % of the light at the wrong detector."""
    eta, dark, wrong = 10.0 ** (-0.02 * length_km), 200.0 / 625e6, 0.02
    parts: dict[str, list[float]] = {"key": [], "test": [], "test_errors": [], "key_errors": []}
    for mu, often in zip(SOURCE.intensities, SOURCE.probabilities, strict=True):
        clicks = 1.0 - math.exp(-mu * eta) * (1.0 - dark)
        errors = wrong * (1.0 - math.exp(-mu * eta)) + dark / 2.0
        for name, share in (("key", 0.9**2), ("test", 0.1**2)):
            parts[name].append(pulses * often * share * clicks)
            parts[f"{name}_errors"].append(pulses * often * share * errors)
    return SiftedCounts(*(tuple(parts[name]) for name in ("key", "test", "test_errors", "key_errors")))


@pytest.mark.parametrize(("length_km", "pulses"), CATALOGUE)
def test_bounds_and_length_equal_the_catalogue(length_km: float, pulses: float) -> None:
    bits, single, tests, errors, phase = CATALOGUE[length_km, pulses]
    counts, promise = catalogue_counts(length_km, pulses), OneDecoyPromise(SOURCE, 1e-12, 1e-12)
    found = promise.estimate(counts)
    assert found.vacuum == 0.0
    assert found.single_photons == pytest.approx(single, rel=1e-9)
    assert found.single_photon_tests == pytest.approx(tests, rel=1e-9)
    assert found.single_photon_test_errors == pytest.approx(errors, rel=1e-9)
    assert found.phase_error_ratio == pytest.approx(phase, rel=1e-9)
    leak = 1.16 * sum(counts.key) * entropy_of(sum(counts.key_errors) / sum(counts.key))
    assert abs(promise.length_bits(found, leak, credit_vacuum=True) - bits) <= 1


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(st.integers(0, 10_000_000), st.integers(0, 5_000_000)),
    st.tuples(st.integers(0, 1_000_000), st.integers(0, 500_000)),
    st.floats(0.0, 0.15),
    st.floats(0.0, 0.15),
    st.integers(0, 1_000_000),
)
def test_equal_to_the_yardstick(
    key: tuple[int, int], test: tuple[int, int], test_qber: float, key_qber: float, leak: int
) -> None:
    """hil.physics.one_decoy is written apart from this."""
    test_errors, key_errors = (tuple(math.ceil(q * n) for n in part) for q, part in ((test_qber, test), (key_qber, key)))
    promise = OneDecoyPromise(SMALL, 1e-9, 1e-15)
    found = promise.estimate(SiftedCounts(key, test, test_errors, key_errors))
    proof = decoy_proof(SMALL.intensities, SMALL.probabilities, 1e-9, 1e-15)
    bound = decoy_bound(IntensityCounts(key, key_errors, test, test_errors), proof, leak)
    assert found.phase_error_ratio == pytest.approx(bound.phase_error_ratio, rel=1e-9)
    assert found.single_photons == pytest.approx(bound.single_photon_events, rel=1e-9, abs=1e-6)
    assert abs(promise.length_bits(found, leak, credit_vacuum=True) - bound.length_bits) <= 1


def test_errors_of_the_key_basis_shorten_the_key() -> None:
    """They may hide vacuum events; without them counted, those of the test basis stand for them."""
    counts, promise = catalogue_counts(50.0, 1e9), OneDecoyPromise(SOURCE, 1e-9, 1e-15)
    more = replace(counts, key_errors=tuple(1.5 * n for n in counts.key_errors))
    unknown = replace(counts, key_errors=())
    singles = [promise.estimate(each).single_photons for each in (more, counts, unknown)]
    assert singles[0] < 0.98 * singles[1]
    assert singles[2] == pytest.approx(singles[1], rel=1e-9)


def test_the_intensities_choose_the_proof(small: Callable[..., Any]) -> None:
    link = small()
    assert isinstance(proof_of(link.settings), Promise)
    assert isinstance(proof_of(replace(link.settings, source=SMALL)), OneDecoyPromise)
    with pytest.raises(UsageError, match="one decoy is two intensities"):
        OneDecoyPromise(link.settings.source, 1e-9, 1e-15)
    with pytest.raises(UsageError, match="two decoys are three"):
        Promise(SMALL, 1e-9, 1e-15)


def _counts(report: BlockReport) -> IntensityCounts:
    rows = {(basis, number): (bits, errors) for number, basis, bits, errors in report.by_intensity}
    parts = ([float(rows[basis, number][what] or 0) for number in (0, 1)] for basis in (0, 1) for what in (0, 1))
    return IntensityCounts(*parts)


def test_a_block_is_as_long_as_its_verified_errors_allow(small: Callable[..., Any]) -> None:
    """Both ends release what the yardstick makes of the counts they report, errors of the key basis among them."""
    link = small(settings=replace(small().settings, source=SMALL))
    of_a, of_b = link.run(events=300_000, qber=0.004)
    assert of_a.report.released, of_a.report.sentence
    assert of_a.report == of_b.report
    assert [key.reveal() for _, key in of_a.keys] == [key.reveal() for _, key in of_b.keys]
    proof = decoy_proof(SMALL.intensities, SMALL.probabilities, 1e-2, 1e-9)
    bound = decoy_bound(_counts(of_a.report), proof, of_a.report.disclosed_bits)
    assert abs(of_a.report.secret_bits - bound.length_bits) <= 1
    said = [entry.what for entry in of_a.report.ledger if entry.stage == "proof"]
    assert said[0].startswith("secrecy (arXiv:2405.16578: one decoy")
    assert any("errors of the key basis" in what for what in said)


def test_a_block_whose_key_errors_are_many_gives_none(small: Callable[..., Any]) -> None:
    """Of 20,000 clicks the bound for one decoy leaves nothing, and the sentence says how long a block would have to be."""
    link = small(settings=replace(small().settings, source=SMALL))
    (of_a, of_b) = link.run(events=20_000)
    assert not of_a.report.released
    assert of_a.report.sentence == of_b.report.sentence
    assert "too short a block" in of_a.report.sentence
