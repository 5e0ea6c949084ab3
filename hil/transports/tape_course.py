"""How far a strict replay has come on a tape: each message in the recorded order, loops as often as recorded, or less often.

A loop may be left sooner than it was recorded, also in the middle of a round where the tape goes on so behind it. Where a
message fits several places, all with the same answer are kept in mind; a driver that does as it did takes the recorded way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hil.transports.tape_format import as_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hil.transports.tape_format import Exchange

__all__ = ["Course"]


class _Place(NamedTuple):
    """The exchange that was said last, in which round of its loop, and how often in that round."""

    at: int
    round: int = 0
    times: int = 0


class Course:
    """The exchanges of one section of a tape, in order."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._exchanges = exchanges
        self._places = [_Place(-1)]
        self._begins, begin = [], 0
        for index, entry in enumerate(exchanges):
            if not entry.loop or not index or exchanges[index - 1].loop != entry.loop:
                begin = index
            self._begins.append(begin)

    @property
    def said(self) -> int:
        """How many exchanges were said at least once, as the driver does now what it did."""
        return self._places[0].at + 1

    @property
    def farthest(self) -> int:
        """How many may have been said, if it left every loop where it could."""
        return max(place.at for place in self._places) + 1

    def say(self, port: int, data: bytes) -> int | None:
        """Which exchange this message is, or None, and then nothing has changed."""
        found: dict[_Place, None] = {}
        for place in self._places:
            for following in self._following(place):
                entry = self._exchanges[following.at]
                if entry.port == port and as_bytes(entry.send) == data:
                    found[following] = None
        if not found:
            return None
        answer = self._answer(next(iter(found)))
        self._places = [place for place in found if self._answer(place) == answer]
        return self._places[0].at

    def _following(self, place: _Place) -> Iterator[_Place]:
        """Where it may go on, the recorded way first: once more, the next round, the next exchange."""
        index, turn, times = place
        if index >= 0:
            entry = self._exchanges[index]
            if times < entry.times:
                yield _Place(index, turn, times + 1)
            if entry.loop and self._ends_round(index) and turn + 1 < entry.rounds:
                yield _Place(self._begins[index], turn + 1, 1)
        if index + 1 < len(self._exchanges):
            within = index >= 0 and self._begins[index + 1] == self._begins[index]
            yield _Place(index + 1, turn if within else 0, 1)

    def _ends_round(self, index: int) -> bool:
        return index + 1 == len(self._exchanges) or self._begins[index + 1] != self._begins[index]

    def _answer(self, place: _Place) -> tuple[object, bool]:
        entry = self._exchanges[place.at]
        return entry.receive, entry.lost
