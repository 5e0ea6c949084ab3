"""How strong a fault is over time: a level from 0 to 1 of what was asked for, by the seconds since it was injected.

A waveform is data. It stands still between its changes, so that a bench which is told each of them follows it exactly.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Protocol

from hil.seeds import stream

__all__ = ["FORMS", "Burst", "Ramp", "RandomWalk", "Replay", "Step", "Waveform"]

FORMS = {
    "step": "'step'",
    "ramp": "'ramp 20 s'",
    "burst": "'burst 2 s every 10 s'",
    "random-walk": "'random-walk 1 s'",
    "replay": "'replay FILE.csv' (columns time_s,level)",
}
"""Each waveform by its first word, as tests may write it."""


class Waveform(Protocol):
    """What a fault needs of one; its words are those that a test writes."""

    def level(self, time_s: float) -> float:
        """The level so many seconds after injection, from 0 to 1."""
        ...

    def next_change_s(self, time_s: float) -> float:
        """When the level changes next, after this time; infinity when it stays."""
        ...

    @property
    def tops_s(self) -> float:
        """From when on it has been as strong as it gets, or strong often enough to be seen."""
        ...


@dataclass(frozen=True)
class Step:
    """All of it at once, until it is healed."""

    def level(self, time_s: float) -> float:
        """Always 1."""
        del time_s
        return 1.0

    def next_change_s(self, time_s: float) -> float:
        """It never changes."""
        del time_s
        return math.inf

    @property
    def tops_s(self) -> float:
        """At once."""
        return 0.0

    def __str__(self) -> str:
        return "step"


@dataclass(frozen=True)
class Ramp:
    """From nothing to all of it in ``rise_s`` seconds, in ``steps`` equal steps; there it stays."""

    rise_s: float
    steps: int = 20

    def level(self, time_s: float) -> float:
        """The first step comes at once."""
        return min(math.floor(self._steps_at(time_s)) + 1, self.steps) / self.steps

    def next_change_s(self, time_s: float) -> float:
        """The next step, until it has risen."""
        after = math.floor(self._steps_at(time_s)) + 1
        return after * self._step_s if after < self.steps else math.inf

    @property
    def tops_s(self) -> float:
        """At its last step."""
        return (self.steps - 1) * self._step_s

    @property
    def _step_s(self) -> float:
        return self.rise_s / self.steps

    def _steps_at(self, time_s: float) -> float:
        return time_s / self._step_s + 1e-9  # a step that is due is not missed for a rounding error

    def __str__(self) -> str:
        return f"ramp {self.rise_s:g} s"


@dataclass(frozen=True)
class Burst:
    """All of it for ``on_s`` seconds, again ``every_s`` seconds, and nothing in between."""

    on_s: float
    every_s: float

    def level(self, time_s: float) -> float:
        """1 inside a burst, else 0."""
        return 1.0 if self._ends_s(time_s)[0] > time_s + self._rounding_s else 0.0

    def next_change_s(self, time_s: float) -> float:
        """The end of this burst, or the next one's begin."""
        end_s, next_s = self._ends_s(time_s)
        return end_s if end_s > time_s + self._rounding_s else next_s

    @property
    def tops_s(self) -> float:
        """After three bursts."""
        return 2.0 * self.every_s + self.on_s

    @property
    def _rounding_s(self) -> float:
        return 1e-9 * self.every_s

    def _ends_s(self, time_s: float) -> tuple[float, float]:
        """Where the burst of this time ends, and where the next one begins."""
        number = math.floor(time_s / self.every_s + 1e-9)
        return number * self.every_s + self.on_s, (number + 1) * self.every_s

    def __str__(self) -> str:
        return f"burst {self.on_s:g} s every {self.every_s:g} s"


@dataclass(frozen=True)
class RandomWalk:
    """A walk between 0 and 1 that begins at a half: every ``step_s`` seconds a normal step of 0.2, reflected at both ends."""

    step_s: float
    seed: int = 0
    _levels: list[float] = field(default_factory=list, init=False, repr=False, compare=False)

    def level(self, time_s: float) -> float:
        """The same for the same seed and time, whatever was asked before."""
        number = math.floor(time_s / self.step_s + 1e-9)
        if number >= len(self._levels):
            self._walk(number)
        return self._levels[number]

    def next_change_s(self, time_s: float) -> float:
        """The next step."""
        return (math.floor(time_s / self.step_s + 1e-9) + 1) * self.step_s

    @property
    def tops_s(self) -> float:
        """After twenty steps, in which it has all but surely been above a half."""
        return 20.0 * self.step_s

    def _walk(self, number: int) -> None:
        for step in range(len(self._levels), number + 1):
            if not step:
                self._levels.append(0.5)
                continue
            moved = self._levels[-1] + float(stream(self.seed, "random walk", step).normal(0.0, 0.2))
            folded = math.fmod(abs(moved), 2.0)
            self._levels.append(min(folded, 2.0 - folded))

    def __str__(self) -> str:
        return f"random-walk {self.step_s:g} s"


@dataclass(frozen=True)
class Replay:
    """What a recording did: ``levels`` from 0 to 1, each from its time in ``times_s`` on; before the first it is nothing.

    The last level stays.
    """

    times_s: tuple[float, ...]
    levels: tuple[float, ...]
    source: str = ""

    def level(self, time_s: float) -> float:
        """The level recorded last before this time."""
        number = bisect_right(self.times_s, time_s + 1e-9) - 1
        return self.levels[number] if number >= 0 else 0.0

    def next_change_s(self, time_s: float) -> float:
        """The next recorded time."""
        number = bisect_right(self.times_s, time_s + 1e-9)
        return self.times_s[number] if number < len(self.times_s) else math.inf

    @property
    def tops_s(self) -> float:
        """Where its highest level begins."""
        return self.times_s[self.levels.index(max(self.levels))]

    def __str__(self) -> str:
        return f"replay {self.source}".rstrip()
