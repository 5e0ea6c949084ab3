"""A chain of elementary links with memories, joined by entanglement swapping: expected rate and fidelity in closed form.

Each elementary link succeeds with probability p in each attempt and waits in its memories until all have; then the inner
nodes swap. Valid for attempts of one common period, one memory a link and side, no attempt while waiting, and a fresh start
after a failed swap. States are Werner states; a memory depolarises exponentially.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "elementary_success_probability",
    "expected_attempts",
    "swapped_fidelity",
    "three_halves_attempts",
    "two_link_waiting_factor",
]


def elementary_success_probability(
    length_km: float, attenuation_db_per_km: float, pair_probability: float, efficiency_a: float, efficiency_b: float
) -> float:
    """A pair from a source in the middle is detected or stored at both ends of a fibre, in one attempt.

    Each photon crosses half of the fibre, so the pair sees all of its loss (N. Sangouard, C. Simon, H. de Riedmatten and
    N. Gisin, Rev. Mod. Phys. 83, 33, 2011).
    """
    transmittance: float = 10.0 ** (-attenuation_db_per_km * length_km / 10.0)
    return pair_probability * efficiency_a * efficiency_b * transmittance


def expected_attempts(success: Sequence[float]) -> float:
    """Mean number of attempt periods until every link has succeeded: the mean of the greatest of geometric variables.

    By inclusion and exclusion over the links, as in N. K. Bernardes, L. Praxmeyer and P. van Loock, Phys. Rev. A 83, 012323
    (2011); for two links of equal p it is (3 - 2p) / (p (2 - p)).
    """
    total = 0.0
    for size in range(1, len(success) + 1):
        for chosen in combinations(success, size):
            # log1p keeps small probabilities exact
            none = math.fsum(math.log1p(-p) if p < 1.0 else -math.inf for p in chosen)
            total += (-1.0) ** (size + 1) / -math.expm1(none)
    return total


def three_halves_attempts(success: float) -> float:
    """The usual approximation for two links of small p, 3 / (2p): the factor 3/2 of a swapping level in Sangouard et al."""
    return 1.5 / success


def swapped_fidelity(first: float, second: float) -> float:
    """Fidelity after a perfect swap of two Werner pairs: F1 F2 + (1 - F1)(1 - F2) / 3.

    W. Duer, H.-J. Briegel, J. I. Cirac and P. Zoller, Phys. Rev. A 59, 169 (1999), for perfect operations.
    """
    return first * second + (1.0 - first) * (1.0 - second) / 3.0


def two_link_waiting_factor(first: float, second: float, decay_first: float, decay_second: float) -> float:
    """Mean of the Werner parameter's decay while the link that succeeded first waits for the other one.

    ``first``, ``second``: success probability of each link in one attempt; ``decay_first``, ``decay_second``: exponent of each
    link's decay in one period, period (1/T of one memory + 1/T of the other). The difference of two geometric variables has the
    mass p1 p2 q^d / (1 - q1 q2) at d, with q of the link that comes later (summed by hand from P(n) = p q^(n-1)).
    """
    q1, q2 = 1.0 - first, 1.0 - second
    x1, x2 = math.exp(-decay_first), math.exp(-decay_second)
    return first * second / (1.0 - q1 * q2) * (1.0 + q2 * x1 / (1.0 - q2 * x1) + q1 * x2 / (1.0 - q1 * x2))
