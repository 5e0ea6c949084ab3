"""Polling loops on a tape: questions that were asked round after round, answered the same, are written once.

One question that is asked again and again is one entry with ``times``. A round of several is a loop: every entry of it says in
which loop it is (``loop``, the number of its first entry) and how often the whole of it was said (``rounds``). Only harmless
questions are folded so, and only where every answer of a round, its silences included, is that of the round before.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hil.transports.tape_format import Exchange

__all__ = ["LONGEST_ROUND", "Folding", "unfolded"]

LONGEST_ROUND = 4
"""Questions in a round."""
_LEAST_ROUNDS = 3
"""Twice may be chance, and is no loop."""
_SAID = ("send", "receive", "port", "lost", "repeatable", "times")


def _same(one: Exchange, other: Exchange) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _SAID)


class Folding:
    """Takes exchanges as they end, and gives those that can be written: what may still be folded is held back."""

    def __init__(self) -> None:
        self._last: Exchange | None = None
        self._held: list[Exchange] = []
        self._round: list[Exchange] = []
        self._rounds = 0

    @property
    def first(self) -> Exchange | None:
        """The first that is held back, if any."""
        held = [*self._round, *self._held, *([self._last] if self._last else [])]
        return held[0] if held else None

    def add(self, exchange: Exchange) -> list[Exchange]:
        """One more; what is now certain, in order."""
        if not exchange.repeatable or exchange.lost:
            return [*self.end(), exchange]
        last = self._last
        if last is not None and _same(replace(last, times=1), exchange):
            self._last = replace(last, times=last.times + 1)
            return []
        self._last = exchange
        return [] if last is None else self._fold(last)

    def end(self) -> list[Exchange]:
        """Everything held back: something else comes next."""
        last, self._last = self._last, None
        certain = [] if last is None else self._fold(last)
        certain += self._leave()
        certain += self._held
        self._held = []
        return certain

    def _fold(self, exchange: Exchange) -> list[Exchange]:
        """Go on with the round that goes on, or look whether one has begun."""
        if self._round:
            if _same(self._round[len(self._held)], exchange):
                self._held.append(exchange)
                if len(self._held) == len(self._round):
                    self._rounds, self._held = self._rounds + 1, []
                return []
            certain, begun, self._held = self._leave(), self._held, []
            for one in (*begun, exchange):
                certain += self._fold(one)
            return certain
        self._held.append(exchange)
        return self._begin()

    def _begin(self) -> list[Exchange]:
        """A round, where the last ones held are rounds of the same; else the oldest, which no round can begin with any more."""
        for length in range(2, LONGEST_ROUND + 1):
            whole = self._held[-_LEAST_ROUNDS * length :]
            if len(whole) == _LEAST_ROUNDS * length and all(map(_same, whole, whole[length:])):
                certain = self._held[: -len(whole)]
                self._round, self._rounds, self._held = whole[:length], _LEAST_ROUNDS, []
                return certain
        certain, self._held = self._held[: -_LEAST_ROUNDS * LONGEST_ROUND], self._held[-_LEAST_ROUNDS * LONGEST_ROUND :]
        return certain

    def _leave(self) -> list[Exchange]:
        """The entries of the round that is over."""
        over = [replace(one, loop=self._round[0].n, rounds=self._rounds) for one in self._round]
        self._round = []
        return over


def unfolded(exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
    """Every exchange as often as it was said, in that order; numbers and times are those of the first round."""
    for loop, entries in groupby(exchanges, lambda entry: entry.loop or -entry.n):
        members = list(entries)
        for _ in range(members[0].rounds if loop > 0 else 1):
            for one in members:
                for _ in range(one.times):
                    yield replace(one, times=1, loop=0, rounds=1)
