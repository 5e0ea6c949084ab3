"""How many pairs a pulse holds: Poisson, or thermal over some modes of equal brightness."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["PairNumbers"]

_TAIL = 1e-17


@dataclass(frozen=True)
class PairNumbers:
    """Pairs of one pulse: ``mean``, and ``modes`` of a thermal (negative binomial) law, None for a Poisson law."""

    mean: float
    modes: int | None = None

    def thinned(self, share: float) -> PairNumbers:
        """Those that remain when each pair is kept with this chance: the same law with a smaller mean."""
        return replace(self, mean=self.mean * share)

    def none_of(self, share: float) -> float:
        """Probability that no pair of a pulse is one of this share of them."""
        if self.modes is None:
            return float(np.exp(-self.mean * share))
        return float((1.0 + self.mean * share / self.modes) ** -self.modes)

    def draw(self, rng: np.random.Generator, first: int, length: int) -> npt.NDArray[np.int64]:
        """Pulse index of every pair among ``length`` pulses from ``first`` on, ascending; a pulse with two comes twice."""
        some = 1.0 - self.none_of(1.0) if self.mean > 1e-6 else self.mean
        if some <= 0.0:
            return np.empty(0, dtype=np.int64)
        pulses = _pulses(rng, some, length)
        chances = self._several(some)
        number = 1 + np.searchsorted(chances, rng.random(pulses.size), side="right")
        return np.repeat(pulses + first, number)

    def _several(self, some: float) -> npt.NDArray[np.float64]:
        """Cumulative probabilities of 1, 2, ... pairs in a pulse that has some."""
        probability, cumulative, number = 1.0 - some, 0.0, 0
        found: list[float] = []
        while cumulative < some * (1.0 - _TAIL) and number < 10_000:
            number += 1
            if self.modes is None:
                probability *= self.mean / number
            else:
                probability *= self.mean / (self.mean + self.modes) * (self.modes + number - 1) / number
            cumulative += probability
            found.append(cumulative / some)
            if probability < some * _TAIL:
                break
        chances: npt.NDArray[np.float64] = np.minimum(np.array(found[:-1]), 1.0)
        return chances


def _pulses(rng: np.random.Generator, chance: float, length: int) -> npt.NDArray[np.int64]:
    """Pulses of ``length`` that hold something, each with this chance: geometric gaps, until they reach beyond the end."""
    reached, found = -1, []
    while reached < length:
        expected = chance * (length - reached)
        gaps = np.minimum(rng.geometric(chance, int(expected + 6.0 * expected**0.5) + 8), length + 1)
        places = reached + np.cumsum(gaps)
        reached = int(places[-1])
        found.append(places[: np.searchsorted(places, length)])
    return np.concatenate(found)
