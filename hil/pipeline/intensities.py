"""Intensities of which only an interval is known: every factor of a bound at whichever end is worse for the key.

The source may send any constant intensities within the intervals. A bound made of factors that are each at their worst is no
better than the bound at any intensities there are, without asking where that is lowest. So that it is hardly worse, intervals
are cut into pieces, and the least of all pieces counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.ports.detections import SourceDeclaration

__all__ = ["Sent"]

_PIECE = 0.002
_MOST_PIECES = 12


@dataclass(frozen=True)
class Sent:
    """What a source sends: each intensity from ``low`` to ``high``, strongest first, with its probability."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    probabilities: tuple[float, ...]

    @classmethod
    def of(cls, source: SourceDeclaration, uncertainty: float) -> Sent:
        """``uncertainty`` is relative: a declared mu may be anything from mu (1 - u) to mu (1 + u)."""
        low, high = (tuple(mu * factor for mu in source.intensities) for factor in (1.0 - uncertainty, 1.0 + uncertainty))
        return cls(low, high, source.probabilities)

    def pieces(self) -> list[Sent]:
        """Parts of the intervals, which together are all of them."""
        cuts = []
        for low, high in zip(self.low, self.high, strict=True):
            number = min(max(1, math.ceil((high - low) / _PIECE)), _MOST_PIECES)
            ends = [low + (high - low) * part / number for part in range(number)] + [high]
            cuts.append(list(pairwise(ends)))
        return [
            Sent(tuple(low for low, _ in part), tuple(high for _, high in part), self.probabilities) for part in product(*cuts)
        ]

    def weighed_least(self, events: float, intensity: int) -> float:
        """Least of exp(mu) / p times what an intensity was counted with."""
        return min(math.exp(mu) / self.probabilities[intensity] * events for mu in self._ends(intensity))

    def weighed_most(self, events: float, intensity: int) -> float:
        """Most of it."""
        return max(math.exp(mu) / self.probabilities[intensity] * events for mu in self._ends(intensity))

    def emitted_least(self, photons: int) -> float:
        """Least probability that a pulse holds 0 photons or 1; both rise or fall once, so that an end is the least."""
        return sum(p * min(_poisson(mu, photons) for mu in self._ends(i)) for i, p in enumerate(self.probabilities))

    def emitted_most(self, photons: int) -> float:
        """Most of it; that of 1 photon is the greatest at mu = 1."""
        return sum(p * max(_poisson(mu, photons) for mu in self._with_one(i)) for i, p in enumerate(self.probabilities))

    def _ends(self, intensity: int) -> tuple[float, float]:
        return self.low[intensity], self.high[intensity]

    def _with_one(self, intensity: int) -> tuple[float, ...]:
        low, high = self._ends(intensity)
        return (low, 1.0, high) if low < 1.0 < high else (low, high)


def _poisson(mu: float, photons: int) -> float:
    return math.exp(-mu) * mu**photons / math.factorial(photons)
