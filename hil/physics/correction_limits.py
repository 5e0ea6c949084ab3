"""What error correction discloses at least: the finite-length limit of one-way codes, and frames that failed.

Sources: M. Tomamichel, J. Martinez-Mateo, C. Pacher, D. Elkouss, Quantum Inf. Process. 16, 280 (2017), for the normal
approximation; J. Martinez-Mateo et al., Quantum Inf. Comput. 15, 453 (2015), for frames that failed. The approximation is valid
for binary symmetric errors and frames of a thousand bits or more; interactive protocols such as Cascade are not bound by it.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from hil.physics.entropy import binary_entropy

__all__ = ["efficiency_with_failures", "one_way_efficiency_limit"]


def one_way_efficiency_limit(bits: int, qber: float, frame_error_ratio: float) -> float:
    """Smallest f that a one-way code of this length can have at this share of failed frames.

    Of n bits, n h(q) + sqrt(n v) z - log2(n) / 2 are disclosed: v = q (1 - q) log2((1 - q) / q)^2 is the variance of what a bit
    tells, z the normal quantile of success. A code that reports less at that share is measured wrongly.
    """
    shannon = bits * binary_entropy(qber)
    variance = bits * qber * (1.0 - qber) * math.log2((1.0 - qber) / qber) ** 2
    quantile = NormalDist().inv_cdf(1.0 - frame_error_ratio)
    return (shannon + math.sqrt(variance) * quantile - 0.5 * math.log2(bits)) / shannon


def efficiency_with_failures(efficiency: float, qber: float, frame_error_ratio: float) -> float:
    """Efficiency f with a failed frame counted as disclosed whole: (1 - FER) f + FER / h(q)."""
    return (1.0 - frame_error_ratio) * efficiency + frame_error_ratio / binary_entropy(qber)
