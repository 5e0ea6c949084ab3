"""Bits on a classical channel are flipped behind TCP's back; the length in front of a message is spared.

Ranges: 0 to 1e-3. TCP's checksum lets one in 16 million to 10 billion packets through damaged (Stone and Partridge, SIGCOMM
2000); an attacker flips what he likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalCorruption"]


@dataclass(frozen=True)
class ClassicalCorruption:
    """``bit_error_ratio``: probability for each bit, each way."""

    bit_error_ratio: float

    def __post_init__(self) -> None:
        checked(self)


def _shown(_settings: ClassicalCorruption, before: Readings, now: Readings) -> Finding:
    words = f"{now['changed']:.0f} messages came back changed, {before['changed']:.0f} before"
    return Finding(now["changed"] > before["changed"], words)


SPEC = classical(
    name="classical-corruption",
    title="A classical channel flips bits",
    settings=ClassicalCorruption,
    zero="A ratio of 0 flips nothing.",
    acts_on="bits of every connection of a classical channel, both ways",
    moves=lambda settings: {"bit_error_ratio": settings.bit_error_ratio},
    shown=_shown,
    ranges={"bit_error_ratio": Range(0.0, 1e-3, "Stone and Partridge, SIGCOMM 2000, to an attacker's")},
    magnitude=("bit_error_ratio",),
)
