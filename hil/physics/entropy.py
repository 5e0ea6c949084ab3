"""Binary entropy and what error correction must disclose."""

from __future__ import annotations

import math

__all__ = ["binary_entropy", "correction_leak_bits"]


def binary_entropy(probability: float) -> float:
    """h(x) = -x log2 x - (1-x) log2(1-x), in bits; 0 at both ends. ValueError outside 0 to 1."""
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"a probability lies between 0 and 1; got {probability}")
    if probability in {0.0, 1.0}:
        return 0.0
    other = 1.0 - probability
    return -probability * math.log2(probability) - other * math.log2(other)


def correction_leak_bits(bits: float, qber_ratio: float, efficiency: float = 1.15) -> float:
    """Bits disclosed to correct ``bits`` at this error rate: f n h(q); ``efficiency`` f is 1 at the Slepian-Wolf limit."""
    return efficiency * bits * binary_entropy(qber_ratio)
