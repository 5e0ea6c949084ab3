"""S from counts, against closed forms of quantum and of local models."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from hil.physics.chsh import s_from_visibility, s_standard_error
from hil.pipeline.bell import Correlation, chsh, correlation

ANGLES_A, ANGLES_B = (0.0, 45.0), (22.5, 67.5)
PAIRS = 20_000


def _matrix(correlations, pairs=PAIRS):
    """Counts of a E for each pair of settings, without noise: half of the same results on either bit."""
    table = np.zeros((2 * len(correlations), 2 * len(correlations[0])), int)
    for i, row in enumerate(correlations):
        for j, value in enumerate(row):
            same, other = round(pairs * (1 + value) / 4), round(pairs * (1 - value) / 4)
            table[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = [[same, other], [other, same]]
    return table.tolist()


def _quantum(angles_a, angles_b, visibility=1.0, sign=-1):
    return [[visibility * math.cos(2 * math.radians(a + sign * b)) for b in angles_b] for a in angles_a]


@pytest.mark.parametrize("visibility", [1.0, 0.9, 0.6])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("turned", [1, -1])
def test_a_maximally_entangled_state_gives_two_root_two_times_its_visibility(visibility, sign, turned):
    """Whether its correlation goes with the difference or the sum of the angles, and whichever sign it has."""
    found = chsh(_matrix(_quantum(ANGLES_A, ANGLES_B, turned * visibility, sign)), ANGLES_A, ANGLES_B)
    assert found is not None
    assert found.value == pytest.approx(2 * math.sqrt(2) * visibility, abs=4 * 2 / PAIRS)  # whole counts


def test_the_standard_error_is_that_of_four_binomials():
    """Root of the sum of (1 - E^2) / N: 4 (1 - V^2 / 2) / N for the best angles."""
    found = chsh(_matrix(_quantum(ANGLES_A, ANGLES_B, 0.9)), ANGLES_A, ANGLES_B)
    assert found.error == pytest.approx(math.sqrt(4 * (1 - 0.81 / 2) / PAIRS), rel=1e-3)
    assert found.error == pytest.approx(s_standard_error([one.value for one in found.correlations], [PAIRS] * 4), rel=1e-3)
    assert found.beyond_local == pytest.approx((2 * math.sqrt(2) * 0.9 - 2) / found.error, rel=1e-3)


def test_it_is_the_closed_form_of_the_physics_package():
    """Written independently: S of a state with this visibility."""
    assert chsh(_matrix(_quantum(ANGLES_A, ANGLES_B, 0.9)), ANGLES_A, ANGLES_B).value == pytest.approx(
        s_from_visibility(0.9), rel=1e-3
    )


def test_no_local_model_goes_beyond_two():
    """Every deterministic assignment of results to settings, counted: S is 2 at most, whatever was chosen by angle."""
    for results in itertools.product((-1, 1), repeat=4):
        values = [[results[i] * results[2 + j] for j in (0, 1)] for i in (0, 1)]
        found = chsh(_matrix(values), ANGLES_A, ANGLES_B)
        assert found is not None
        assert found.value <= 2.0


def test_four_of_many_settings_are_chosen_by_their_angles():
    """E91's three a party: the pair that violates is taken, and the equal angles are left for the key."""
    angles_a, angles_b = (0.0, 22.5, 45.0), (0.0, 22.5, 67.5)
    found = chsh(_matrix(_quantum(angles_a, angles_b, 0.95)), angles_a, angles_b)
    assert (found.settings_a, found.settings_b) == ((0, 2), (1, 2))
    assert found.value == pytest.approx(2 * math.sqrt(2) * 0.95, rel=1e-3)


def test_counts_do_not_choose_the_minus():
    """Under angles that say where it stands, counts which would fit another place better give the smaller value."""
    values = _quantum(ANGLES_A, ANGLES_B)
    values[0][1], values[1][0] = values[1][0], values[0][1]
    found = chsh(_matrix(values), ANGLES_A, ANGLES_B)
    largest = max(
        abs(sum((-1 if (i, j) == minus else 1) * values[i][j] for i, j in itertools.product((0, 1), repeat=2)))
        for minus in itertools.product((0, 1), repeat=2)
    )
    assert found.value < largest - 0.5


@pytest.mark.parametrize("angles", [(None, None), (0.0, None), (0.0, 0.0)])
def test_without_angles_that_could_violate_there_is_no_value(angles):
    """Unknown, one alone, or two that are the same."""
    assert chsh(_matrix(_quantum(ANGLES_A, ANGLES_B)), angles, ANGLES_B) is None


def test_a_pair_of_settings_without_pairs_gives_none():
    """Four correlations are needed."""
    matrix = _matrix(_quantum(ANGLES_A, ANGLES_B))
    matrix[2][2] = matrix[2][3] = matrix[3][2] = matrix[3][3] = 0
    assert chsh(matrix, ANGLES_A, ANGLES_B) is None


def test_a_correlation_counts_its_own_block():
    """Same results on the diagonal of the settings' two by two."""
    matrix = [[1, 2, 10, 20], [3, 4, 30, 40], [5, 6, 50, 60], [7, 8, 70, 80]]
    assert correlation(matrix, 0, 1) == Correlation(50, 50)
    assert correlation(matrix, 1, 0) == Correlation(13, 13)
    assert correlation(matrix, 0, 0).value == 0.0
    assert math.isnan(Correlation(0, 0).value)
