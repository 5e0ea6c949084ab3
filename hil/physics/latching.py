"""Count rate of a nanowire that latches when hit before its bias recovered.

A wire whose electrical response is made fast enough latches: A. J. Kerman et al., "Electrothermal feedback in superconducting
nanowire single-photon detectors", Phys. Rev. B 79, 100509 (2009). The rule by the gap between clicks is our own,
of the right order of magnitude only: a click closer than 1 / latch rate to the one before latches the wire, which is silent for
the reset time; dead time before that is non-paralyzable. Valid for Poissonian light without afterpulses.
"""

from __future__ import annotations

import math

__all__ = ["latched_share", "latching_rate"]


def latched_share(rate_hz: float, dead_time_s: float, latch_rate_hz: float) -> float:
    """Share of the clicks that latch: x = q / (1 + q), as after a latched click none is hasty.

    q = 1 - exp(-n (1 / R - tau)) is the chance that the next event behind the dead time comes within 1 / R.
    """
    hasty = -math.expm1(-rate_hz * max(1.0 / latch_rate_hz - dead_time_s, 0.0))
    return hasty / (1.0 + hasty)


def latching_rate(rate_hz: float, dead_time_s: float, latch_rate_hz: float, reset_s: float) -> float:
    """Clicks per second: 1 / (1 / n + (1 - x) tau + x L), the mean gap with its dead time tau or its reset time L."""
    share = latched_share(rate_hz, dead_time_s, latch_rate_hz)
    return 1.0 / (1.0 / rate_hz + (1.0 - share) * dead_time_s + share * reset_s)
