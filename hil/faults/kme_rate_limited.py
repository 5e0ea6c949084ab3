"""A key management entity answers only so many requests a second, evenly spaced; the others are told to come again.

ETSI GS QKD 014 knows three statuses of an error, so that is a 503 with its error body, and the header Retry-After of RFC 9110,
10.2.3; nothing is taken by such a request. Seen by asking for its status a few times at once. Its seconds are bench time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import KME_CHANNEL, checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "KmeRateLimited"]


@dataclass(frozen=True)
class KmeRateLimited:
    """``rate_hz``: requests a second that it answers."""

    rate_hz: float

    def __post_init__(self) -> None:
        checked(self)


def _shown(_settings: KmeRateLimited, before: Readings, now: Readings) -> Finding:
    asked = now["busy"] + now["answered"]
    words = f"{now['busy']:.0f} of {asked:.0f} requests were told to come again, {before['busy']:.0f} before"
    return Finding(now["busy"] > before["busy"], words)


def _healed(_settings: KmeRateLimited, _during: Readings, now: Readings) -> Finding:
    words = f"{now['busy']:.0f} of {now['busy'] + now['answered']:.0f} requests are told to come again"
    return Finding(now["busy"] == 0.0 and now["refused"] == 0.0, words)


SPEC = classical(
    name="kme-rate-limited",
    title="A key management entity answers few requests a second (twins only)",
    settings=KmeRateLimited,
    zero="A rate of 0 Hz sets no limit: use kme_down for an entity that answers nothing.",
    acts_on="the requests that a key management entity's twin answers",
    moves=lambda settings: {"kme_rate_hz": settings.rate_hz},
    shown=_shown,
    healed=_healed,
    target_role=KME_CHANNEL,
    ranges={
        "rate_hz": Range(0.5, 20.0, "around the 5 Hz that a key store's quota was tried with (OpenBao, sys/quotas/rate-limit)")
    },
)
