"""A key management entity is down: its application's connections end and new ones are refused, and it takes in no keys.

Keys that the link releases meanwhile wait with the link, in order; a run that delivers is held back until there is room again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import KME_CHANNEL, classical
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "KmeDown"]


@dataclass(frozen=True)
class KmeDown:
    """It is down or it is not: there are no settings."""


def _shown(_settings: KmeDown, before: Readings, now: Readings) -> Finding:
    words = f"{now['refused']:.0f} of 1 connections was refused, {before['refused']:.0f} before"
    return Finding(now["refused"] == 1.0 and now["answered"] == 0.0, words)


def _healed(_settings: KmeDown, _during: Readings, now: Readings) -> Finding:
    return Finding(now["refused"] == 0.0, f"{now['refused']:.0f} of 1 connections is refused")


SPEC = classical(
    name="kme-down",
    title="A key management entity is down",
    settings=KmeDown,
    zero="It has no settings, so nothing can be zero: it is down or it is not.",
    acts_on="the proxies in front of a key management entity, and a twin's intake of keys",
    moves=lambda _settings: {"kme_down": 1.0},
    shown=_shown,
    healed=_healed,
    target_role=KME_CHANNEL,
)
