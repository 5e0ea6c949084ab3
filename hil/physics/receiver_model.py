"""A bench file's receiver as the numbers that the closed forms of counting take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.physics.afterpulse import surviving_probability
from hil.physics.counting import Counting
from hil.physics.jitter import crossing_probability, seen_in_gate, slot_spread

if TYPE_CHECKING:
    from hil.bench.model import ReceiverDevice

__all__ = ["counting_of", "gate_every", "seen_slots", "spread_over_slots"]


def seen_slots(receiver: ReceiverDevice, period_s: float) -> tuple[float, float, float]:
    """Share of the light seen in its pulse's slot and in others, and share of the time in which the detectors see."""
    tail = receiver.jitter_tail_s, receiver.jitter_tail_share
    if receiver.gate_width_s == 0.0:
        crossing = crossing_probability(period_s, receiver.jitter_sigma_s, *tail)
        return 1.0 - crossing, crossing, 1.0
    own, beside = seen_in_gate(receiver.gate_width_s, period_s, receiver.jitter_sigma_s, *tail)
    every = gate_every(receiver, period_s)
    return own / every, beside / every, min(receiver.gate_width_s / period_s, 1.0) / every


def gate_every(receiver: ReceiverDevice, period_s: float) -> int:
    """Every how many slots a gate opens; 1 for a free-running receiver."""
    return max(round(receiver.gate_period_s / period_s), 1) if receiver.gate_width_s else 1


def spread_over_slots(receiver: ReceiverDevice, period_s: float) -> tuple[float, ...]:
    """Share of a pulse's clicks seen in each of seven slots, its own the fourth, where a gate opens in all of them."""
    width_s = receiver.gate_width_s or period_s
    return slot_spread(width_s, period_s, receiver.jitter_sigma_s, receiver.jitter_tail_s, receiver.jitter_tail_share)


def counting_of(receiver: ReceiverDevice, opened: float) -> Counting:
    """What limits the count rate of each detector, which sees for this share of the time."""
    held_s = receiver.afterpulse_hold_off_s and max(receiver.afterpulse_hold_off_s, receiver.dead_time_s)
    families = [(receiver.afterpulse_probability, receiver.afterpulse_decay_s)]
    families += [(family.probability, family.decay_s) for family in receiver.further_afterpulses]
    return Counting(
        dead_time_s=max(receiver.dead_time_s, held_s),
        afterpulse_probability=opened
        * math.fsum(surviving_probability(chance, held_s, decay_s) for chance, decay_s in families),
        paralyzable=receiver.dead_time_kind == "paralysable",
        recovery_time_s=receiver.recovery_time_s,
        latch_rate_hz=receiver.latch_rate_hz,
        latch_reset_s=receiver.latch_reset_s,
    )
