"""``[device.X]`` of a repeater's nodes, and ``[[link.X.segment]]`` of the elementary links between them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from hil.bench.tables.device import DeviceTable
from hil.bench.tables.quantities import (
    ABOVE_ZERO,
    Actual,
    Decibels,
    DecibelsPerKm,
    Kilometres,
    PositiveRatio,
    SomeHertz,
    SomeSeconds,
    Table,
)

__all__ = ["RepeaterNodeDevice", "Segment"]

_Fidelity = Annotated[float, Meta(gt=0.25, le=1.0)]
"""Of a Werner state to the Bell state it approaches; at a quarter nothing of it is left."""


class RepeaterNodeDevice(DeviceTable, frozen=True, kw_only=True, tag_field="role", tag="repeater-node"):
    """Node of a repeater chain: an end, or one between that swaps."""

    memories: Annotated[int, Meta(ge=1, le=1000)] = 1
    """Towards each neighbour. Each can hold one attempt at a time."""
    coherence_time_s: SomeSeconds = field(name="coherence_time")
    """Of one memory (T2): what is stored depolarises as exp(-t/T2)."""
    swap_success: PositiveRatio = 1.0
    """Probability that the Bell measurement of a swap gives a result."""
    swap_fidelity: _Fidelity = 1.0
    """Of the pair that a swap makes out of two perfect ones."""


class Segment(Table, frozen=True, kw_only=True):
    """``[[link.X.segment]]``: one elementary link, its pair source in the middle of the fibre."""

    length_km: Annotated[Kilometres, ABOVE_ZERO] = field(name="length")
    attenuation_db_per_km: DecibelsPerKm = field(name="attenuation", default=0.2)
    excess_loss_db: Decibels = field(name="excess_loss", default=0.0)
    attempt_rate_hz: SomeHertz = field(name="attempt_rate")
    """How often the source can fire."""
    pair_probability: PositiveRatio = 1.0
    """That an attempt sends a pair."""
    efficiency: PositiveRatio
    """That a photon which arrives is caught by its memory and heralded; the same at both ends."""
    fidelity: _Fidelity
    """Of a pair as its source and its memories make it, without what storage takes."""
    actual: Actual = {}
    """Twins only: what the segment is really like, by the same keys."""
