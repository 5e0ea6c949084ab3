"""What a repeater chain should deliver, from its bench file alone: pairs a second, and their fidelity.

Composes :mod:`hil.physics.repeater` for attempts in step, one elementary pair a segment, Werner states, and a fresh start after
each round. A period is the longest, over the segments, of the light's crossing and of one attempt for each memory.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from hil.errors import UsageError
from hil.physics.repeater import elementary_success_probability, expected_attempts, waiting_factor
from hil.ports.repeater import RepeaterPrediction

if TYPE_CHECKING:
    from hil.bench.model import Bench, RepeaterNodeDevice, Segment

__all__ = ["predict_repeater"]

_KM_PER_S = 299_792.458 / 1.468
"""Light in a single-mode fibre at 1550 nm: group index 1.468 (Corning SMF-28 product information)."""


def predict_repeater(bench: Bench, link: str) -> RepeaterPrediction:
    """Rate and mean fidelity of a repeater chain as declared; UsageError for a link of another kind."""
    declared = bench.link[link]
    if not declared.segments:
        raise UsageError(f"link {link} has no segments: protocol {declared.protocol} is no repeater chain")
    names = (declared.parties["a"], *declared.path, declared.parties["b"])
    nodes = [cast("RepeaterNodeDevice", bench.device[name]) for name in names]
    pairs = list(zip(declared.segments, nodes, nodes[1:], strict=False))
    memories = [min(left.memories, right.memories) for _, left, right in pairs]
    crossings_s = [segment.length_km / _KM_PER_S for segment in declared.segments]
    loads_s = [count / segment.attempt_rate_hz for count, segment in zip(memories, declared.segments, strict=True)]
    period_s = max(*crossings_s, *loads_s)
    success = [1.0 - (1.0 - _single(segment)) ** count for count, segment in zip(memories, declared.segments, strict=True)]
    decays = [period_s * (1.0 / left.coherence_time_s + 1.0 / right.coherence_time_s) for _, left, right in pairs]
    to_a_s, to_b_s = math.fsum(crossings_s[:-1]), math.fsum(crossings_s[1:])
    round_s = expected_attempts(success) * period_s + max(to_a_s, to_b_s)
    swapped = math.prod(node.swap_success for node in nodes[1:-1])
    stored = to_a_s / nodes[0].coherence_time_s + to_b_s / nodes[-1].coherence_time_s
    stored += math.fsum(
        crossing_s * decay / period_s for crossing_s, decay in zip(crossings_s, decays, strict=True)
    )  # until they are heralded
    fidelities = [segment.fidelity for segment in declared.segments] + [node.swap_fidelity for node in nodes[1:-1]]
    werner = math.prod(_werner(one) for one in fidelities) * math.exp(-stored) * waiting_factor(success, decays)
    return RepeaterPrediction(swapped / round_s, (1.0 + 3.0 * werner) / 4.0, round_s, swapped)


def _single(segment: Segment) -> float:
    """Success of one attempt with one memory at each end; excess loss counts as so much more fibre of 1 dB/km."""
    fibre = elementary_success_probability(
        segment.length_km, segment.attenuation_db_per_km, segment.pair_probability, segment.efficiency, segment.efficiency
    )
    return fibre * elementary_success_probability(segment.excess_loss_db, 1.0, 1.0, 1.0, 1.0)


def _werner(fidelity: float) -> float:
    """The share w of the Bell state in a Werner state w |B><B| + (1 - w) / 4."""
    return 1.0 - 4.0 / 3.0 * (1.0 - fidelity)
