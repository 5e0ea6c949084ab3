"""Pulses that spread in a fibre over more than their detection window.

Source: G. P. Agrawal, "Fiber-Optic Communication Systems", 4th ed. (Wiley, 2010), section 2.4: a Gaussian pulse of a source
whose line is wide beside the pulse's own spectrum. Widths are full ones at half maximum. Valid away from zero dispersion.
"""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["broadened_s", "window_shares"]


def broadened_s(pulse_width_s: float, dispersion_ps_per_nm_km: float, line_width_nm: float, length_km: float) -> float:
    """Width of the pulse at the fibre's end: sqrt(width² + (D L line width)²)."""
    return math.hypot(pulse_width_s, dispersion_ps_per_nm_km * line_width_nm * length_km * 1e-12)


def window_shares(width_s: float, window_s: float, period_s: float) -> tuple[float, float]:
    """Share of a pulse in the window around its own slot's middle, and in that of one neighbouring slot."""
    pulse = NormalDist(0.0, width_s / (2.0 * math.sqrt(2.0 * math.log(2.0))))
    own = pulse.cdf(window_s / 2.0) - pulse.cdf(-window_s / 2.0)
    return own, pulse.cdf(-period_s + window_s / 2.0) - pulse.cdf(-period_s - window_s / 2.0)
