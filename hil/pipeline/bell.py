"""CHSH's S from counted coincidences, where the analysers' angles are known.

Source: J. F. Clauser, M. A. Horne, A. Shimony, R. A. Holt, Phys. Rev. Lett. 23, 880 (1969):
S = |E(a, b) + E(a, b') + E(a', b) - E(a', b')| is at most 2 for local hidden variables; at most 2 sqrt 2 (B. S. Cirel'son,
Lett. Math. Phys. 4, 93 (1980)). The four settings, and which correlation has the minus, follow from the angles alone, never
from the counts: the choice under which a maximally entangled state would give the largest S. Only whether its correlation goes
with the angles' difference or with their sum is read off the counts. Fair sampling is assumed.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Chsh", "Correlation", "chsh", "correlation"]

_LOCAL = 2.0


@dataclass(frozen=True)
class Correlation:
    """Pairs with the same and with opposite results in one pair of settings."""

    same: int
    opposite: int

    @property
    def pairs(self) -> int:
        return self.same + self.opposite

    @property
    def value(self) -> float:
        """E; nan without a pair."""
        return (self.same - self.opposite) / self.pairs if self.pairs else math.nan

    @property
    def variance(self) -> float:
        """Of E, binomial; with one pair more of each kind, so that counts of zero are not taken for certainty."""
        return 4.0 * (self.same + 1) * (self.opposite + 1) / ((self.pairs + 2) ** 2 * (self.pairs + 3))


@dataclass(frozen=True)
class Chsh:
    """``value`` is S with its standard error; ``settings_a`` and ``settings_b`` are numbers of settings.

    ``correlations`` and ``signs`` in the order (a, b), (a, b'), (a', b), (a', b').
    """

    settings_a: tuple[int, int]
    settings_b: tuple[int, int]
    signs: tuple[int, int, int, int]
    correlations: tuple[Correlation, ...]
    value: float
    error: float

    @property
    def beyond_local(self) -> float:
        """By how many standard errors S is beyond 2."""
        return (self.value - _LOCAL) / self.error


def correlation(matrix: Sequence[Sequence[int]], setting_a: int, setting_b: int) -> Correlation:
    """Of one pair of settings; rows of the matrix are Alice's channels, two a setting, columns Bob's."""
    rows = [matrix[2 * setting_a + bit][2 * setting_b : 2 * setting_b + 2] for bit in (0, 1)]
    return Correlation(rows[0][0] + rows[1][1], rows[0][1] + rows[1][0])


def chsh(
    matrix: Sequence[Sequence[int]], angles_a_deg: Sequence[float | None], angles_b_deg: Sequence[float | None]
) -> Chsh | None:
    """S of the best four settings; None where no four with known angles could violate the inequality, or one has no pair."""
    wholes = [_whole(matrix, angles_a_deg, angles_b_deg, sign) for sign in (-1, 1)]
    possible = [found for found in wholes if found is not None]
    return max(possible, key=lambda one: one[0], default=(0.0, None))[1]


def _whole(
    matrix: Sequence[Sequence[int]], angles_a: Sequence[float | None], angles_b: Sequence[float | None], sign: int
) -> tuple[float, Chsh] | None:
    """How well the counts go with cos 2(a -+ b), and S under the settings that are best for it."""
    best, chosen = _LOCAL, None
    for pair_a, pair_b in itertools.product(_pairs(angles_a), _pairs(angles_b)):
        expected = [
            math.cos(2.0 * math.radians(float(angles_a[i] or 0.0) + sign * float(angles_b[j] or 0.0)))
            for i, j in itertools.product(pair_a, pair_b)
        ]
        for minus in range(4):
            signs = tuple(-1 if place == minus else 1 for place in range(4))
            value = abs(sum(one * other for one, other in zip(signs, expected, strict=True)))
            if value > best + 1e-9:
                best, chosen = value, (pair_a, pair_b, signs, expected)
    if chosen is None:
        return None
    pair_a, pair_b, signs, expected = chosen
    seen = tuple(correlation(matrix, i, j) for i, j in itertools.product(pair_a, pair_b))
    if not all(one.pairs for one in seen):
        return None
    likeness = abs(sum(one.value * other for one, other in zip(seen, expected, strict=True)))
    total = sum(sign * one.value for sign, one in zip(signs, seen, strict=True))
    return likeness, Chsh(
        settings_a=pair_a,
        settings_b=pair_b,
        signs=(signs[0], signs[1], signs[2], signs[3]),
        correlations=seen,
        value=abs(total),
        error=math.sqrt(sum(one.variance for one in seen)),
    )


def _pairs(angles: Sequence[float | None]) -> list[tuple[int, int]]:
    known = [number for number, angle in enumerate(angles) if angle is not None]
    return list(itertools.combinations(known, 2))
