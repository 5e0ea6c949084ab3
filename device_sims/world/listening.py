"""Instruments on the outputs of a receiver's detectors, which keep clicks beside its own electronics."""

from __future__ import annotations

from dataclasses import dataclass

from .sampler import Candidates

__all__ = ["Listener"]


@dataclass
class Listener:
    """One of them: the first pulse whose clicks it has not taken, and when it ends by itself (None: when told to).

    Once ``over`` it hears nothing more; ``rest`` is then what it has not taken.
    """

    at: int
    end_ns: int | None = None
    over: bool = False
    rest: Candidates | None = None

    def take_rest(self) -> Candidates:
        """What was left, once."""
        rest, self.rest = self.rest, None
        return Candidates.none() if rest is None else rest
