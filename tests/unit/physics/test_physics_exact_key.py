"""Phase errors by the hypergeometric law, against scipy's cumulative distribution, for blocks of any shape."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import hypergeom

from hil.physics.exact_key import hypergeometric_ratio


def check(tests: int, errors: int, key: int, failure: float) -> None:
    """The most wrong bits in the key that leave so few seen errors likelier than ``failure``, and not one more."""
    ratio = hypergeometric_ratio(tests, errors, key, failure)
    if ratio == 0.5:  # capped
        return
    assert ratio >= errors / tests
    wrong = errors + round(ratio * key)
    most, beyond = (float(hypergeom.logcdf(errors, tests + key, count, tests)) for count in (wrong, wrong + 1))
    assert beyond <= math.log(failure) + 1e-4, "one more is likely enough, too"
    assert most > math.log(failure) - 1e-4


@pytest.mark.parametrize(
    ("tests", "errors", "key", "failure"),
    [
        (620_717, 24_807, 664_312, 1.9e-8),
        (711_125, 28_096, 282_407, 4.2e-8),
        (946_289, 9_553, 93_850, 1e-20),
        (100_000, 3_000, 10_000, 5e-23),
        (51_072, 23_010, 27_049, 2e-6),
    ],
)
def test_a_bound_of_phase_errors_is_exact_where_the_test_is_the_longer_part(
    tests: int, errors: int, key: int, failure: float
) -> None:
    check(tests, errors, key, failure)


def test_a_bound_of_phase_errors_is_exact_for_blocks_of_any_shape() -> None:
    rng = np.random.default_rng(11)
    for _ in range(200):
        tests, key = (int(10.0 ** rng.uniform(1.0, 6.0)) for _ in range(2))
        errors, failure = int(tests * 10.0 ** rng.uniform(-3.0, -0.31)), 10.0 ** rng.uniform(-23.0, -2.0)
        check(tests, errors, key, failure)
