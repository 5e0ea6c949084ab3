"""Every connection of a classical channel is reset (TCP RST to both ends), and each new one is, until it is healed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import classical
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalReset"]


@dataclass(frozen=True)
class ClassicalReset:
    """A reset has no settings."""


def _shown(_settings: ClassicalReset, _before: Readings, now: Readings) -> Finding:
    return Finding(now["resets"] == 1.0, f"{now['resets']:.0f} of 1 connections was reset")


SPEC = classical(
    name="classical-reset",
    title="Connections of a classical channel are reset",
    settings=ClassicalReset,
    zero="It has no settings, so nothing can be zero: connections are reset or they are not.",
    acts_on="every connection of a classical channel, those that are there and new ones",
    moves=lambda _settings: {"reset": 1.0},
    shown=_shown,
)
