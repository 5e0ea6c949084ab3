"""The key length of the pipeline against catalogue vectors and against the framework's own yardstick."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.physics import finite_key
from hil.physics.decoy_key import IntensityCounts, first_decoy_key_factor
from hil.pipeline.decision import first_key_factor
from hil.pipeline.estimation import Promise, SiftedCounts, entropy_of, estimate, key_length_bits, uncovered
from hil.pipeline.settings import DistillSettings
from hil.ports.detections import DetectorRole, ReceiverDeclaration, SourceDeclaration

# Items lim2014-25km-1e+10 and lim2014-50km-1e+12 of the validation catalogue (expected counts; "two independent implementations
# agree to the bit"); there the key basis is called X and the test basis Z.
LIM_SOURCE = SourceDeclaration(1e9, (0.5, 0.1, 2e-4), (0.6, 0.3, 0.1), 0.9)
VECTORS: list[dict[str, Any]] = [
    {
        "key": (79294567.91884798, 7982108.476865188, 6338.662160506381),
        "test": (978945.2829487401, 98544.54909710103, 78.2550884013133),
        "test_errors": (23567.98417975766, 2386.6799216066247, 7.8211323121963785),
        "leak": 16589087.289221657,
        "length": 17645404,
        "single": 52888982.8379603,
        "single_test": 537950.3960116801,
        "errors": 34189.1804129644,
        "phase": 0.06649502509855619,
    },
    {
        "key": (2521496019.7796707, 252896642.99704313, 269567.62934872817),
        "test": (31129580.491107024, 3122180.7777412715, 3327.9954240583706),
        "test_errors": (751871.4028946655, 76834.44053286065, 673.999902001076),
        "leak": 529386329.3766653,
        "length": 814528602,
        "single": 1701549203.8078923,
        "single_test": 20358387.667872954,
        "errors": 669021.2622617607,
        "phase": 0.033197376956598065,
    },
]
METRO = SourceDeclaration(1e9, (0.55, 0.25, 2e-4), (0.4, 0.4, 0.2), 0.83)
SETTINGS = DistillSettings("metro", METRO, ReceiverDeclaration((DetectorRole("z0", 0, 0),), "passive", 50e-9))


def counts_of(vector: dict[str, Any]) -> SiftedCounts:
    return SiftedCounts(vector["key"], vector["test"], vector["test_errors"])


@pytest.mark.parametrize("vector", VECTORS, ids=["25 km", "50 km"])
def test_bounds_and_length_equal_the_catalogue(vector: dict[str, Any]) -> None:
    """To a part in 1e9, the length to the bit; the vacuum bound is zero in both, so either accounting gives it."""
    promise = Promise(LIM_SOURCE, 1e-9, 1e-15)
    found = estimate(counts_of(vector), promise)
    assert found.vacuum == 0.0
    assert found.single_photons == pytest.approx(vector["single"], rel=1e-9)
    assert found.single_photon_tests == pytest.approx(vector["single_test"], rel=1e-9)
    assert found.single_photon_test_errors == pytest.approx(vector["errors"], rel=1e-9)
    assert found.phase_error_ratio == pytest.approx(vector["phase"], rel=1e-9)
    assert abs(key_length_bits(found, promise.cost_bits, vector["leak"]) - vector["length"]) <= 1


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 10_000_000), min_size=3, max_size=3),
    st.lists(st.integers(0, 1_000_000), min_size=3, max_size=3),
    st.floats(0.001, 0.15),
    st.integers(0, 1_000_000),
)
def test_never_more_than_the_yardstick_and_equal_with_vacuum_credited(
    key: list[int], test: list[int], qber: float, leak: int
) -> None:
    """hil.physics.finite_key is written apart from this; equal to a bit unless this one assumed an error that nobody saw."""
    errors = tuple(math.ceil(qber * n) for n in test)
    promise = Promise(METRO, 1e-9, 1e-15)
    found = estimate(SiftedCounts(tuple(key), tuple(test), errors), promise)
    proof = finite_key.DecoyProof((0.55, 0.25, 2e-4), (0.4, 0.4, 0.2), 1e-9, 1e-15)
    counts = finite_key.DecoyCounts((key[0], key[1], key[2]), (test[0], test[1], test[2]), (errors[0], errors[1], errors[2]))
    expected = finite_key.key_length_bits(counts, proof, leak)
    if found.single_photon_test_errors > 1.0:
        assert abs(key_length_bits(found, promise.cost_bits, leak, credit_vacuum=True) - expected) <= 1
    assert key_length_bits(found, promise.cost_bits, leak) <= expected + 1


def test_the_yardsticks_length_would_differ_with_another_log_term() -> None:
    """The comparison above can fail: a length with the epsilons left out is off by their cost."""
    promise = Promise(LIM_SOURCE, 1e-9, 1e-15)
    assert promise.cost_bits == pytest.approx(6 * math.log2(21 / 1e-9) + math.log2(2 / 1e-15))
    assert promise.cost_bits > 200


def test_a_sample_without_errors_still_bounds_the_phase_error_above_zero() -> None:
    found = estimate(SiftedCounts((1e6, 5e5, 3e3), (5e4, 2e4, 100), (0, 0, 0)), Promise(METRO, 1e-9, 1e-15))
    assert 0.0 < found.phase_error_ratio < 0.01


@pytest.mark.parametrize(
    "counts", [((0, 0, 0), (0, 0, 0), (0, 0, 0)), ((1, 0, 0), (1, 0, 0), (1, 0, 0)), ((9, 9, 9), (9, 9, 9), (9, 9, 9))]
)
def test_next_to_nothing_gives_no_key(counts: tuple[tuple[int, ...], ...]) -> None:
    promise = Promise(METRO, 1e-9, 1e-15)
    assert key_length_bits(estimate(SiftedCounts(*counts), promise), promise.cost_bits, 0) == 0
    assert first_key_factor(SETTINGS, promise, SiftedCounts((0, 0, 0), (0, 0, 0), (0, 0, 0))) == math.inf


def test_the_first_key_comes_where_the_yardstick_says() -> None:
    """Counts of 100 ms of the metropolitan bench: both bisections agree within their steps."""
    counts = ((130059, 59581, 381), (5431, 2510, 17), (63, 33, 8))
    factor = first_key_factor(SETTINGS, Promise(METRO, 1e-9, 1e-15), SiftedCounts(*counts))
    leak = 2.0 * 1.15 * sum(counts[0]) * entropy_of(sum(counts[2]) / sum(counts[1]))
    proof = finite_key.DecoyProof((0.55, 0.25, 2e-4), (0.4, 0.4, 0.2))
    closed = first_decoy_key_factor(IntensityCounts(counts[0], (), *counts[1:]), proof, leak)
    assert factor == pytest.approx(closed, rel=0.02)
    assert 1.0 < factor < 10.0


@pytest.mark.parametrize(
    ("intensities", "probabilities"),
    [
        ((0.5,), (1.0,)),
        ((0.5, 0.2, 0.1, 0.0), (0.4, 0.2, 0.2, 0.2)),
        ((0.1, 0.5), (0.5, 0.5)),
        ((0.5, 0.0), (0.5, 0.5)),
        ((0.5, 0.3, 0.2), (0.4, 0.3, 0.3)),
        ((0.5, 0.1, 0.2), (0.4, 0.3, 0.3)),
        ((0.5, 0.1, 0.0), (1.0, 0.0, 0.0)),
    ],
)
def test_intensities_the_proof_does_not_cover_are_refused(
    intensities: tuple[float, ...], probabilities: tuple[float, ...]
) -> None:
    with pytest.raises(UsageError, match="the proof takes"):
        Promise(SourceDeclaration(1e9, intensities, probabilities, 0.9), 1e-9, 1e-15)


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ({"source": "single-photon"}, "weak coherent pulses"),
        ({"phase": "constant"}, "random phase"),
        ({"bit_one_probability": 0.6}, "even bits"),
    ],
)
def test_a_source_the_proof_does_not_cover_is_named(flaw: dict[str, Any], words: str) -> None:
    assert words in uncovered(dataclasses.replace(METRO, **flaw))
    assert uncovered(METRO) == ""
