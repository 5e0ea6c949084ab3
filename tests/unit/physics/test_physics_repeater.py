"""Closed forms of a repeater chain against special cases, sums written out, and published relations."""

from __future__ import annotations

import math

import pytest

from hil.physics.repeater import (
    elementary_success_probability,
    expected_attempts,
    swapped_fidelity,
    three_halves_attempts,
    two_link_waiting_factor,
)


@pytest.mark.parametrize("p", [1.0, 0.5, 0.1, 1e-3, 1e-7])
def test_two_equal_links_take_the_textbook_number_of_attempts(p: float) -> None:
    assert expected_attempts([p]) == pytest.approx(1.0 / p)
    assert expected_attempts([p, p]) == pytest.approx((3.0 - 2.0 * p) / (p * (2.0 - p)))


def test_three_halves_is_reached_for_small_probability() -> None:
    assert expected_attempts([1e-5, 1e-5]) == pytest.approx(three_halves_attempts(1e-5), rel=1e-5)
    assert expected_attempts([0.5, 0.5]) < three_halves_attempts(0.5)


@pytest.mark.parametrize("success", [(0.3, 0.6), (0.2, 0.5, 0.9), (0.4, 0.4, 0.4, 0.1)])
def test_the_greatest_of_geometric_variables_by_its_tail_sum(success: tuple[float, ...]) -> None:
    """E[max] is the sum over n of P(max > n), which is 1 - product of (1 - q^n)."""
    tail = math.fsum(1.0 - math.prod(1.0 - (1.0 - p) ** n for p in success) for n in range(2000))
    assert expected_attempts(success) == pytest.approx(tail)


def test_swapping_multiplies_werner_parameters() -> None:
    """With w = (4F - 1) / 3: perfect pairs stay perfect, mixed ones stay mixed, others multiply."""
    assert swapped_fidelity(1.0, 0.9) == pytest.approx(0.9)
    assert swapped_fidelity(0.25, 0.9) == pytest.approx(0.25)
    w = (4 * 0.95 - 1) / 3 * (4 * 0.9 - 1) / 3
    assert swapped_fidelity(0.95, 0.9) == pytest.approx((3 * w + 1) / 4)


@pytest.mark.parametrize(("p1", "p2", "d1", "d2"), [(0.3, 0.6, 0.05, 0.2), (0.1, 0.1, 0.01, 0.01), (0.5, 0.5, 0.0, 0.0)])
def test_waiting_factor_by_its_double_sum(p1: float, p2: float, d1: float, d2: float) -> None:
    total = math.fsum(
        p1 * (1 - p1) ** (a - 1) * p2 * (1 - p2) ** (b - 1) * math.exp(-(d1 * max(b - a, 0) + d2 * max(a - b, 0)))
        for a in range(1, 300)
        for b in range(1, 300)
    )
    assert two_link_waiting_factor(p1, p2, d1, d2) == pytest.approx(total, abs=1e-9)


def test_fibre_takes_from_the_pair_what_its_whole_length_loses() -> None:
    assert elementary_success_probability(50.0, 0.2, 0.1, 0.5, 0.8) == pytest.approx(0.1 * 0.5 * 0.8 * 0.1)
