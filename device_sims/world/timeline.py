"""What was set when: the piecewise constant state of a bench over its time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Key", "State", "Timeline"]

Key = tuple[str, str]
"""(device or link, setting)."""

State = dict[Key, float]
"""Everything that was set or injected; read only once in a timeline."""


class Timeline:
    """States by the time they began, kept from time zero on.

    Setting what is set already leaves no trace, and changes at one time make one state, so that the record depends on what
    happened and not on how it was asked for.
    """

    def __init__(self, initial: Mapping[Key, float]) -> None:
        self.times_ns: list[int] = [0]
        self.states: list[State] = [dict(initial)]

    @property
    def present(self) -> State:
        """The latest state."""
        return self.states[-1]

    @property
    def last_ns(self) -> int:
        """When the latest state began."""
        return self.times_ns[-1]

    def change(self, settings: Mapping[Key, float | None], now_ns: int) -> None:
        """Set (or, with None, remove) settings from ``now_ns`` on; a time before the latest change counts as that of it."""
        state = {key: value for key, value in {**self.present, **settings}.items() if value is not None}
        if state == self.present:
            return
        if now_ns <= self.last_ns:
            self.states[-1] = state
        else:
            self.times_ns.append(now_ns)
            self.states.append(state)

    def number_at(self, now_ns: int) -> int:
        """Which state holds at a time."""
        return max(bisect_right(self.times_ns, now_ns) - 1, 0)

    def changes_between(self, from_ns: int, to_ns: int) -> list[int]:
        """Times of change in the open interval (from, to)."""
        return self.times_ns[bisect_right(self.times_ns, from_ns) : bisect_left(self.times_ns, to_ns)]
