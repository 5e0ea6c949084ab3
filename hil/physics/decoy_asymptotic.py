"""Key rate of an endless run: vacuum and weak decoy bounds, and the GLLP formula.

Source: X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005), equations 34, 37 and 1. Valid for infinitely long keys,
one-way post-processing, a signal intensity above the decoy's.
"""

from __future__ import annotations

import math

from hil.physics.entropy import binary_entropy

__all__ = ["gllp_rate", "single_photon_error_upper", "single_photon_yield_lower"]


def single_photon_yield_lower(signal: float, decoy: float, signal_gain: float, decoy_gain: float, background: float) -> float:
    """Lower bound on Y1 from the gains of a signal, a weak decoy and the vacuum."""
    weighted = (decoy / signal) ** 2
    bracket = decoy_gain * math.exp(decoy) - signal_gain * math.exp(signal) * weighted - (1.0 - weighted) * background
    return signal / (signal * decoy - decoy**2) * bracket


def single_photon_error_upper(
    decoy: float, decoy_gain: float, decoy_qber: float, background: float, yield_lower: float
) -> float:
    """Upper bound on e1 from the errors of the weak decoy."""
    return (decoy_qber * decoy_gain * math.exp(decoy) - 0.5 * background) / (yield_lower * decoy)


def gllp_rate(
    signal: float,
    signal_gain: float,
    signal_qber: float,
    single_yield: float,
    single_error: float,
    *,
    correction_efficiency: float = 1.22,
    sifting: float = 0.5,
) -> float:
    """Secret bits per signal pulse, negative where there are none."""
    single_gain = single_yield * signal * math.exp(-signal)
    kept = single_gain * (1.0 - binary_entropy(min(single_error, 0.5)))
    return sifting * (kept - signal_gain * correction_efficiency * binary_entropy(signal_qber))
