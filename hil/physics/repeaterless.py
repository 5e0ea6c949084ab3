"""The most key that a lossy channel can carry without a repeater, whatever the protocol and the devices at its ends.

Source: S. Pirandola, R. Laurenza, C. Ottaviani, L. Banchi, Nature Communications 8, 15043 (2017): -log2(1 - eta) bits for each
use of a pure-loss channel of transmittance eta. Per pulse it holds for protocols whose key comes from single photons, also when
a pulse takes two modes (polarisation, two time bins): their rate is below eta, which is below the bound.
"""

from __future__ import annotations

import math

__all__ = ["repeaterless_bits_per_pulse"]


def repeaterless_bits_per_pulse(loss_db: float) -> float:
    """Secret bits for each pulse over a channel of this loss; inf without loss. ValueError for a negative one."""
    if not loss_db >= 0.0:
        raise ValueError(f"a channel's loss is 0 dB or more; got {loss_db}")
    if loss_db == 0.0:
        return math.inf
    eta = 10.0 ** (-loss_db / 10.0)
    return -math.log1p(-eta) / math.log(2.0) if eta < 1.0 else math.inf
