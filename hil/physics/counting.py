"""Count rate of one detector with its kind of dead time and its afterpulses: composes the closed forms of this package.

Afterpulses join the offer, n = s + P m, and m is what the kind of dead time lets through of n: a fixed point, by iteration.
Valid where the parts are; a detector that both recovers gradually and latches, or is paralyzable and does either, has no
closed form here.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.physics.dead_time import paralyzable_rate, with_afterpulses
from hil.physics.latching import latching_rate
from hil.physics.recovery import recovering_rate

__all__ = ["Counting", "counted"]

_ROUNDS = 200


@dataclass(frozen=True)
class Counting:
    """What limits the count rate of a detector. ``latch_rate_hz`` 0: it never latches."""

    dead_time_s: float
    afterpulse_probability: float
    paralyzable: bool = False
    recovery_time_s: float = 0.0
    latch_rate_hz: float = 0.0
    latch_reset_s: float = 0.0

    def passed_hz(self, offered_hz: float) -> float:
        """Clicks per second of everything offered, afterpulses included."""
        if offered_hz <= 0.0:
            return 0.0
        if self.paralyzable:
            return paralyzable_rate(offered_hz, self.dead_time_s)
        if self.latch_rate_hz > 0.0:
            return latching_rate(offered_hz, self.dead_time_s, self.latch_rate_hz, self.latch_reset_s)
        return recovering_rate(offered_hz, self.dead_time_s, self.recovery_time_s)


def counted(primary_hz: float, counting: Counting) -> float:
    """Clicks per second of a detector offered photons and dark counts at ``primary_hz``, afterpulses included."""
    if not (counting.paralyzable or counting.recovery_time_s or counting.latch_rate_hz):
        return with_afterpulses(primary_hz, counting.dead_time_s, counting.afterpulse_probability)
    clicks_hz = counting.passed_hz(primary_hz)
    for _ in range(_ROUNDS):
        clicks_hz = counting.passed_hz(primary_hz + counting.afterpulse_probability * clicks_hz)
    return clicks_hz
