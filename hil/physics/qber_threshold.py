"""The QBER above which no key is left, for an endless run with one-way post-processing and perfect error correction.

Sources: P. W. Shor, J. Preskill, Phys. Rev. Lett. 85, 441 (2000), for BB84; D. Bruß, Phys. Rev. Lett. 81, 3018 (1998), and
V. Scarani et al., Rev. Mod. Phys. 81, 1301 (2009), for six states. Valid for single photons and errors that are equal in all
bases; pre-processing with noise and two-way post-processing tolerate more.
"""

from __future__ import annotations

import math

from hil.physics._bisection import crossing
from hil.physics.entropy import binary_entropy

__all__ = ["bb84_rate", "bb84_threshold", "six_state_rate", "six_state_threshold"]


def bb84_rate(qber: float) -> float:
    """Secret bits per sifted bit of BB84: 1 - 2 h(Q)."""
    return 1.0 - 2.0 * binary_entropy(qber)


def six_state_rate(qber: float) -> float:
    """Secret bits per sifted bit of six states: 1 less the entropy of no error (1 - 3Q/2) and of three kinds (Q/2 each)."""
    none, each = 1.0 - 1.5 * qber, 0.5 * qber
    return 1.0 + sum(p * math.log2(p) for p in (none, each, each, each) if p > 0.0)


def bb84_threshold() -> float:
    """Where the rate of BB84 ends: 11.0 %."""
    return crossing(bb84_rate, 0.0, 0.5)


def six_state_threshold() -> float:
    """Where the rate of six states ends: 12.6 %."""
    return crossing(six_state_rate, 0.0, 0.5)
