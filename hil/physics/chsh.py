"""The CHSH value of entangled pairs, and what it has to do with visibility, errors and fidelity.

Sources: J. F. Clauser, M. A. Horne, A. Shimony, R. A. Holt, Phys. Rev. Lett. 23, 880 (1969); R. F. Werner, Phys. Rev. A 40,
4277 (1989). Valid for Werner states (a singlet with white noise, the same visibility in every basis) at the settings that are
best for them, with fair sampling. Local models reach 2, quantum mechanics 2 sqrt 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LOCAL_BOUND",
    "QUANTUM_BOUND",
    "fidelity_from_visibility",
    "qber_from_s",
    "qber_from_visibility",
    "s_from_correlations",
    "s_from_qber",
    "s_from_visibility",
    "s_standard_error",
    "visibility_from_s",
]

LOCAL_BOUND = 2.0
QUANTUM_BOUND = 2.0 * math.sqrt(2.0)

Four = tuple[float, float, float, float]


def s_from_visibility(visibility: float) -> float:
    """S = 2 sqrt 2 V."""
    return QUANTUM_BOUND * visibility


def visibility_from_s(s: float) -> float:
    """Inverse of :func:`s_from_visibility`."""
    return s / QUANTUM_BOUND


def qber_from_visibility(visibility: float) -> float:
    """Q = (1 - V) / 2: pairs without correlation are wrong half the time."""
    return (1.0 - visibility) / 2.0


def s_from_qber(qber: float) -> float:
    """S = 2 sqrt 2 (1 - 2Q)."""
    return s_from_visibility(1.0 - 2.0 * qber)


def qber_from_s(s: float) -> float:
    """Inverse of :func:`s_from_qber`; at the local bound it is the QBER above which nothing is violated, 14.6 %."""
    return qber_from_visibility(visibility_from_s(s))


def fidelity_from_visibility(visibility: float) -> float:
    """Overlap with the singlet: F = (1 + 3V) / 4."""
    return (1.0 + 3.0 * visibility) / 4.0


def s_from_correlations(correlations: Four) -> float:
    """S = E(a, b) - E(a, b') + E(a', b) + E(a', b'), the correlations in this order."""
    first, subtracted, third, fourth = correlations
    return first - subtracted + third + fourth


def s_standard_error(correlations: Four, coincidences: Sequence[float]) -> float:
    """Standard deviation of S from counting: root of the sum of (1 - E^2) / N over the four settings."""
    pairs = zip(correlations, coincidences, strict=True)
    return math.sqrt(math.fsum((1.0 - e**2) / n for e, n in pairs))
