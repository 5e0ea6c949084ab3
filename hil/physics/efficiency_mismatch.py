"""What unequal efficiencies of the two detectors of a basis tell about the bits.

Source: Y. Zhao, C.-H. F. Fung, B. Qi, C. Chen, H.-K. Lo, Phys. Rev. A 78, 042333 (2008): shifting pulses in time, an
eavesdropper knows which detector sees better; per sifted bit she learns 1 - h(eta0 / (eta0 + eta1)). Valid for even bits, no
background, a shift chosen at random whose two directions mirror each other, and efficiencies that are Gaussian over the time
of arrival.
"""

from __future__ import annotations

import math

from hil.physics.entropy import binary_entropy

__all__ = ["arrival_efficiency", "share_off_half", "time_shift_information"]


def arrival_efficiency(arrival_s: float, centre_s: float, width_s: float) -> float:
    """Efficiency at a time of arrival relative to the best; ``width_s`` is the full width at half maximum."""
    return math.exp(-4.0 * math.log(2.0) * ((arrival_s - centre_s) / width_s) ** 2)


def share_off_half(efficiency_ratio: float) -> float:
    """How far from a half each of two detectors' share of the clicks lies, one seeing this fraction of what the other sees.

    1 / (1 + r) - 1 / 2, for even light and no background.
    """
    return (1.0 - efficiency_ratio) / (2.0 * (1.0 + efficiency_ratio))


def time_shift_information(shift_s: float, offset_s: float, width_s: float) -> float:
    """Bits known of a sifted bit when pulses are shifted by plus or minus this; the curves' centres are ``offset_s`` apart."""
    first = arrival_efficiency(shift_s, -offset_s / 2.0, width_s)
    second = arrival_efficiency(shift_s, offset_s / 2.0, width_s)
    return 1.0 - binary_entropy(first / (first + second))
