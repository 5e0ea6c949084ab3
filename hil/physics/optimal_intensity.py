"""The signal intensity that gives most key from an endless run with decoys.

Source: X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005), equation 12. Valid where background is negligible and
the transmittance small, at moderate distances; near the longest distance the optimum is another one.
"""

from __future__ import annotations

import math

from hil.physics._bisection import crossing
from hil.physics.entropy import binary_entropy

__all__ = ["optimal_signal_intensity"]


def optimal_signal_intensity(misalignment: float, correction_efficiency: float = 1.22) -> float:
    """Solution of (1 - mu) exp(-mu) = f h(e) / (1 - h(e)); 0 where so much misalignment leaves no key at any intensity."""
    entropy = binary_entropy(misalignment)
    if correction_efficiency * entropy >= 1.0 - entropy:
        return 0.0
    cost = correction_efficiency * entropy / (1.0 - entropy)
    return crossing(lambda mu: (1.0 - mu) * math.exp(-mu) - cost, 0.0, 2.0)
