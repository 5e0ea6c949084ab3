"""A key management entity is full: keys of other links take its room, so that it takes in fewer of this link's, or none.

What it holds it goes on delivering. Seen in ``max_key_count`` of its status (ETSI GS QKD 014, 6.1): how many keys of this pair
of applications there may be. A run that delivers is held back until an application draws keys, or until it is healed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import KME_CHANNEL, checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "KmeFull"]


@dataclass(frozen=True)
class KmeFull:
    """``fill_ratio``: share of its room for keys that is taken by others; 1 is full."""

    fill_ratio: float = 1.0

    def __post_init__(self) -> None:
        checked(self)


def _shown(settings: KmeFull, before: Readings, now: Readings) -> Finding:
    if math.isnan(before["max_keys"]):  # another fault of its channel kept the status away
        return Finding(shown=False, words="it told nobody before how many keys it may hold, so nothing can be compared")
    left = math.floor(before["max_keys"] * (1.0 - settings.fill_ratio))
    words = f"it may hold {now['max_keys']:.0f} keys, {before['max_keys']:.0f} before, and holds {now['stored_keys']:.0f}"
    return Finding(now["max_keys"] <= left < before["max_keys"], words)


def _healed(_settings: KmeFull, during: Readings, now: Readings) -> Finding:
    words = (
        f"it may hold {now['max_keys']:.0f} keys, {during['max_keys']:.0f} with the fault, and holds {now['stored_keys']:.0f}"
    )
    return Finding(now["max_keys"] > during["max_keys"], words)


SPEC = classical(
    name="kme-full",
    title="A key management entity is full (twins only)",
    settings=KmeFull,
    zero="A share of 0 leaves all room to this link.",
    acts_on="the room for keys of a key management entity's twin",
    moves=lambda settings: {"kme_fill_ratio": settings.fill_ratio},
    shown=_shown,
    healed=_healed,
    target_role=KME_CHANNEL,
    ranges={"fill_ratio": Range(0.5, 1.0, "half of the room to none; our choice")},
    magnitude=("fill_ratio",),
)
